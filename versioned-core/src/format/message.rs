//! A message of a broker, as a form sees it.

/// A message of a broker.
///
/// ```
/// use versioned_core::format::{Binding, Header, Message};
///
/// let headers = [Header::new("ce-type", b"tickets.updated")];
/// let message = Message::new(Binding::Nats, "events.tickets.7", Some(b"{}")).headers(&headers);
/// assert_eq!(message.header("CE-Type"), Some(&b"tickets.updated"[..]));
/// ```
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Message<'m> {
    /// How the broker carries the attributes of an event.
    pub binding: Binding,
    /// The subject, the topic or the routing key.
    pub subject: &'m str,
    /// The key of the message, on brokers that have one.
    pub key: Option<&'m [u8]>,
    /// The headers.
    pub headers: &'m [Header<'m>],
    /// The body. It is `None` if the broker distinguishes a message without a body from an empty
    /// one, as Kafka does.
    pub body: Option<&'m [u8]>,
}

impl<'m> Message<'m> {
    /// Creates a message without a key and headers.
    pub fn new(binding: Binding, subject: &'m str, body: Option<&'m [u8]>) -> Self {
        Self {
            binding,
            subject,
            key: None,
            headers: &[],
            body,
        }
    }

    /// Sets the key.
    #[must_use]
    pub fn key(self, key: Option<&'m [u8]>) -> Self {
        Self { key, ..self }
    }

    /// Sets the headers.
    #[must_use]
    pub fn headers(self, headers: &'m [Header<'m>]) -> Self {
        Self { headers, ..self }
    }

    /// Returns the value of the first header with this name, in upper or lower case.
    pub fn header(&self, name: &str) -> Option<&'m [u8]> {
        let mut headers = self.headers.iter();
        let found = headers.find(|header| header.name.eq_ignore_ascii_case(name));
        found.map(|header| header.value)
    }
}

/// A message that outlives its delivery.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct OwnedMessage {
    pub(crate) subject: String,
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    pub(crate) body: Option<Vec<u8>>,
}

impl OwnedMessage {
    /// Shows the message as it came.
    pub(crate) fn with<R>(&self, binding: Binding, read: impl FnOnce(&Message<'_>) -> R) -> R {
        let headers = self.headers.iter();
        let headers: Vec<Header<'_>> = headers
            .map(|(name, value)| Header::new(name, value))
            .collect();
        let message = Message::new(binding, &self.subject, self.body.as_deref());
        read(&message.key(self.key.as_deref()).headers(&headers))
    }
}

#[cfg(feature = "consumer")]
impl From<&Message<'_>> for OwnedMessage {
    fn from(message: &Message<'_>) -> Self {
        let headers = message.headers.iter();
        Self {
            subject: message.subject.to_owned(),
            key: message.key.map(<[u8]>::to_vec),
            headers: headers
                .map(|header| (header.name.to_owned(), header.value.to_vec()))
                .collect(),
            body: message.body.map(<[u8]>::to_vec),
        }
    }
}

/// A header of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Header<'m> {
    /// The name.
    pub name: &'m str,
    /// The value.
    pub value: &'m [u8],
}

impl<'m> Header<'m> {
    /// Creates a header.
    pub fn new(name: &'m str, value: &'m [u8]) -> Self {
        Self { name, value }
    }
}

/// The protocol of a broker, which decides how attributes of an event become headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Binding {
    /// NATS.
    Nats,
    /// Kafka.
    Kafka,
    /// AMQP, as `RabbitMQ` speaks it.
    Amqp,
    /// HTTP.
    Http,
}
