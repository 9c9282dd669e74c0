//! A network that can be cut: a TCP proxy in this process.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

const WHOLE: u8 = 0;
const STALLED: u8 = 1;
const CUT: u8 = 2;

/// Passes connections on to a port of this machine.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    wire: Arc<Wire>,
}

#[derive(Debug, Default)]
struct Wire {
    state: AtomicU8,
    open: Mutex<Vec<TcpStream>>,
}

impl Proxy {
    /// A proxy to this port.
    ///
    /// # Panics
    ///
    /// When there is no port to be had.
    pub fn to(port: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let address = listener.local_addr().expect("a port that is bound");
        let wire = Arc::<Wire>::default();
        let theirs = Arc::clone(&wire);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                theirs.pass(client, port);
            }
        });
        Self { address, wire }
    }

    /// A proxy to the server of a URL, and the URL that takes the proxy.
    ///
    /// # Panics
    ///
    /// When the URL has no port.
    pub fn of_url(url: &str) -> (Self, String) {
        let (address, rest) = url.rsplit_once('/').expect("a path");
        let (server, port) = address.rsplit_once(':').expect("a port");
        let proxy = Self::to(port.parse().expect("a port"));
        let url = format!("{server}:{}/{rest}", proxy.port());
        (proxy, url)
    }

    /// The port that clients connect to.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Breaks all connections, and lets none through.
    pub fn cut(&self) {
        self.wire.state.store(CUT, Ordering::SeqCst);
        for stream in self.wire.open().drain(..) {
            stream.shutdown(Shutdown::Both).ok();
        }
    }

    /// Lets connections be, and nothing through: packets that are lost.
    pub fn stall(&self) {
        self.wire.state.store(STALLED, Ordering::SeqCst);
    }

    /// Lets everything through again.
    pub fn mend(&self) {
        self.wire.state.store(WHOLE, Ordering::SeqCst);
    }
}

impl Wire {
    fn open(&self) -> std::sync::MutexGuard<'_, Vec<TcpStream>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn pass(self: &Arc<Self>, client: TcpStream, port: u16) {
        if self.state.load(Ordering::SeqCst) == CUT {
            return;
        }
        let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)) else {
            return;
        };
        let clones = || Some([client.try_clone().ok()?, server.try_clone().ok()?]);
        let (Some(kept), Some([from, to])) = (clones(), clones()) else {
            return;
        };
        self.open().extend(kept);
        for (from, to) in [(from, to), (server, client)] {
            let wire = Arc::clone(self);
            thread::spawn(move || wire.copy(from, to));
        }
    }

    fn copy(&self, mut from: TcpStream, mut to: TcpStream) {
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(read @ 1..) = from.read(&mut buffer) {
            while self.state.load(Ordering::SeqCst) == STALLED {
                thread::sleep(Duration::from_millis(5));
            }
            if to.write_all(&buffer[..read]).is_err() {
                break;
            }
        }
        from.shutdown(Shutdown::Both).ok();
        to.shutdown(Shutdown::Both).ok();
    }
}
