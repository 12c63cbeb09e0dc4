//! Why a folder could not be served.

use std::net::SocketAddr;

use crate::audit::AuditError;

/// Why a folder could not be served.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// There is no log to serve.
    #[error("nothing to serve; give the folder of a finished run")]
    Log(#[from] AuditError),
    /// Every address of the machine at once.
    #[error(
        "{address} is every address of this machine; give the one address under which the page will be opened"
    )]
    EveryAddress {
        /// The address given.
        address: SocketAddr,
    },
    /// Others can reach the address.
    #[error("others can reach {address}; give --token so that only who has the token is answered")]
    NoToken {
        /// The address given.
        address: SocketAddr,
    },
    /// The address cannot be listened on.
    #[error("could not listen on {address}; give another with --bind")]
    Address {
        /// The address given.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// The system has no randomness.
    #[error("no token could be made: {problem}")]
    Randomness {
        /// What the system said.
        problem: String,
    },
    /// The system gives no sockets.
    #[error("could not go on serving")]
    Runtime {
        /// What the system said.
        source: std::io::Error,
    },
}

impl ServeError {
    /// Whether the folder or the address that was given is at fault.
    #[must_use]
    pub fn is_usage(&self) -> bool {
        !matches!(self, Self::Randomness { .. } | Self::Runtime { .. })
    }
}
