//! The key and the version in a row.

use serde_json::{Map, Value};

use super::convert::convert;
use super::{Body, Debezium};
use crate::format::value::{join_key, key_of, key_part, version};
use crate::format::{Message, Refused, Replica};

type Object = Map<String, Value>;

/// A row, before or after a change, with values that need no schema.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) fields: Object,
    /// The fields that could not be converted, with the reasons.
    pub(super) unreadable: Vec<(String, String)>,
}

/// What is known about where a row comes from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reading<'r> {
    pub(super) form: &'r Debezium,
    pub(super) replica: &'r Replica,
    pub(super) connector: &'r str,
}

impl Row {
    pub(super) fn new(fields: Object, schema: Option<&Value>, form: &Debezium) -> Self {
        let mut fields = fields;
        let unreadable = convert(&mut fields, schema, &form.fields, &form.markers);
        Self { fields, unreadable }
    }

    /// Returns the value of a column, unless it could not be converted.
    fn column(&self, name: &str) -> Result<Option<&Value>, Refused> {
        match self.unreadable.iter().find(|(field, _)| field == name) {
            Some((_, reason)) => Err(Refused::new(reason.clone())),
            None => Ok(self.fields.get(name)),
        }
    }
}

impl Reading<'_> {
    pub(super) fn version_name(&self) -> &str {
        let name = self.form.version.as_deref();
        name.unwrap_or(self.replica.version)
    }

    pub(super) fn key_names(&self) -> Vec<&str> {
        match &self.form.key {
            Some(names) => names.iter().map(String::as_str).collect(),
            None => self.replica.key.to_vec(),
        }
    }

    /// Names the version and the key as the replica does, if the table has other names. The version
    /// becomes a number.
    pub(super) fn with_names_of_replica(&self, mut fields: Object, version: i64) -> Object {
        fields.insert(self.replica.version.to_owned(), version.into());
        for (column, name) in self.key_names().into_iter().zip(self.replica.key) {
            if !fields.contains_key(*name) {
                let part = fields.get(column).cloned().unwrap_or_default();
                fields.insert((*name).to_owned(), part);
            }
        }
        fields
    }

    fn refused(&self, column: &str, reason: &str) -> Refused {
        Refused::new(format!("{}.{column}: {reason}", self.replica.entity))
    }

    /// Returns the version of a row.
    pub(super) fn version(&self, row: &Row) -> Result<i64, Refused> {
        let (entity, name) = (self.replica.entity, self.version_name());
        let Some(value) = row.column(name)? else {
            return Err(Refused::new(format!(
                "{entity} has no column `{name}`: name it, or add one"
            )));
        };
        self.refuse_wrapped(name, value)?;
        version(value).map_err(|reason| self.refused(name, &reason))
    }

    /// Returns the key of a row.
    pub(super) fn key(&self, row: &Row) -> Result<String, Refused> {
        let entity = self.replica.entity;
        let parts = self.key_names().into_iter().map(|name| {
            let Some(value) = row.column(name)? else {
                return Err(Refused::new(format!(
                    "{entity} has no column `{name}`, which is a part of the key: name it with `key`"
                )));
            };
            self.refuse_wrapped(name, value)?;
            key_part(value).map_err(|reason| self.refused(name, &reason))
        });
        Ok(join_key(&parts.collect::<Result<Vec<_>, _>>()?))
    }

    /// Refuses an unsigned number that is negative because the connector put it in 64 bits with a
    /// sign. Databases that have no unsigned numbers have negative keys.
    fn refuse_wrapped(&self, column: &str, value: &Value) -> Result<(), Refused> {
        let has_unsigned = !matches!(
            self.connector,
            "postgresql" | "sqlserver" | "oracle" | "db2"
        );
        match value.as_i64() {
            Some(number) if number < 0 && has_unsigned => Err(Refused::new(format!(
                "{number} in {}.{column}: `bigint.unsigned.handling.mode=precise`",
                self.replica.entity
            ))),
            _ => Ok(()),
        }
    }

    /// Checks the key of the message against that of the row, if it names the same columns. Returns
    /// whether it does.
    pub(super) fn check_key(&self, message: &Message<'_>, key: &str) -> Result<Named, Refused> {
        let Some(body) = Body::of_key(message) else {
            return Ok(Named::Nothing);
        };
        let Value::Object(fields) = body.payload else {
            return Ok(Named::Nothing);
        };
        let row = Row::new(fields, body.schema.as_ref(), self.form);
        let Ok(named) = key_of(&row.fields, &self.key_names()) else {
            return Ok(Named::Other(Value::Object(row.fields).to_string()));
        };
        if named == key {
            return Ok(Named::Key);
        }
        Err(Refused::new(format!(
            "the key of the message is {named}, and that of the row is {key}: \
             `message.key.columns` must not change the values of a key"
        )))
    }

    /// Returns the key that the message's key names.
    pub(super) fn key_of_message(&self, message: &Message<'_>) -> Option<String> {
        let body = Body::of_key(message)?;
        match body.payload {
            Value::Object(fields) => {
                let row = Row::new(fields, body.schema.as_ref(), self.form);
                self.key(&row).ok()
            }
            // A key of one column that an SMT has taken out of its struct.
            value if self.key_names().len() == 1 => key_part(&value).ok(),
            _ => None,
        }
    }
}

/// What the key of a message names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Named {
    /// The record.
    Key,
    /// Other columns.
    Other(String),
    /// Nothing that has columns.
    Nothing,
}
