//! Servers of the tests' own: found or started once per test process, gone when the process is.

use std::env;
use std::fmt::Display;
use std::fs;
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{self, Child};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::supervisor;

const DEADLINE_SECONDS: u64 = 60;
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
    pub(crate) name: &'static str,
    /// The environment variable whose URL names a running server to use instead.
    pub(crate) variable: &'static str,
    /// The account that runs the server when the tests run as root, which no server here wants to be.
    pub(crate) account: &'static str,
    /// The commands for a server with its data in this directory, on this port.
    pub(crate) commands: fn(&Path, u16) -> Result<Commands, String>,
    /// The URL of a superuser on this port.
    pub(crate) url: fn(u16) -> String,
    /// Opens a connection, and closes it.
    pub(crate) probe: fn(&str) -> Result<(), String>,
}

/// The two command lines of a server.
pub(crate) struct Commands {
    pub(crate) init: Vec<String>,
    pub(crate) serve: Vec<String>,
}

/// A server that answers.
pub(crate) struct Server {
    url: String,
    pid: Option<u32>,
    // Holds the pipe whose end is the end of the server.
    _supervisor: Option<Child>,
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

    /// The main process, if the server is ours.
    pub(crate) fn pid(&self) -> Option<u32> {
        self.pid
    }

    fn find_or_start(kind: &Kind) -> Result<Self, String> {
        if let Some(url) = named_by(kind.variable) {
            // The URL stays out of the message: it may carry a password.
            (kind.probe)(&url).map_err(|error| {
                format!(
                    "{} does not answer where {} says that it is: {error}",
                    kind.name, kind.variable
                )
            })?;
            return Ok(Self {
                url,
                pid: None,
                _supervisor: None,
            });
        }
        let mut attempt = 1;
        loop {
            match Self::start(kind) {
                Err(message)
                    if attempt < ATTEMPTS && message.contains("Address already in use") =>
                {
                    attempt += 1;
                }
                result => return result,
            }
        }
    }

    fn start(kind: &Kind) -> Result<Self, String> {
        let failed = |what: &dyn Display| {
            let Kind { name, variable, .. } = kind;
            format!(
                "{name} could not be started (let {variable} name one that runs, or see why): {what}"
            )
        };
        let port = free_port().map_err(|error| failed(&error))?;
        let dir = supervisor::parent_directory().join(unique_name());
        let commands = (kind.commands)(&dir, port)?;
        let mut supervisor =
            supervisor::start(kind.account, &dir, &commands, CPU.get()).map_err(|error| {
                // Said for root, who would not expect to be refused.
                let what = format!(
                    "in {}, as the user `{}` if this is root",
                    dir.display(),
                    kind.account
                );
                failed(&format!("{error} ({what})"))
            })?;

        let url = (kind.url)(port);
        let end = Instant::now() + Duration::from_secs(DEADLINE_SECONDS);
        while let Err(error) = (kind.probe)(&url) {
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
            return Err(failed(&format!(
                "{why}. The end of its log:\n{}",
                tail(&log)
            )));
        }
        let pid = fs::read_to_string(dir.join("pid")).map_err(|error| failed(&error))?;
        Ok(Self {
            url,
            pid: pid.trim().parse().ok(),
            _supervisor: Some(supervisor),
        })
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

/// The executable in one of these directories: the first on the `PATH`, then the others.
pub(crate) fn find(names: &[&str], elsewhere: &[PathBuf]) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let dirs: Vec<_> = env::split_paths(&path)
        .chain(elsewhere.iter().cloned())
        .collect();
    names
        .iter()
        .flat_map(|name| dirs.iter().map(move |dir| dir.join(name)))
        .find(|file| file.is_file())
}

/// What to say when a server's executable is nowhere.
pub(crate) fn not_installed(kind: &Kind, package: &str) -> String {
    format!(
        "{name} is switched on and not installed: run `tests/run setup`, or install it (on Debian the package \
         {package}), or let {variable} name a running server",
        name = kind.name,
        variable = kind.variable,
    )
}

fn named_by(variable: &str) -> Option<String> {
    env::var(variable).ok().filter(|url| !url.is_empty())
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
