//! A connection to `RabbitMQ`, which can always be given up.

use std::fmt::Display;
use std::future::Future;
use std::io;
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use lapin::protocol::{AMQPErrorKind, AMQPHardError, AMQPSoftError};
use lapin::tcp::{AMQPUriTcpExt as _, AsyncTcpStream};
use lapin::types::ShortString;
use lapin::uri::AMQPUri;
use lapin::{Channel, Connection, ConnectionProperties, ErrorKind, runtime};

use crate::outbox::PublishError;

/// A connection. When it is dropped, its socket is shut down, whatever the broker and the client
/// wait for.
///
/// The client has a thread and buffers for each connection, and ends them when the broker has
/// answered to its farewell. A broker that is blocked or frozen never does.
pub(super) struct Link {
    pub(super) connection: Connection,
    _socket: Socket,
}

impl Link {
    /// Connects, within `time`.
    pub(super) async fn open(uri: &AMQPUri, name: &str, time: Duration) -> Result<Self, Failure> {
        let properties = ConnectionProperties::default().with_connection_name(name.into());
        let socket = Socket::default();
        let theirs = socket.clone();
        let connect = Connection::connector(
            uri.clone(),
            runtime::default_runtime().map_err(|error| Failure::of(&error))?,
            async move |uri: AMQPUri, runtime| {
                let stream = tokio::time::timeout(time, uri.connect_async(&runtime)).await;
                let stream = stream.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
                if let AsyncTcpStream::Plain(stream) = &stream {
                    theirs.keep(duplicate(stream.get_ref())?)?;
                }
                Ok(stream)
            },
            properties,
        );
        let connection = within(time, "connect", connect).await?;
        Ok(Self {
            connection,
            _socket: socket,
        })
    }

    /// Opens a channel, within `time`.
    pub(super) async fn channel(&self, time: Duration) -> Result<Channel, Failure> {
        within(time, "open a channel", self.connection.create_channel()).await
    }

    /// Whether the broker has said that it takes nothing more on this connection.
    pub(super) fn is_blocked(&self) -> bool {
        self.connection.status().blocked()
    }

    pub(super) fn is_connected(&self) -> bool {
        self.connection.status().connected()
    }

    /// Says farewell to the broker, within `time`.
    pub(super) async fn close(self, time: Duration) {
        let text = ShortString::default();
        // The socket is shut down after it in any case.
        within(time, "close", self.connection.close(200, text))
            .await
            .ok();
    }
}

/// A second handle of the socket of a connection, by which it can be shut down.
#[derive(Clone, Default)]
struct Socket(Arc<Mutex<Handle>>);

#[derive(Default)]
struct Handle {
    is_over: bool,
    stream: Option<TcpStream>,
}

impl Socket {
    fn keep(&self, stream: TcpStream) -> io::Result<()> {
        let mut handle = lock(&self.0);
        if handle.is_over {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        handle.stream = Some(stream);
        Ok(())
    }
}

/// The client keeps a clone as long as it may connect.
impl Drop for Socket {
    fn drop(&mut self) {
        let mut handle = lock(&self.0);
        handle.is_over = true;
        if let Some(stream) = handle.stream.take() {
            // It may be closed already.
            stream.shutdown(Shutdown::Both).ok();
        }
    }
}

fn lock(handle: &Mutex<Handle>) -> MutexGuard<'_, Handle> {
    handle.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(unix)]
fn duplicate(stream: &impl std::os::fd::AsFd) -> io::Result<TcpStream> {
    Ok(stream.as_fd().try_clone_to_owned()?.into())
}

#[cfg(windows)]
fn duplicate(stream: &impl std::os::windows::io::AsSocket) -> io::Result<TcpStream> {
    Ok(stream.as_socket().try_clone_to_owned()?.into())
}

/// The reason why something was not done.
#[derive(Debug, Clone)]
pub(super) struct Failure {
    pub(super) text: String,
    /// The code of the broker's answer, if it gave one.
    pub(super) code: Option<u16>,
    /// Whether there was no answer in time.
    pub(super) is_silence: bool,
}

impl Failure {
    pub(super) fn of(error: &lapin::Error) -> Self {
        let (text, code) = match error.kind() {
            ErrorKind::ProtocolError(error) => {
                (error.get_message().to_string(), Some(error.get_id()))
            }
            _ => (error.to_string(), None),
        };
        Self {
            code,
            ..Self::new(text)
        }
    }

    pub(super) fn new(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            code: None,
            is_silence: false,
        }
    }

    /// The server was to do something, and did not answer.
    pub(super) fn silence(time: Duration, what: &str) -> Self {
        Self {
            is_silence: true,
            ..Self::new(format!(
                "no answer within {time:?} to the request to {what}"
            ))
        }
    }

    pub(super) fn unavailable(&self) -> PublishError {
        PublishError::unavailable(&self.text)
    }

    /// As this one, and what to do about it first.
    pub(super) fn advised(self, advice: impl Display) -> Self {
        Self {
            text: format!("{advice}: {}", self.text),
            ..self
        }
    }

    /// As this one, and what to do first, if something that the caller named does not exist.
    pub(super) fn advised_if_missing(self, advice: impl Display) -> Self {
        if self.code == Some(AMQPErrorKind::Soft(AMQPSoftError::NOTFOUND).get_id()) {
            self.advised(advice)
        } else {
            self
        }
    }

    /// Whether the broker refused a message for what it is: too large, or with headers that are.
    pub(super) fn is_refusal(&self) -> bool {
        [
            AMQPErrorKind::Soft(AMQPSoftError::PRECONDITIONFAILED).get_id(),
            AMQPErrorKind::Hard(AMQPHardError::FRAMEERROR).get_id(),
        ]
        .map(Some)
        .contains(&self.code)
    }
}

/// Awaits an answer of the broker, within `time`.
pub(super) async fn within<T>(
    time: Duration,
    what: &str,
    answer: impl Future<Output = lapin::Result<T>>,
) -> Result<T, Failure> {
    match tokio::time::timeout(time, answer).await {
        Ok(answer) => answer.map_err(|error| Failure::of(&error)),
        Err(_) => Err(Failure::silence(time, what)),
    }
}
