//! The forms of messages: what a broker carries, apart from the broker and from the model.
//!
//! A form implements [`Encode`], which turns a row of the outbox into a message, [`Decode`], which
//! turns a message into an event, or both. A publisher and a consumer take one each, with a method
//! `format`.

mod debezium;
mod decode;
mod encode;
mod message;
mod ours;
pub(crate) mod record;
mod value;

pub use self::debezium::{Debezium, DebeziumOutbox, Deletions, Unit};
pub use self::decode::{Decode, Decoded, Refused, Replica, read};
pub(crate) use self::decode::{Read, Reading, read_as};
pub use self::encode::{Encode, Encoded};
pub(crate) use self::message::OwnedMessage;
pub use self::message::{Binding, Header, Message};
pub use self::ours::Ours;
pub use self::record::Record;
