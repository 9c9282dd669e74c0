//! From JSON to a model: lenient in form, and never in value.
//!
//! Producers write one value in many forms: a flag as 1, a number as text, a decimal as a struct, a
//! list as text with JSON in it. The model says which value it needs, and each form that can only
//! be this value is read. Everything else is an error that names the field.

mod access;
mod checks;
mod decimal;
mod failure;
mod forms;
mod key;
mod markers;
mod node;
mod takes;
#[cfg(test)]
mod tests;
mod time;

use std::cell::RefCell;

use serde::de::DeserializeOwned;
use serde_json::Value;

pub(super) use self::checks::Checks;
pub(super) use self::decimal::{base64, decimal};
use self::failure::Failure;
pub(super) use self::forms::scaled;
pub(super) use self::key::{join_key, key_of, key_part, version};
pub(super) use self::markers::Markers;
use self::node::Node;
pub(super) use self::time::{Clock, date, moment, time_of_day, timestamp};

/// Reads a record as a model. What had to be changed for that is changed in the record, so that it
/// is read in the same way again.
pub(super) fn read<T: DeserializeOwned>(
    record: &mut Value,
    checks: &Checks,
    entity: &str,
) -> Result<T, String> {
    let mut mended = Mended::default();
    loop {
        let parsed = RefCell::default();
        let read = T::deserialize(Node::record(record, checks, &mended.lists, &parsed));
        let failure = match (read, &mut *record) {
            (Ok(model), Value::Object(fields)) => {
                fields.extend(parsed.into_inner());
                return Ok(model);
            }
            (Ok(model), _) => return Ok(model),
            (Err(failure), _) => failure,
        };
        if let Err(failure) = mended.mend(record, failure, checks) {
            return Err(failure.text(entity));
        }
    }
}

/// The changes of a record after failures.
#[derive(Default)]
struct Mended {
    /// The fields that were absent, and are empty lists now.
    lists: Vec<String>,
    /// The field that was changed last, and its failure before that.
    last: Option<(String, Failure)>,
}

impl Mended {
    /// Changes the field that failed. Returns the failure if nothing can be changed.
    fn mend(
        &mut self,
        record: &mut Value,
        failure: Failure,
        checks: &Checks,
    ) -> Result<(), Failure> {
        let Some(field) = failure.field().map(str::to_owned) else {
            return Err(failure);
        };
        if let Some((last, before)) = self.last.take() {
            if last == field {
                return Err(before);
            }
        }
        let Value::Object(fields) = record else {
            return Err(failure);
        };
        match fields.get_mut(&field) {
            Some(Value::String(text)) if failure.is_at_field() => {
                if !time::has_redundant_zone(text) {
                    return Err(failure);
                }
                // The model's type has no time zone, or it would have been read.
                text.pop();
            }
            None if failure.is_missing() && checks.absent_lists => {
                fields.insert(field.clone(), Value::Array(Vec::new()));
                self.lists.push(field.clone());
            }
            _ => return Err(failure),
        }
        self.last = Some((field, failure));
        Ok(())
    }
}
