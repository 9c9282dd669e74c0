//! NATS with JetStream: a server for each test, with its data in a directory of its own. It may be killed, and comes again.

use std::fmt;
use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, TcpStream};
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_nats::jetstream::{consumer, stream::Stream};

use crate::server::{Kind, Server, Starts};

const KIND: Kind = Kind {
    description: include_str!("../servers/nats.sh"),
    url: |port| format!("nats://127.0.0.1:{port}"),
    probe: |url| {
        let mut greeting = String::new();
        let port = url.rsplit(':').next().and_then(|port| port.parse().ok());
        TcpStream::connect((Ipv4Addr::LOCALHOST, port.unwrap_or_default()))
            .and_then(|stream| BufReader::new(stream).read_line(&mut greeting))
            .map_err(|error| error.to_string())?;
        if greeting.starts_with("INFO") {
            Ok(())
        } else {
            Err(format!("it says {greeting:?}"))
        }
    },
};

/// The number of messages that the consumer has not delivered. After redeliveries, the server's own figure can stay one too
/// high (2.9.10). The sequence of the last message that was delivered is an upper bound too.
///
/// # Panics
///
/// When the stream is not there.
pub async fn undelivered(stream: &Stream, info: &consumer::Info) -> u64 {
    let last = stream
        .get_info()
        .await
        .expect("a stream")
        .state
        .last_sequence;
    let after = last.saturating_sub(info.delivered.stream_sequence);
    info.num_pending.min(after)
}

/// A server, ended with the value or with the process.
pub struct Broker(Mutex<Server>);

impl Broker {
    /// A new server without streams.
    ///
    /// # Panics
    ///
    /// When it is not installed, or does not answer.
    pub fn start() -> Self {
        let server = Server::start(&KIND, Starts::Again);
        Self(Mutex::new(
            server.unwrap_or_else(|message| panic!("{message}")),
        ))
    }

    /// Where clients connect.
    pub fn url(&self) -> String {
        self.server().admin_url().to_owned()
    }

    /// The port on 127.0.0.1.
    ///
    /// # Panics
    ///
    /// Never: each server is our own.
    pub fn port(&self) -> u16 {
        self.server().port().expect("a server of our own")
    }

    /// `kill -9`. It comes again by itself, a little later, with what it had stored.
    ///
    /// # Panics
    ///
    /// When it did not run.
    pub fn kill(&self) {
        self.server().kill();
    }

    /// `kill -9`, and it does not come again before [`up`](Self::up).
    ///
    /// # Panics
    ///
    /// As [`kill`](Self::kill).
    pub fn down(&self) {
        self.server().down();
    }

    /// Lets it come again, and waits until it answers.
    ///
    /// # Panics
    ///
    /// When it does not.
    pub fn up(&self) {
        self.server().up();
    }

    /// As [`down`](Self::down), and what it had stored is lost.
    ///
    /// # Panics
    ///
    /// As [`kill`](Self::kill).
    pub fn lose(&self) {
        let server = self.server();
        server.down();
        server.remove("data");
    }

    /// `SIGSTOP`: its connections stay open, and nothing happens on them before
    /// [`thaw`](Self::thaw).
    ///
    /// # Panics
    ///
    /// When it does not run.
    pub fn freeze(&self) {
        self.server().signal("STOP");
    }

    /// `SIGCONT`
    ///
    /// # Panics
    ///
    /// When it does not run.
    pub fn thaw(&self) {
        self.server().signal("CONT");
    }

    /// Waits until it answers.
    ///
    /// # Panics
    ///
    /// When it does not.
    pub fn wait(&self) {
        self.server().wait();
    }

    fn server(&self) -> MutexGuard<'_, Server> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Broker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Broker").field(&self.url()).finish()
    }
}
