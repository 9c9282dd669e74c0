//! The form of this crate: an [`Event`](crate::Event) as JSON.

use serde_json::value::RawValue;

use super::{Binding, Decode, Decoded, Encode, Encoded, Message, Record, Refused, Replica};
use crate::event::Event;
use crate::outbox::OutboxRow;

/// The form of this crate, which is the default: an [`Event`](crate::Event) as JSON.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ours;

impl Encode for Ours {
    fn encode(&self, row: &OutboxRow, _: Binding) -> Result<Encoded, String> {
        Ok(Encoded::new(row.payload.as_bytes()))
    }
}

impl Decode for Ours {
    fn decode(&self, message: &Message<'_>, replica: &Replica) -> Result<Option<Decoded>, Refused> {
        let body = message.body.unwrap_or_default();
        let event: Event<Box<RawValue>> =
            serde_json::from_slice(body).map_err(|error| Refused::new(error.to_string()))?;
        if event.entity != replica.entity {
            return Err(Refused::new(format!(
                "the event is about `{}`, but this is a replica of `{}`",
                event.entity, replica.entity
            )));
        }
        Ok(Some(Decoded {
            key: Some(event.key),
            record: event.data.map(Record::raw),
            at: event.at,
            trace: event.trace,
            metadata: event.metadata,
            is_exact: true,
            ..Decoded::new(event.op, event.version)
        }))
    }
}
