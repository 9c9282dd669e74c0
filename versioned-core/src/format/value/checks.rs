//! What a form knows about a record beyond its JSON. It is checked on the fields that the model
//! reads, and on no others.

use std::sync::Arc;

use serde_json::Value;

use super::decimal::{base64, is_decimal};
use super::failure::Failure;
use super::markers::Markers;

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
    /// Whether a column of JSON is text with the JSON in it. Elsewhere, a text where the model keeps
    /// any JSON is this text.
    pub(in crate::format) json_in_text: bool,
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
            "{field} looks like an encoded decimal: `decimal.handling.mode=string`, or say that it is `text`"
        )))
    }
}
