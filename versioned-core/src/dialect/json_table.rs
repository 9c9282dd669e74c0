//! Many rows as one JSON text: for MySQL and MariaDB, which have no arrays but `JSON_TABLE`.

use std::fmt;

/// Rows on their way into a `JSON_TABLE`: `[[1, "concert"], [2, "opera"]]`
#[derive(Debug)]
#[cfg_attr(
    not(feature = "mysql"),
    allow(dead_code, reason = "only MySQL and MariaDB need it")
)]
pub struct JsonTable {
    /// What its columns are; known from the first row on.
    pub(crate) columns: Vec<JsonColumn>,
    text: Vec<u8>,
}

/// As what a `JSON_TABLE` reads a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(
    not(feature = "mysql"),
    allow(dead_code, reason = "only MySQL and MariaDB need it")
)]
pub(crate) enum JsonColumn {
    Signed,
    Unsigned,
    Double,
    /// What the database reads as text into a column of any other type: text, decimals, dates and times.
    Text,
}

impl JsonColumn {
    /// Whether a key or version of this type is compared as what it is. Text has a collation, and a decimal or a time that
    /// stands there as text is compared as something else than its column.
    pub(crate) fn is_exact(self) -> bool {
        matches!(self, Self::Signed | Self::Unsigned)
    }
}

impl fmt::Display for JsonColumn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Signed => "BIGINT",
            Self::Unsigned => "BIGINT UNSIGNED",
            Self::Double => "DOUBLE",
            Self::Text => "LONGTEXT CHARACTER SET utf8mb4",
        })
    }
}

impl Default for JsonTable {
    fn default() -> Self {
        Self {
            columns: Vec::new(),
            text: b"[".to_vec(),
        }
    }
}

#[cfg_attr(
    not(feature = "mysql"),
    allow(dead_code, reason = "only MySQL and MariaDB need it")
)]
impl JsonTable {
    /// How many bytes there are so far.
    pub(crate) fn len(&self) -> usize {
        self.text.len()
    }

    /// Takes back what was added after so many bytes.
    pub(crate) fn truncate(&mut self, len: usize) {
        self.text.truncate(len);
    }

    /// Where the value of a row's column at this place is written to.
    pub(crate) fn value(&mut self, place: usize) -> &mut Vec<u8> {
        let between: &[u8] = match place {
            0 if self.text.len() > 1 => b",[",
            0 => b"[",
            _ => b",",
        };
        self.text.extend(between);
        &mut self.text
    }

    pub(crate) fn end_row(&mut self) {
        self.text.push(b']');
    }

    /// All rows; none if they are no text.
    pub(crate) fn finish(mut self) -> Option<(Vec<JsonColumn>, String)> {
        self.text.push(b']');
        Some((self.columns, String::from_utf8(self.text).ok()?))
    }
}
