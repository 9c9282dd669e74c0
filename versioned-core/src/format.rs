//! The forms of messages: what a broker carries, apart from the broker and from the model.
//!
//! A form implements [`Encode`], which turns a row of the outbox into a message, [`Decode`], which
//! turns a message into an event, or both. A publisher and a consumer take one each, with a method
//! `format`. [`read`] is for a consumer of your own.
//!
//! The guide lists what each [producer has to set](crate::guide::how_to::foreign_messages), and shows
//! [a form of your own](crate::guide::how_to::custom_messages).

#[cfg(feature = "formats")]
mod cloudevents;
#[cfg(feature = "formats")]
mod debezium;
mod decode;
#[cfg(feature = "formats")]
mod deletion_version;
mod encode;
#[cfg(feature = "formats")]
mod members;
mod message;
#[cfg(feature = "formats")]
mod object;
mod ours;
#[cfg(feature = "formats")]
mod plain;
#[cfg(feature = "formats")]
mod pointer;
pub(crate) mod record;
#[cfg(all(test, feature = "formats"))]
mod testing;
#[cfg(feature = "formats")]
mod type_name;
#[cfg(feature = "formats")]
mod value;

#[cfg(feature = "formats")]
pub use self::cloudevents::CloudEvents;
#[cfg(feature = "formats")]
pub use self::debezium::{Debezium, DebeziumOutbox, Deletions, Unit};
#[cfg(feature = "consumer")]
pub(crate) use self::decode::read_ours;
pub use self::decode::{Decode, Decoded, Refused, Replica, read};
pub(crate) use self::decode::{Read, Reading, read_as};
#[cfg(feature = "formats")]
pub use self::deletion_version::DeletionVersion;
pub use self::encode::{Encode, Encoded};
pub(crate) use self::message::OwnedMessage;
pub use self::message::{Binding, Header, Message};
pub use self::ours::Ours;
#[cfg(feature = "formats")]
pub use self::plain::PlainJson;
pub use self::record::Record;
