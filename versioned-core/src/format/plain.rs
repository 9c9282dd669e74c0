//! Plain JSON with a version field, as services on Node send it.

mod body;
mod read;
mod write;

#[cfg(test)]
mod tests;

use super::DeletionVersion;
use crate::event::Op;

/// A record as JSON with a version field, as services on Node with mongoose send and read it.
///
/// ```
/// use versioned_core::Op;
/// use versioned_core::format::{Binding, Encode, PlainJson};
/// # use versioned_core::outbox::OutboxRow;
/// # let row = OutboxRow {
/// #     id: 1, entity: "tickets".into(), key: "7".into(), version: 2, op: "updated".into(),
/// #     payload: r#"{"entity":"tickets","key":"7","version":2,"op":"updated","at":"","data":{"id":7,"price":25}}"#.into(),
/// #     attempts: 0,
/// # };
///
/// let form = PlainJson::new()
///     .on("ticket:created", Op::Created)
///     .on("ticket:updated", Op::Updated)
///     .on("ticket:deleted", Op::Deleted);
/// let message = form.encode(&row, Binding::Nats)?; // a row of the outbox
/// assert_eq!(message.subject.as_deref(), Some("ticket:updated"));
/// assert_eq!(message.body.unwrap(), br#"{"id":"7","price":25,"version":2}"#);
/// # Ok::<(), String>(())
/// ```
///
/// # Names of operations
///
/// Each operation has a name, which [`on`](Self::on) lists. The name is the subject of the message
/// or, if the form is told so, a header or a field. Messages with other names are not for this
/// replica.
///
/// # Read
///
/// The message is the whole record. Its version is the field with the name of the replica's version
/// column. Its key is in the replica's key columns, or in `id`, or in `_id`. A message in a JSON
/// string is read too.
///
/// A message is refused if it is not a JSON object, if a field comes twice, if it has no version,
/// if it is a deletion without a key, or if it looks like a packet of Nest and the form does not
/// say [where the record is](Self::record_at). Contents of one version are not compared: an owner
/// that does not move its version has to be mended.
///
/// # Written
///
/// The message is the record with its `id` as text and its `version`. A deletion is
/// `{id, version}`. The operation must have a name.
///
/// Replicas in this style insert every record at version 0, so the version type of the owner needs
/// `initial = 0`. A creation at another version is rejected, unless
/// [`creations_at_any_version`](Self::creations_at_any_version) allows it. Such a replica then
/// waits for each version after it: only send this form from an outbox that sends every version. It
/// cannot read snapshots, which have no name by default and are rejected.
///
/// The time and the metadata of an event are not sent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PlainJson {
    operations: Vec<(String, Op)>,
    name: NameAt,
    version: Option<String>,
    ids: Vec<String>,
    record: String,
    deletions: DeletionVersion,
    is_base64: bool,
    is_nest: bool,
    written: Written,
}

/// How records are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Written {
    any_first_version: bool,
    large_integers_as_text: bool,
    skip_nulls: bool,
}

/// Where the name of the operation is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
enum NameAt {
    #[default]
    Subject,
    Header(String),
    /// A JSON pointer into the body.
    Field(String),
}

impl PlainJson {
    /// Returns the form with its defaults, which has no operation yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an operation with its name, which is compared exactly. The first name of an operation
    /// is the one that is written.
    ///
    /// A name for [`Op::DeletedAt`] or [`Op::DeletedForever`] says for its deletions what
    /// [`deletions`](Self::deletions) says for those of [`Op::Deleted`].
    #[must_use]
    pub fn on(mut self, name: impl Into<String>, op: Op) -> Self {
        self.operations.push((name.into(), op));
        self
    }

    /// The name of the operation is in this header. The subject is then the publisher's.
    #[must_use]
    pub fn operation_in_header(self, header: impl Into<String>) -> Self {
        let name = NameAt::Header(header.into());
        Self { name, ..self }
    }

    /// The name of the operation is in the body, at a JSON pointer such as `/event`. The subject is
    /// then the publisher's.
    #[must_use]
    pub fn operation_at(self, pointer: impl Into<String>) -> Self {
        let name = NameAt::Field(pointer.into());
        Self { name, ..self }
    }

    /// The record is in the body at a JSON pointer such as `/data`. By default it is the body.
    ///
    /// ```
    /// use versioned_core::Op;
    /// use versioned_core::format::PlainJson;
    ///
    /// // {"event": "ticket.updated", "payload": {"id": "7", "price": 25, "version": 2}}
    /// let form = PlainJson::new()
    ///     .operation_at("/event")
    ///     .record_at("/payload")
    ///     .on("ticket.updated", Op::Updated);
    /// # assert_ne!(form, PlainJson::new());
    /// ```
    #[must_use]
    pub fn record_at(self, pointer: impl Into<String>) -> Self {
        Self {
            record: pointer.into(),
            ..self
        }
    }

    /// Reads and writes the packets of Nest, `{"pattern": name, "data": record}`. On NATS the
    /// subject is the name as well.
    #[must_use]
    pub fn nest(self) -> Self {
        Self {
            is_nest: true,
            ..self.operation_at("/pattern").record_at("/data")
        }
    }

    /// Sets the name of the record's version field, such as `__v`, or a JSON pointer into the body,
    /// such as `/meta/version`. By default it is the replica's version column, and is written as
    /// `version`. The model reads it under the name of the column.
    #[must_use]
    pub fn version(self, name: impl Into<String>) -> Self {
        Self {
            version: Some(name.into()),
            ..self
        }
    }

    /// Adds a name of the record's id field. The names that are added replace the names of the key
    /// columns, `id` and `_id`, and one of them has to be there. The model reads the id under the
    /// name of the column. The first name is the one that is written.
    #[must_use]
    pub fn id(mut self, name: impl Into<String>) -> Self {
        self.ids.push(name.into());
        self
    }

    /// Says what the version of a deletion means. The default is [`DeletionVersion::Next`], which
    /// refuses a deletion without a version.
    #[must_use]
    pub fn deletions(self, deletions: DeletionVersion) -> Self {
        Self { deletions, ..self }
    }

    /// Reads bodies that are base64 of JSON, as some gateways send them.
    #[must_use]
    pub fn base64(self) -> Self {
        Self {
            is_base64: true,
            ..self
        }
    }

    /// Writes creations at any version. By default a creation at a version other than 0 is
    /// rejected, because a replica on mongoose inserts it at 0.
    #[must_use]
    pub fn creations_at_any_version(mut self) -> Self {
        self.written.any_first_version = true;
        self
    }

    /// Writes integers above 2⁵³ as text, because JavaScript rounds them.
    #[must_use]
    pub fn large_integers_as_text(mut self) -> Self {
        self.written.large_integers_as_text = true;
        self
    }

    /// Leaves out fields that are null, because readers may distinguish null from absent.
    #[must_use]
    pub fn skip_nulls(mut self) -> Self {
        self.written.skip_nulls = true;
        self
    }

    fn ids(&self) -> impl Iterator<Item = &str> {
        let defaults: &[&str] = if self.ids.is_empty() {
            &["id", "_id"]
        } else {
            &[]
        };
        let told = self.ids.iter().map(String::as_str);
        told.chain(defaults.iter().copied())
    }
}
