//! The forms of messages: what a broker carries, apart from the broker and from the model.
//!
//! A form implements [`Encode`], which turns a row of the outbox into a message, [`Decode`], which
//! turns a message into an event, or both. A publisher and a consumer take one each, with a method
//! `format`.

mod cloudevents;
mod debezium;
mod decode;
mod deletion_version;
mod encode;
mod members;
mod message;
mod object;
mod ours;
mod plain;
mod pointer;
mod record;
#[cfg(test)]
mod testing;
mod value;

pub use self::cloudevents::CloudEvents;
pub use self::debezium::{Debezium, DebeziumOutbox, Deletions, Unit};
pub(crate) use self::decode::read;
pub use self::decode::{Decode, Decoded, Refused, Replica};
pub use self::deletion_version::DeletionVersion;
pub use self::encode::{Encode, Encoded};
pub use self::message::{Binding, Header, Message};
pub use self::ours::Ours;
pub use self::plain::PlainJson;
pub use self::record::Record;
