//! `heatveil serve` as its own process, and requests to it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// Longest answer that is read: some files of hostile folders have no end.
const LONGEST: u64 = 1 << 24;

/// A page that is served until this is dropped.
pub(crate) struct Served {
    child: Child,
    address: String,
    /// What is still said on stdout and stderr: read at once, since a full pipe would stop the server.
    said: Vec<JoinHandle<Vec<u8>>>,
}

/// Reads to the end beside the test.
fn collect(mut pipe: impl Read + Send + 'static) -> JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut said = Vec::new();
        pipe.read_to_end(&mut said).unwrap();
        said
    })
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
        let stderr = collect(child.stderr.take().unwrap());
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        if stdout.read_line(&mut line).unwrap() == 0 {
            let code = child.wait().unwrap().code();
            let said = stderr.join().unwrap();
            return Err((code, String::from_utf8_lossy(&said).into_owned()));
        }
        let address = line.trim().trim_start_matches("http://");
        Ok(Self {
            child,
            address: address.trim_end_matches('/').to_owned(),
            said: vec![stderr, collect(stdout)],
        })
    }

    /// Stops serving; returns all that was said on stderr, and on stdout behind the address.
    pub(crate) fn stop(mut self) -> Vec<u8> {
        self.end();
        let said = self.said.drain(..).map(|said| said.join().unwrap());
        said.collect::<Vec<_>>().concat()
    }

    fn end(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
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
        self.end();
    }
}
