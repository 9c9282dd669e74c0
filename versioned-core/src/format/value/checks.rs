//! What a form knows about a record beyond its JSON. It is checked on the fields that the model
//! reads, and on no others.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use serde_json::Value;

use super::decimal::{base64, is_decimal};
use super::failure::Failure;

/// The checks of a record.
#[derive(Debug, Clone, Default)]
pub(in crate::format) struct Checks {
    /// The record in messages, such as `notes n1`.
    pub(in crate::format) subject: String,
    /// The values that mean "not in the log".
    pub(in crate::format) markers: Option<Arc<Markers>>,
    /// The fields that the form could not convert, with the reasons.
    pub(in crate::format) unreadable: Vec<(String, String)>,
    /// The advice for a number where the model needs text.
    pub(in crate::format) bare_number: Option<&'static str>,
    /// Whether decimals can be base64 that does not say so. The text is of these fields.
    pub(in crate::format) encoded_decimals: Option<Arc<[String]>>,
    /// Whether a list that is empty is absent.
    pub(in crate::format) absent_lists: bool,
}

/// The values with which Debezium replaces those that PostgreSQL did not log.
#[derive(Debug, Clone)]
pub(in crate::format) struct Markers {
    texts: Vec<String>,
    bytes: Vec<u8>,
}

impl Markers {
    /// Creates the markers of a placeholder, and the one for an array of UUIDs.
    pub(in crate::format) fn new(placeholder: &[u8], uuid: Option<&str>) -> Self {
        let mut texts = vec![
            STANDARD.encode(placeholder),
            URL_SAFE.encode(placeholder),
            hex(placeholder),
        ];
        texts.extend(std::str::from_utf8(placeholder).map(str::to_owned));
        texts.extend(uuid.map(str::to_owned));
        texts.retain(|text| !text.is_empty());
        Self {
            texts,
            bytes: placeholder.to_vec(),
        }
    }

    /// Returns whether the whole value is a marker. Lists and maps are left to their items, except
    /// for the bytes of the placeholder as numbers.
    pub(in crate::format) fn contain(&self, value: &Value) -> bool {
        match value {
            Value::String(text) => self.texts.contains(text),
            Value::Array(items) => {
                !self.bytes.is_empty()
                    && items.len() == self.bytes.len()
                    && items
                        .iter()
                        .zip(&self.bytes)
                        .all(|(item, byte)| item.as_u64() == Some((*byte).into()))
            }
            _ => false,
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::new();
    for byte in bytes {
        let digits = [byte >> 4, byte & 15].map(|digit| char::from_digit(digit.into(), 16));
        text.extend(digits.into_iter().flatten());
    }
    text
}

impl Checks {
    /// Checks a value in this field of the record. `is_whole` is whether it is the field's value.
    pub(super) fn check(&self, field: &str, value: &Value, is_whole: bool) -> Result<(), Failure> {
        if self
            .markers
            .as_ref()
            .is_some_and(|markers| markers.contain(value))
        {
            return Err(Failure::sentence(format_args!(
                "column {field} of {} was not in the log (unchanged TOAST): REPLICA IDENTITY FULL, \
                 or Debezium's column reselect",
                self.subject
            )));
        }
        let mut unreadable = self.unreadable.iter().filter(|_| is_whole);
        match unreadable.find(|(name, _)| name == field) {
            Some((_, reason)) => Err(Failure::sentence(reason)),
            None => Ok(()),
        }
    }

    /// Returns the failure for a number where the model needs text.
    pub(super) fn bare_number(&self, field: &str, number: &serde_json::Number) -> Failure {
        match self.bare_number {
            Some(advice) => Failure::sentence(format_args!("{field} is a bare number: {advice}")),
            None => Failure::new(format_args!(
                "the number {number} where text is needed: send it as text"
            )),
        }
    }

    /// Checks a text where the model needs text. Only base64 with padding is told from other text.
    pub(super) fn check_text(&self, field: &str, text: &str) -> Result<(), Failure> {
        match &self.encoded_decimals {
            Some(texts)
                if text.ends_with('=')
                    && text.len() <= 24
                    && !texts.iter().any(|text| text == field) =>
            {
                self.check_decimal(field, text)
            }
            _ => Ok(()),
        }
    }

    /// Checks a text where the model needs a number.
    pub(super) fn check_decimal(&self, field: &str, text: &str) -> Result<(), Failure> {
        if self.encoded_decimals.is_none() || is_decimal(text) || matches!(text, "" | "NaN") {
            return Ok(());
        }
        if base64(text).is_none() || text.ends_with("Infinity") {
            return Ok(());
        }
        Err(Failure::sentence(format_args!(
            "{field} looks like an encoded decimal: `decimal.handling.mode=string`"
        )))
    }
}
