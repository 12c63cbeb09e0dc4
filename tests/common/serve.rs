//! `heatveil serve` as its own process, and requests to it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Longest answer that is read: some files of hostile folders have no end.
const LONGEST: u64 = 1 << 24;

/// A page that is served until this is dropped.
pub(crate) struct Served {
    child: Child,
    address: String,
}

impl Served {
    /// Starts a command of `serve --bind 127.0.0.1:0`; `Err` with its exit code and what it said where it refuses to serve.
    pub(crate) fn start(mut command: Command) -> Result<Self, (Option<i32>, String)> {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let said = BufReader::new(child.stdout.take().unwrap()).read_line(&mut line);
        if said.unwrap() == 0 {
            let output = child.wait_with_output().unwrap();
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            return Err((output.status.code(), said));
        }
        let address = line.trim().trim_start_matches("http://");
        Ok(Self {
            child,
            address: address.trim_end_matches('/').to_owned(),
        })
    }

    /// Status, headers and body of the answer to `GET path`; status 0 where nothing is answered.
    pub(crate) fn get(&self, path: &str) -> (u16, String, Vec<u8>) {
        let mut stream = TcpStream::connect(&self.address).expect("the server is gone");
        stream
            .set_read_timeout(Some(Duration::from_mins(1)))
            .unwrap();
        write!(
            stream,
            "GET {path} HTTP/1.0\r\nHost: {}\r\n\r\n",
            self.address
        )
        .unwrap();
        let mut answer = Vec::new();
        stream.take(LONGEST).read_to_end(&mut answer).unwrap();
        let end = answer.windows(4).position(|four| four == b"\r\n\r\n");
        let Some(end) = end else {
            return (0, String::new(), answer);
        };
        let headers = String::from_utf8_lossy(&answer[..end]).into_owned();
        let status = headers.split(' ').nth(1).unwrap().parse().unwrap();
        (status, headers, answer.split_off(end + 4))
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}
