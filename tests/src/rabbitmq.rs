//! `RabbitMQ`: one server for most tests of a process, and one of its own for a test that kills or configures it.

use std::fmt;
use std::io::{Read as _, Write as _};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::process::{Command, Stdio};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use crate::server::{Kind, Server, Starts, unique_name};

const DESCRIPTION: &str = include_str!("../servers/rabbitmq.sh");

const KIND: Kind = Kind {
    description: DESCRIPTION,
    url: |port| format!("amqp://guest:guest@127.0.0.1:{port}/%2f"),
    probe: handshake,
};

/// The server that a variable names.
static NAMED: OnceLock<Result<Server, String>> = OnceLock::new();
static COMMON: OnceLock<Broker> = OnceLock::new();

/// Ready is a server that begins the handshake of AMQP: its ports are open before it answers.
fn handshake(url: &str) -> Result<(), String> {
    const PATIENCE: Duration = Duration::from_secs(5);
    let authority = url.split("://").nth(1).unwrap_or(url);
    let authority = authority.split(['/', '?']).next().unwrap_or(authority);
    let address = authority.rsplit('@').next().unwrap_or(authority);
    let address = if address.contains(':') {
        address.to_owned()
    } else {
        format!("{address}:5672")
    };
    let answer = || {
        let address = address.to_socket_addrs()?.next();
        let mut stream = TcpStream::connect_timeout(
            &address.ok_or(std::io::ErrorKind::AddrNotAvailable)?,
            PATIENCE,
        )?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(b"AMQP\0\0\x09\x01")?;
        let mut kind = [0];
        stream.read_exact(&mut kind)?;
        Ok(kind[0])
    };
    match answer() {
        Ok(1) => Ok(()),
        Ok(other) => Err(format!("it begins its answer with {other}")),
        Err(error) => Err(std::io::Error::to_string(&error)),
    }
}

/// The URL of the server that the tests of this process share. Each test makes its own exchanges and queues.
///
/// # Panics
///
/// When there is none: not installed, or it does not answer.
pub fn shared() -> &'static str {
    static URL: OnceLock<String> = OnceLock::new();
    if KIND.is_named() {
        return Server::get(&NAMED, &KIND).admin_url();
    }
    URL.get_or_init(|| Broker::common().url())
}

/// The server is not our own, and `rabbitmqctl` does not reach it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotOurs;

/// Runs `rabbitmqctl` on the shared server, and returns what it prints.
///
/// # Errors
///
/// When the server is not our own.
///
/// # Panics
///
/// When it fails.
pub fn shared_ctl(arguments: &[&str]) -> Result<String, NotOurs> {
    if KIND.is_named() {
        return Err(NotOurs);
    }
    Ok(Broker::common().ctl(arguments))
}

/// A name for an exchange or a queue that no other test uses.
pub fn name() -> String {
    unique_name()
}

/// A server, ended with the value or with the process.
pub struct Broker(Mutex<Server>);

impl Broker {
    /// The server of our own that the tests of this process share: for those that ask `rabbitmqctl` or for its port, and
    /// neither kill nor configure it.
    ///
    /// # Panics
    ///
    /// As [`start`](Self::start).
    pub fn common() -> &'static Self {
        COMMON.get_or_init(Self::start)
    }

    /// A new server without exchanges and queues of ours.
    ///
    /// # Panics
    ///
    /// When it is not installed, or does not answer.
    pub fn start() -> Self {
        Self::with_settings("")
    }

    /// A new server with settings of the application `rabbit`, as Erlang's terms.
    ///
    /// # Panics
    ///
    /// As [`start`](Self::start).
    pub fn with_settings(settings: &str) -> Self {
        let settings = [("settings", settings)];
        let server = Server::start_with(&KIND, Starts::Again, &settings);
        Self(Mutex::new(
            server.unwrap_or_else(|message| panic!("{message}")),
        ))
    }

    /// Where clients connect.
    pub fn url(&self) -> String {
        self.server().admin_url().to_owned()
    }

    /// The URL through another port of this machine, such as that of a proxy.
    pub fn url_at(&self, port: u16) -> String {
        (KIND.url)(port)
    }

    /// The port on 127.0.0.1.
    ///
    /// # Panics
    ///
    /// Never: each server is our own.
    pub fn port(&self) -> u16 {
        self.server().port().expect("a server of our own")
    }

    /// Writes down which quorum queues there are, before a test kills the server. It does so by itself up to three
    /// seconds after a declaration (3.10), and starts a queue that is not yet on disk as an empty one without a leader,
    /// which takes no messages and gives none.
    ///
    /// # Panics
    ///
    /// When it does not answer.
    pub fn write_down(&self) {
        self.ctl(&["eval", "[ok = dets:sync(Table) || Table <- dets:all()]."]);
    }

    /// `kill -9` of the whole Erlang VM. It comes again by itself, a little later, with what it had stored.
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

    /// Runs `rabbitmqctl`, and returns what it prints.
    ///
    /// # Panics
    ///
    /// When that fails.
    pub fn ctl(&self, arguments: &[&str]) -> String {
        self.try_ctl(arguments)
            .unwrap_or_else(|error| panic!("{error}"))
    }

    /// As [`ctl`](Self::ctl), for a server that may be down.
    ///
    /// # Errors
    ///
    /// When that fails.
    pub fn try_ctl(&self, arguments: &[&str]) -> Result<String, String> {
        ctl(&self.server(), arguments)
    }

    fn server(&self) -> MutexGuard<'_, Server> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A VM of Erlang for each call, so it takes seconds.
fn ctl(server: &Server, arguments: &[&str]) -> Result<String, String> {
    let (dir, port) = (server.directory(), server.port());
    let output = Command::new("sh")
        .args([
            "-c",
            &format!("{DESCRIPTION}\nenvironment; exec \"$(program)/rabbitmqctl\" --quiet \"$@\""),
            "rabbitmqctl",
        ])
        .args(arguments)
        .env("dir", dir.expect("a server of our own"))
        .env("port", port.expect("a server of our own").to_string())
        .stdin(Stdio::null())
        .output()
        .expect("a shell");
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return Ok(printed);
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!("rabbitmqctl {arguments:?}: {printed}{said}"))
}

impl fmt::Debug for Broker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Broker").field(&self.url()).finish()
    }
}
