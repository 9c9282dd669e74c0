//! Servers of the tests' own: found or started once per test process, gone when the process is.

use std::env;
use std::fmt::Display;
use std::fs;
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::process::{self, Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::supervisor::{self, Task};

const DEADLINE_SECONDS: u64 = 180;
/// How often a start is tried again because another process took the port first.
const ATTEMPTS: usize = 3;

static CPU: OnceLock<usize> = OnceLock::new();

/// Makes the servers start on this CPU, and stay there: for benchmarks, which call it before anything else.
///
/// # Panics
///
/// When another CPU was asked for before.
pub fn pin_to_cpu(cpu: usize) {
    assert_eq!(
        *CPU.get_or_init(|| cpu),
        cpu,
        "the servers can be pinned to one CPU only"
    );
}

/// How to run one kind of server.
pub(crate) struct Kind {
    /// A file of `tests/servers`: how it is found, installed and started.
    pub(crate) description: &'static str,
    /// The URL of a superuser on this port.
    pub(crate) url: fn(u16) -> String,
    /// Opens a connection, and closes it.
    pub(crate) probe: fn(&str) -> Result<(), String>,
}

impl Kind {
    /// What the description says of `name`.
    fn fact(&self, name: &str) -> &'static str {
        self.description
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix('='))
            .unwrap_or_default()
            .trim_matches('\'')
    }

    fn is_installed(&self) -> bool {
        Command::new("sh")
            .args(["-c", &format!("{}\nprogram", self.description)])
            .stdout(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    }

    /// What to say when the server is nowhere.
    fn not_installed(&self) -> String {
        let (name, packages) = (self.fact("name"), self.fact("packages"));
        format!(
            "{name} is switched on and not installed: run `tests/run setup`, or install it (on Debian: {packages}){}",
            self.instead()
        )
    }

    /// Whether a running server is named to be used instead.
    #[cfg(feature = "rabbitmq")]
    pub(crate) fn is_named(&self) -> bool {
        named_by(self.fact("variable")).is_some()
    }

    /// How to do without a server of the tests' own.
    fn instead(&self) -> String {
        match self.fact("variable") {
            "" => String::new(),
            variable => format!(", or let {variable} name a running server"),
        }
    }
}

/// When a server ends, it ends; or it is started again, as a service manager does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Starts {
    Once,
    Again,
}

/// A server that answers; it ends with the value, and with the process.
pub(crate) struct Server {
    url: String,
    probe: fn(&str) -> Result<(), String>,
    ours: Option<Ours>,
}

/// A server that was started here.
struct Ours {
    dir: PathBuf,
    port: u16,
    // Holds the pipe whose end is the end of the server.
    supervisor: Child,
}

impl Server {
    /// The server that `cell` holds, found or started by the first who asks. A failure is kept too: each test that
    /// needs the server fails, and only the first waits for it.
    pub(crate) fn get<'a>(cell: &'a OnceLock<Result<Self, String>>, kind: &Kind) -> &'a Self {
        match cell.get_or_init(|| Self::find_or_start(kind)) {
            Ok(server) => server,
            Err(message) => panic!("{message}"),
        }
    }

    /// The URL of a database of this server.
    pub(crate) fn url(&self, database: &str) -> String {
        with_database(&self.url, database)
    }

    /// The URL of the database for creating and dropping others.
    pub(crate) fn admin_url(&self) -> &str {
        &self.url
    }

    /// The main process, if the server is ours and runs.
    pub(crate) fn pid(&self) -> Option<u32> {
        let pid = fs::read_to_string(self.ours.as_ref()?.dir.join("pid")).ok()?;
        pid.trim().parse().ok()
    }

    /// The port on 127.0.0.1; none if the server is not ours.
    pub(crate) fn port(&self) -> Option<u16> {
        Some(self.ours.as_ref()?.port)
    }

    /// The directory; none if the server is not ours.
    #[cfg(feature = "rabbitmq")]
    pub(crate) fn directory(&self) -> Option<&std::path::Path> {
        Some(&self.ours.as_ref()?.dir)
    }

    /// `kill -9`. One that is started again comes a little later, with what it had stored.
    ///
    /// # Panics
    ///
    /// When it does not run, or is not ours.
    pub(crate) fn kill(&self) {
        let pid = self.signal("KILL");
        let end = Instant::now() + Duration::from_secs(DEADLINE_SECONDS);
        while self.pid().is_some_and(|now| now.to_string() == pid) {
            assert!(Instant::now() < end, "{pid} was killed, and is still there");
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// Sends a signal to the main process, and returns its pid.
    ///
    /// # Panics
    ///
    /// When it does not run, or is not ours.
    pub(crate) fn signal(&self, name: &str) -> String {
        let pid = self.pid().expect("a server that runs").to_string();
        let sent = Command::new("kill").args(["-s", name, &pid]).status();
        assert!(
            sent.is_ok_and(|status| status.success()),
            "kill -s {name} {pid}"
        );
        pid
    }

    /// Removes a directory of the server, which is down.
    ///
    /// # Panics
    ///
    /// When that fails, or the server is not ours.
    #[cfg(feature = "nats")]
    pub(crate) fn remove(&self, name: &str) {
        let ours = self.ours.as_ref().expect("a server of our own");
        fs::remove_dir_all(ours.dir.join(name)).expect("a directory of our own");
    }

    /// `kill -9`, and it is not started again before [`up`](Self::up).
    ///
    /// # Panics
    ///
    /// As [`kill`](Self::kill).
    pub(crate) fn down(&self) {
        let ours = self.ours.as_ref().expect("a server of our own");
        fs::write(ours.dir.join("down"), "").expect("a directory of our own");
        self.kill();
    }

    /// Lets it be started again, and waits until it answers.
    ///
    /// # Panics
    ///
    /// When it does not.
    pub(crate) fn up(&mut self) {
        let ours = self.ours.as_ref().expect("a server of our own");
        fs::remove_file(ours.dir.join("down")).expect("a server that is down");
        self.wait();
    }

    /// Waits until it answers.
    ///
    /// # Panics
    ///
    /// When it does not.
    pub(crate) fn wait(&mut self) {
        self.answers().unwrap_or_else(|error| panic!("{error}"));
    }

    fn find_or_start(kind: &Kind) -> Result<Self, String> {
        let variable = kind.fact("variable");
        let Some(url) = named_by(variable) else {
            return Self::start(kind, Starts::Once);
        };
        // The URL stays out of the message: it may carry a password.
        (kind.probe)(&url).map_err(|error| {
            let name = kind.fact("name");
            format!("{name} does not answer where {variable} says that it is: {error}")
        })?;
        Ok(Self {
            url,
            probe: kind.probe,
            ours: None,
        })
    }

    /// Starts a server.
    pub(crate) fn start(kind: &Kind, starts: Starts) -> Result<Self, String> {
        Self::start_with(kind, starts, &[])
    }

    /// Starts a server whose description reads these variables.
    pub(crate) fn start_with(
        kind: &Kind,
        starts: Starts,
        variables: &[(&str, &str)],
    ) -> Result<Self, String> {
        let mut attempt = 1;
        loop {
            match Self::try_start(kind, starts, variables) {
                Err(message)
                    if attempt < ATTEMPTS && message.contains("Address already in use") =>
                {
                    attempt += 1;
                }
                result => return result,
            }
        }
    }

    fn try_start(kind: &Kind, starts: Starts, variables: &[(&str, &str)]) -> Result<Self, String> {
        if !kind.is_installed() {
            return Err(kind.not_installed());
        }
        let failed = |what: &dyn Display| {
            let (name, instead) = (kind.fact("name"), kind.instead());
            format!("{name} could not be started (see why{instead}): {what}")
        };
        let port = free_port().map_err(|error| failed(&error))?;
        let dir = supervisor::parent_directory().join(unique_name());
        let account = kind.fact("account");
        let task = Task {
            account,
            dir: &dir,
            port,
            description: kind.description,
            starts,
            variables,
        };
        let supervisor = supervisor::start(&task, CPU.get()).map_err(|error| {
            // Said for root, who would not expect to be refused.
            let what = format!(
                "in {}, as the user `{account}` if this is root",
                dir.display()
            );
            failed(&format!("{error} ({what})"))
        })?;
        let mut server = Self {
            url: (kind.url)(port),
            probe: kind.probe,
            ours: Some(Ours {
                dir,
                port,
                supervisor,
            }),
        };
        server.answers().map_err(|error| failed(&error))?;
        Ok(server)
    }

    /// Waits until it answers; why it does not.
    fn answers(&mut self) -> Result<(), String> {
        let end = Instant::now() + Duration::from_secs(DEADLINE_SECONDS);
        while let Err(error) = (self.probe)(&self.url) {
            let Some(Ours {
                dir, supervisor, ..
            }) = &mut self.ours
            else {
                return Err(error);
            };
            let why = if dir.join("ended").exists() || !matches!(supervisor.try_wait(), Ok(None)) {
                "it ended by itself".to_owned()
            } else if Instant::now() > end {
                format!(
                    "no connection within {DEADLINE_SECONDS} s ({})",
                    error.trim()
                )
            } else {
                thread::sleep(Duration::from_millis(10));
                continue;
            };
            let log = fs::read(dir.join("log")).unwrap_or_default();
            return Err(format!("{why}. The end of its log:\n{}", tail(&log)));
        }
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(ours) = &mut self.ours {
            drop(ours.supervisor.stdin.take());
            ours.supervisor.wait().ok();
        }
    }
}

/// A name for a database or a directory that no other test uses, also where the test processes of several machines share a
/// server.
pub(crate) fn unique_name() -> String {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let count = COUNTER.fetch_add(1, Ordering::Relaxed);
    format!("versioned_{}_{:x}_{count}", process::id(), now.as_micros())
}

fn named_by(variable: &str) -> Option<String> {
    let url = env::var(variable).ok()?;
    (!url.is_empty()).then_some(url)
}

fn with_database(url: &str, database: &str) -> String {
    let (rest, query) = match url.split_once('?') {
        Some((rest, query)) => (rest, format!("?{query}")),
        None => (url, String::new()),
    };
    let authority = rest.find("://").map_or(0, |at| at + 3);
    let end = rest[authority..]
        .find('/')
        .map_or(rest.len(), |at| authority + at);
    format!("{}/{database}{query}", &rest[..end])
}

pub(crate) fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?
        .local_addr()?
        .port())
}

fn tail(log: &[u8]) -> String {
    let log = String::from_utf8_lossy(log);
    let lines: Vec<_> = log.lines().collect();
    lines[lines.len().saturating_sub(30)..].join("\n")
}
