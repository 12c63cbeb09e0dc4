//! `heatveil serve`.

use std::net::SocketAddr;
use std::path::PathBuf;

use super::print::{answer, tell};
use super::{Exit, Global};
use crate::Error;
use crate::serve::{Options, Server};

/// Arguments of `heatveil serve`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    heatveil serve tonight --key reviewer/log.vkey\n  \
    heatveil serve tonight --bind 192.0.2.7:8470 --token")]
pub(super) struct ServeCommand {
    /// Folder of a run
    dir: PathBuf,
    /// Address to listen on; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8470")]
    bind: SocketAddr,
    /// Answer only browsers that bring a random token, printed once
    ///
    /// Must be given for any address that others can reach. Nothing is encrypted on the way: prefer a tunnel (ssh -L). Browsers also verify
    /// the log only on pages of their own machine, which a tunnel's end is.
    #[arg(long)]
    token: bool,
    /// Verifier key received by another way [default: the folder's own, which proves less]
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
}

impl ServeCommand {
    pub(super) fn execute(self, global: &Global) -> Result<Exit, Error> {
        let key = self.key.map(super::verify::read);
        let server = Server::bind(&Options {
            folder: self.dir,
            address: self.bind,
            token: self.token,
            key: key.transpose()?.map(|key| key.trim().to_owned()),
        })?;
        if global.json {
            answer(
                &serde_json::json!({ "message_type": "status", "url": server.url() }).to_string(),
            );
        } else {
            answer(server.url());
            tell("Open this address in a browser on this machine. Ctrl-C ends it.");
        }
        server.run()?;
        Ok(Exit::Done)
    }
}
