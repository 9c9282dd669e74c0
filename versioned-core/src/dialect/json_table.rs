//! Many rows as one JSON text, for MySQL and MariaDB, which have `JSON_TABLE` but no arrays.

use std::fmt;

/// The rows for a `JSON_TABLE`: `[[1, "concert"], [2, "opera"]]`
#[derive(Debug)]
#[cfg_attr(
    not(feature = "mysql"),
    allow(dead_code, reason = "only MySQL and MariaDB need it")
)]
pub struct JsonTable {
    /// The columns, which are known after the first row.
    pub(crate) columns: Vec<JsonColumn>,
    text: Vec<u8>,
}

/// The type with which a `JSON_TABLE` reads a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(
    not(feature = "mysql"),
    allow(dead_code, reason = "only MySQL and MariaDB need it")
)]
pub(crate) enum JsonColumn {
    Signed,
    Unsigned,
    Double,
    /// Text that the database converts to the type of the column: text, decimals, dates and times.
    Text,
}

impl JsonColumn {
    /// Returns whether keys and versions of this type compare exactly. Text has a collation. A
    /// decimal or a time that is text here is not compared as its column would be.
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
    /// The number of bytes so far.
    pub(crate) fn len(&self) -> usize {
        self.text.len()
    }

    /// Removes everything after this number of bytes.
    pub(crate) fn truncate(&mut self, len: usize) {
        self.text.truncate(len);
    }

    /// Returns the buffer to which the value of a row's column at this place is written.
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

    /// Returns the columns and the text of all rows, or `None` if the text is not UTF-8.
    pub(crate) fn finish(mut self) -> Option<(Vec<JsonColumn>, String)> {
        self.text.push(b']');
        Some((self.columns, String::from_utf8(self.text).ok()?))
    }
}
