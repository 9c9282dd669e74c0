//! NATS with JetStream: a server for each test, with its data in a directory of its own. It may be killed, and comes again.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command};
use std::thread;
use std::time::{Duration, Instant};

use crate::server::{self, Commands};
use crate::supervisor;

const DEADLINE: Duration = Duration::from_secs(30);

/// Starts the server again whenever it ends, as a service manager does, unless the file `down` is there.
const SERVE: &str = r#"
trap 'kill -9 "$(cat broker)"; exit' QUIT TERM
while :; do
    if [ -e down ]; then
        sleep 0.05
        continue
    fi
    "$1" -js -sd data -a 127.0.0.1 -p "$2" &
    echo $! >broker
    wait $!
    sleep 0.2
done
"#;

/// A server, ended with the value or with the process.
#[derive(Debug)]
pub struct Broker {
    dir: PathBuf,
    port: u16,
    // Holds the pipe whose end is the end of the server.
    supervisor: Option<Child>,
}

impl Broker {
    /// A new server without streams.
    ///
    /// # Panics
    ///
    /// When it is not installed, or does not answer.
    pub fn start() -> Self {
        let sbin = ["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from);
        let program = server::find(&["nats-server"], &sbin).unwrap_or_else(|| {
            panic!("NATS is switched on and not installed: run `tests/run setup`, or install nats-server")
        });
        let port = server::free_port().expect("a port");
        let dir = supervisor::parent_directory().join(server::unique_name());
        let serve = ["sh", "-c", SERVE, "serve"].map(str::to_owned);
        let of_server = [program.display().to_string(), port.to_string()];
        let commands = Commands {
            init: vec!["true".to_owned()],
            serve: serve.into_iter().chain(of_server).collect(),
        };
        let supervisor = supervisor::start("nats", &dir, &commands, None)
            .unwrap_or_else(|error| panic!("NATS could not be started: {error}"));
        let broker = Self {
            dir,
            port,
            supervisor: Some(supervisor),
        };
        broker.wait();
        broker
    }

    /// Where clients connect.
    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// `kill -9`. It comes again by itself, a little later, with what it had stored.
    ///
    /// # Panics
    ///
    /// When it did not run.
    pub fn kill(&self) {
        let pid = fs::read_to_string(self.dir.join("broker")).expect("a server that runs");
        let killed = Command::new("kill").args(["-9", pid.trim()]).status();
        assert!(killed.is_ok_and(|status| status.success()), "kill -9 {pid}");
    }

    /// `kill -9`, and it does not come again before [`up`](Self::up).
    ///
    /// # Panics
    ///
    /// As [`kill`](Self::kill).
    pub fn down(&self) {
        fs::write(self.dir.join("down"), "").expect("a directory of our own");
        self.kill();
    }

    /// Lets it come again, and waits until it answers.
    ///
    /// # Panics
    ///
    /// When it does not.
    pub fn up(&self) {
        fs::remove_file(self.dir.join("down")).expect("a server that is down");
        self.wait();
    }

    /// Waits until it answers.
    ///
    /// # Panics
    ///
    /// When it does not.
    pub fn wait(&self) {
        let end = Instant::now() + DEADLINE;
        while !self.answers() {
            let log = fs::read_to_string(self.dir.join("log")).unwrap_or_default();
            assert!(
                Instant::now() < end,
                "NATS does not answer. Its log:\n{log}"
            );
            thread::sleep(Duration::from_millis(10));
        }
    }

    fn answers(&self) -> bool {
        let mut greeting = String::new();
        TcpStream::connect((Ipv4Addr::LOCALHOST, self.port))
            .and_then(|stream| BufReader::new(stream).read_line(&mut greeting))
            .is_ok_and(|_| greeting.starts_with("INFO"))
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        if let Some(mut supervisor) = self.supervisor.take() {
            drop(supervisor.stdin.take());
            supervisor.wait().ok();
        }
    }
}
