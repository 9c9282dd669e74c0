//! Deletions: which of them have a version.

use serde_json::Value;

use super::body::{field_schemas, schema_field};
use super::row::{Named, Reading, Row};
use crate::event::Op;
use crate::format::value::version;
use crate::format::{Decoded, Message, Refused};

/// How deletions are read.
///
/// A deletion of a row spends no version: at most, the row before it has the version that the owner
/// gave it last.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Deletions {
    /// As [`Op::DeletedAt`] at the version of the row before, if that can be trusted, and otherwise
    /// refused. This is the default.
    #[default]
    Last,
    /// As [`Op::DeletedForever`], whether there is a version or not: no event of this key is applied
    /// afterwards. Use this if keys are never used again, and an `UPDATE` of a row never travels as
    /// a deletion and a creation of the same key.
    Final,
    /// Refused.
    Refuse,
}

const WITHOUT_VERSION: &str = "a deletion without a version: set \
    `delete.tombstone.handling.mode=rewrite`, `add.fields=op` and REPLICA IDENTITY FULL";

impl Reading<'_> {
    /// Reads the deletion of a row.
    pub(super) fn deletion(
        &self,
        message: &Message<'_>,
        before: &Row,
        schema: Option<&Value>,
    ) -> Result<Decoded, Refused> {
        let key = self.key(before)?;
        let named = self.check_key(message, &key)?;
        let logs_all = self.form.is_full || self.logs_all();
        if let (Named::Other(named), false) = (named, logs_all) {
            return Err(Refused::new(format!(
                "the key of the message, {named}, does not name {}, and `before` of {} can hold a \
                 made-up one: set REPLICA IDENTITY FULL, or name it in `message.key.columns`",
                self.key_names().join(", "),
                self.replica.entity
            )));
        }
        match self.form.deletions {
            Deletions::Refuse => Err(self.refused_deletion(&key)),
            Deletions::Final => Ok(forever(key)),
            Deletions::Last => {
                let version = self.last_version(before, schema, logs_all);
                let version = version.ok_or_else(|| self.without_version(&key))?;
                Ok(Decoded::new(Op::DeletedAt, version).key(key))
            }
        }
    }

    /// Reads a message without a value, which is the deletion in flattened messages.
    pub(super) fn tombstone(&self, message: &Message<'_>) -> Result<Decoded, Refused> {
        match (self.form.deletions, self.key_of_message(message)) {
            (Deletions::Final, Some(key)) => Ok(forever(key)),
            (Deletions::Final, None) => Err(Refused::new(
                "a deletion without a version, and without a key that names the record",
            )),
            _ => Err(Refused::new(WITHOUT_VERSION)),
        }
    }

    /// Returns the version of the row before, if it is that of the row, and not a default.
    fn last_version(&self, before: &Row, schema: Option<&Value>, logs_all: bool) -> Option<i64> {
        let name = self.version_name();
        let last = self.version(before).ok()?;
        if logs_all {
            return Some(last);
        }
        let default = match (self.form.version_default, schema) {
            (Some(default), _) => Some(default),
            (None, Some(schema)) => default_of(schema, name),
            // Most columns begin with their default.
            (None, None) => Some(self.replica.first),
        };
        (last != 0 && Some(last) != default).then_some(last)
    }

    /// Returns whether the database logs all columns of a deleted row, or leaves them out.
    fn logs_all(&self) -> bool {
        matches!(
            self.connector,
            "mysql" | "mariadb" | "sqlserver" | "oracle" | "db2"
        )
    }

    fn without_version(&self, key: &str) -> Refused {
        let entity = self.replica.entity;
        if self.logs_all() {
            return Refused::new(format!(
                "the deletion of {entity} {key} has no version: log whole rows \
                 (MySQL: `binlog_row_image=FULL`)"
            ));
        }
        Refused::new(format!(
            "the deletion of {entity} {key} has no version of its own, its `before` holds defaults: \
             set REPLICA IDENTITY FULL (connector: `replica.identity.autoset.values`), or a unique \
             index over key and version as the identity"
        ))
    }

    fn refused_deletion(&self, key: &str) -> Refused {
        let entity = self.replica.entity;
        Refused::new(format!(
            "the deletion of {entity} {key} is refused by `Deletions::Refuse`"
        ))
    }
}

fn forever(key: String) -> Decoded {
    Decoded::new(Op::DeletedForever, i64::MAX).key(key)
}

fn default_of(schema: &Value, column: &str) -> Option<i64> {
    let mut columns = field_schemas(schema);
    let column = columns.find(|schema| schema_field(schema) == Some(column))?;
    version(column.get("default")?).ok()
}
