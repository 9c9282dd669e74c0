//! Types that take any value, and what they do with it.

use serde::de::{Expected, Visitor};

/// What a type that takes any value does with it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Takes {
    /// It is `serde_json::Value`.
    Json,
    /// It keeps the value for another type: `untagged`, `flatten`, `tag`.
    Content,
    /// It is a decimal.
    Decimal,
    Other,
}

impl Takes {
    /// Types say what they take in the text for errors only.
    pub(super) fn of<'de, V: Visitor<'de>>(visitor: &V) -> Self {
        let expected = (visitor as &dyn Expected).to_string();
        match expected.as_str() {
            "any valid JSON value" => Self::Json,
            "any value" => Self::Content,
            other if other.to_ascii_lowercase().contains("decimal") => Self::Decimal,
            _ => Self::Other,
        }
    }

    /// Returns whether it keeps the value as it is.
    pub(super) fn keeps_any(self) -> bool {
        matches!(self, Self::Json | Self::Content)
    }
}
