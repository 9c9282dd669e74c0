//! From a row of the outbox to a message.

use super::Binding;
use crate::outbox::OutboxRow;

/// Writes messages of one form.
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't write messages, implement `format::Encode` for it",
    label = "not a form that can be written"
)]
pub trait Encode: Send + Sync {
    /// Returns the message of a row of the outbox.
    ///
    /// # Errors
    ///
    /// Returns the reason why this form cannot say what the row says. The event is then
    /// [rejected](crate::outbox::PublishError::Rejected), and stays in the outbox.
    fn encode(&self, row: &OutboxRow, binding: Binding) -> Result<Encoded, String>;
}

/// A message to send.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Encoded {
    /// The subject or topic, instead of the one that the publisher would choose.
    pub subject: Option<String>,
    /// The key, instead of that of the record.
    pub key: Option<String>,
    /// The headers, besides those of the publisher.
    pub headers: Vec<(String, String)>,
    /// The body. `None` is a message without a body.
    pub body: Option<Vec<u8>>,
}

impl Encoded {
    /// Creates a message with this body on the publisher's subject.
    pub fn new(body: impl Into<Vec<u8>>) -> Self {
        Self {
            subject: None,
            key: None,
            headers: Vec::new(),
            body: Some(body.into()),
        }
    }
}
