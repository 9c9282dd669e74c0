//! The reason why a record does not fit the model.

use std::fmt;

use serde::de::{self, Expected, Unexpected};

/// The reason, and the path of the field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failure {
    /// From the innermost field to the outermost.
    path: Vec<String>,
    message: String,
    /// The field that is missing.
    missing: Option<&'static str>,
    /// Whether the message is a sentence that names the field.
    is_sentence: bool,
}

impl Failure {
    pub(super) fn new(message: impl fmt::Display) -> Self {
        Self {
            path: Vec::new(),
            message: message.to_string(),
            missing: None,
            is_sentence: false,
        }
    }

    /// Creates a failure whose message names the field.
    pub(super) fn sentence(message: impl fmt::Display) -> Self {
        Self {
            is_sentence: true,
            ..Self::new(message)
        }
    }

    /// Adds the field or the index around the path.
    pub(super) fn within(mut self, name: impl fmt::Display) -> Self {
        self.path.push(name.to_string());
        self
    }

    /// Returns the field of the record.
    pub(super) fn field(&self) -> Option<&str> {
        match (self.path.last(), self.missing) {
            (Some(field), _) => Some(field),
            (None, missing) => missing,
        }
    }

    /// Returns whether a field of the record could not be read, and not something inside it.
    pub(super) fn is_at_field(&self) -> bool {
        self.path.len() == 1 && !self.is_sentence
    }

    /// Returns whether the record lacks a field.
    pub(super) fn is_missing(&self) -> bool {
        self.path.is_empty() && self.missing.is_some()
    }

    /// Returns the reason with the path, which begins with the entity.
    pub(super) fn text(&self, entity: &str) -> String {
        if self.is_sentence {
            return self.message.clone();
        }
        let mut text = entity.to_owned();
        for name in self.path.iter().rev() {
            text.push('.');
            text.push_str(name);
        }
        format!("{text}: {}", self.message)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

impl de::Error for Failure {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(message)
    }

    fn invalid_type(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Self {
        match unexpected {
            Unexpected::Unit => Self::new(format_args!("is null, expected {expected}")),
            other => Self::new(format_args!("invalid type: {other}, expected {expected}")),
        }
    }

    fn missing_field(field: &'static str) -> Self {
        Self {
            missing: Some(field),
            ..Self::new(format_args!("missing field `{field}`"))
        }
    }
}
