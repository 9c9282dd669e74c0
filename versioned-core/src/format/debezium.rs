//! Debezium: changes of tables, read from the database's log.

mod body;
mod change;
mod convert;
mod deletion;
mod outbox;
mod row;
mod shape;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use serde_json::Value;

use self::body::Body;
use self::convert::Field;
pub use self::convert::Unit;
pub use self::deletion::Deletions;
pub use self::outbox::DebeziumOutbox;
use super::value::Markers;
use super::{Decode, Decoded, Message, Refused, Replica};
use crate::hex;

/// Debezium's placeholder for a value that is not in PostgreSQL's log.
const PLACEHOLDER: &str = "__debezium_unavailable_value";

/// Reads the change events of [Debezium](https://debezium.io): of a table whose rows have their
/// version in a column.
///
/// ```
/// use versioned_core::format::{Debezium, Unit};
///
/// let form = Debezium::new()
///     .table("tickets") // the default is the entity of the replica
///     .replica_identity_full()
///     .time("opened", Unit::Micros);
/// # let _ = form;
/// ```
///
/// The JSON can have schemas around the key, the value and the headers, each on its own. With a
/// schema, decimals, dates and times are converted to text by the type that it names. It can also
/// be [flattened](Self::flattened), or the data of a `CloudEvent`.
///
/// # What becomes of a message
///
/// | message | result |
/// | --- | --- |
/// | `r`: a row of a snapshot | [`Op::Snapshot`](crate::Op::Snapshot) |
/// | `c`: a new row at the first version | [`Op::Created`](crate::Op::Created) |
/// | `c` above the first version, or with the header `__debezium.oldkey` | [`Op::Snapshot`](crate::Op::Snapshot) |
/// | `u` | [`Op::Updated`](crate::Op::Updated) |
/// | `d` | see [`Deletions`] |
/// | the tombstone after a deletion | skipped |
/// | a heartbeat, a transaction, a schema change, a notification, a logical message | skipped |
/// | a row of another table | skipped |
/// | `t`: a truncated table | refused |
/// | a form of another product | refused |
///
/// The version and the key are read from the row. The key of the message is compared with it, if it
/// names the same columns. Positions of the log, such as `lsn`, are never versions.
///
/// # Which deletions have a version
///
/// PostgreSQL logs of a deleted row only the columns of the replica identity, and Debezium fills
/// the others with defaults. The version before a deletion is therefore not trusted if it is null,
/// 0, or the default of the column. The schema of the message names the default. Without a schema
/// it is [`version_default`](Self::version_default), and without that the first version of the
/// replica. The deletion is then refused, and the reason says what to set. With
/// [`replica_identity_full`](Self::replica_identity_full), and from MySQL, MariaDB, SQL Server,
/// Oracle and Db2, which log whole rows, each version but null is trusted.
///
/// # What cannot be seen in a message
///
/// A null of a column with a default arrives as the default, unless
/// `value.converter.replace.null.with.default=false`. A value that the connector cannot convert
/// arrives as null, unless `event.converting.failure.handling.mode=fail`. A truncated table and
/// rows that were deleted while the connector was away are not reported.
#[derive(Debug, Clone)]
pub struct Debezium {
    tables: Vec<String>,
    flattened: Option<Flattened>,
    version: Option<String>,
    key: Option<Vec<String>>,
    deletions: Deletions,
    is_full: bool,
    version_default: Option<i64>,
    markers: Arc<Markers>,
    fields: Vec<(String, Field)>,
    texts: Arc<[String]>,
    are_snapshots: bool,
}

/// The settings of `ExtractNewRecordState`.
#[derive(Debug, Clone)]
struct Flattened {
    prefix: String,
    /// Whether a deletion is followed by a tombstone.
    repeats_deletions: bool,
}

impl Default for Flattened {
    fn default() -> Self {
        Self {
            prefix: "__".to_owned(),
            repeats_deletions: false,
        }
    }
}

impl Default for Debezium {
    fn default() -> Self {
        Self::new()
    }
}

impl Debezium {
    /// Reads the changes of the table that is named as the replica's entity.
    pub fn new() -> Self {
        Self {
            tables: Vec::new(),
            flattened: None,
            version: None,
            key: None,
            deletions: Deletions::default(),
            is_full: false,
            version_default: None,
            markers: Arc::new(Markers::new(PLACEHOLDER.as_bytes())),
            fields: Vec::new(),
            texts: Arc::new([]),
            are_snapshots: false,
        }
    }

    /// Reads the changes of this table, and not of the one that is named as the entity. Name each
    /// table if there are several, such as the partitions of one. Changes of other tables are
    /// skipped.
    ///
    /// The name is as in the message's `source.table`, with or without the schema or the database:
    /// `tickets`, `public.tickets`. A flattened message has no `source`: without
    /// `add.fields=table`, the name is compared with the last part of the topic.
    #[must_use]
    pub fn table(mut self, name: impl Into<String>) -> Self {
        self.tables.push(name.into());
        self
    }

    /// Sets the name of the column with the version. The default is that of the replica. The record has
    /// it under the replica's name.
    #[must_use]
    pub fn version(self, column: impl Into<String>) -> Self {
        Self {
            version: Some(column.into()),
            ..self
        }
    }

    /// Sets the names of the columns of the key, in the order of the replica's key. The default is
    /// the names of the replica. The record has them under these names, and under those of the replica
    /// unless other columns have these.
    #[must_use]
    pub fn key<S: Into<String>>(self, columns: impl IntoIterator<Item = S>) -> Self {
        Self {
            key: Some(columns.into_iter().map(Into::into).collect()),
            ..self
        }
    }

    /// Sets how deletions are read. The default is [`Deletions::Last`].
    #[must_use]
    pub fn deletions(self, deletions: Deletions) -> Self {
        Self { deletions, ..self }
    }

    /// Trusts the version before each deletion. Say this if the table has `REPLICA IDENTITY FULL`,
    /// or a unique index over the key and the version as its identity.
    #[must_use]
    pub fn replica_identity_full(self) -> Self {
        Self {
            is_full: true,
            ..self
        }
    }

    /// Sets the `DEFAULT` of the version's column. A deletion at this version is refused, since the
    /// row may have had another one.
    ///
    /// The default is that of the message's schema, and without a schema the first version of the
    /// replica.
    #[must_use]
    pub fn version_default(self, version: i64) -> Self {
        Self {
            version_default: Some(version),
            ..self
        }
    }

    /// Sets the placeholder for values that are not in the log, as in the connector's
    /// `unavailable.value.placeholder`, which can begin with `hex:`. The default is
    /// `__debezium_unavailable_value`.
    ///
    /// A record is refused if a field of the model is the placeholder, in any of the forms that it
    /// has in columns of other types. So is an array of as many `true` as the placeholder has
    /// bytes.
    #[must_use]
    pub fn placeholder(self, placeholder: &str) -> Self {
        let bytes = placeholder
            .strip_prefix("hex:")
            .and_then(hex::decode)
            .unwrap_or_else(|| placeholder.as_bytes().to_vec());
        Self {
            markers: Arc::new(Markers::new(&bytes)),
            ..self
        }
    }

    /// Reads messages that `ExtractNewRecordState` has flattened. They need `add.fields=op`, unless
    /// the replica takes any newer version, and `delete.tombstone.handling.mode=rewrite` for
    /// deletions that have a version. Add `table` if the topic is not that of one table, and
    /// `connector` if the database logs whole rows.
    ///
    /// A message without a value is a deletion without a version. It is refused, or final.
    #[must_use]
    pub fn flattened(self) -> Self {
        let flattened = self.flattened.unwrap_or_default();
        Self {
            flattened: Some(flattened),
            ..self
        }
    }

    /// Sets the prefix of the fields that `ExtractNewRecordState` adds, as in `add.fields.prefix`.
    /// The default is `__`. Implies [`flattened`](Self::flattened).
    #[must_use]
    pub fn prefix(self, prefix: impl Into<String>) -> Self {
        let flattened = Flattened {
            prefix: prefix.into(),
            ..self.flattened.unwrap_or_default()
        };
        Self {
            flattened: Some(flattened),
            ..self
        }
    }

    /// Skips messages without a value. Say this if `delete.tombstone.handling.mode` is
    /// `rewrite-with-tombstone`. Implies [`flattened`](Self::flattened).
    #[must_use]
    pub fn rewrite_with_tombstone(self) -> Self {
        let flattened = Flattened {
            repeats_deletions: true,
            ..self.flattened.unwrap_or_default()
        };
        Self {
            flattened: Some(flattened),
            ..self
        }
    }

    /// Reads creations and updates as snapshots: each one follows any older version. Say this if a
    /// sequential replica begins without a snapshot, so that the first event of a record can have
    /// any version. The replica then does not wait for versions that are missing.
    #[must_use]
    pub fn changes_as_snapshots(self) -> Self {
        Self {
            are_snapshots: true,
            ..self
        }
    }

    /// Sets the unit of a date or time that is an integer. It is needed without schemas, unless the
    /// model reads the integer.
    #[must_use]
    pub fn time(self, field: impl Into<String>, unit: Unit) -> Self {
        self.field(field, Field::Time(unit))
    }

    /// Sets the scale of a decimal that is base64, as `decimal.handling.mode=precise` sends it. It
    /// is needed without schemas.
    #[must_use]
    pub fn decimal(self, field: impl Into<String>, scale: u32) -> Self {
        self.field(field, Field::Decimal(scale.into()))
    }

    /// Parses the text of this field as JSON. Without this, a text is parsed if the model needs a
    /// struct, a map or a list, or if its field is a `serde_json::Value` and the text is an object
    /// or a list.
    #[must_use]
    pub fn json(self, field: impl Into<String>) -> Self {
        self.field(field, Field::Json)
    }

    /// Reads the bytes of this field from hexadecimal digits, as `binary.handling.mode=hex` sends
    /// them. Without this, bytes are base64.
    #[must_use]
    pub fn hex(self, field: impl Into<String>) -> Self {
        self.field(field, Field::Hex)
    }

    /// Takes the text of this field as it is. Without schemas, a text that could be an encoded
    /// decimal, such as `BOI=`, is refused otherwise.
    #[must_use]
    pub fn text(self, field: impl Into<String>) -> Self {
        let texts = self.texts.iter().cloned().chain([field.into()]);
        Self {
            texts: texts.collect(),
            ..self
        }
    }

    fn field(mut self, name: impl Into<String>, field: Field) -> Self {
        self.fields.push((name.into(), field));
        self
    }

    /// Returns whether a table is read. Either name of its surroundings may stand before its name.
    fn reads(&self, entity: &str, table: &str, around: [Option<&str>; 2]) -> bool {
        let is = |name: &str| {
            let qualified = || {
                let (before, last) = name.rsplit_once('.')?;
                Some(last == table && around.contains(&Some(before)))
            };
            name == table || qualified().unwrap_or(false)
        };
        is_named(&self.tables, entity, is)
    }

    /// Returns whether the topic is that of a table. Characters that topics cannot have are `_`.
    fn reads_topic(&self, entity: &str, topic: &str) -> bool {
        let is = |name: &str| {
            let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
            let name = name.replace(|c| !allowed(c), "_");
            let before = topic.strip_suffix(name.as_str());
            before.is_some_and(|before| before.is_empty() || before.ends_with('.'))
        };
        is_named(&self.tables, entity, is)
    }
}

/// Returns whether one of the names is it, or the entity if there are no names.
fn is_named(names: &[String], entity: &str, is: impl Fn(&str) -> bool) -> bool {
    match names {
        [] => is(entity),
        names => names.iter().any(|name| is(name)),
    }
}

impl Decode for Debezium {
    fn decode(&self, message: &Message<'_>, replica: &Replica) -> Result<Option<Decoded>, Refused> {
        let body = shape::unwrap_cloud_event(Body::of(message)?)?;
        match body.payload {
            Value::Null => self.without_value(message, replica),
            Value::Object(fields) => self.with_fields(
                message,
                replica,
                fields,
                &Body {
                    schema: body.schema,
                    payload: Value::Null,
                },
            ),
            _ => Err(Refused::new("the body is no JSON object")),
        }
    }
}
