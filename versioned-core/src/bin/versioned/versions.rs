//! The queries for the versions of an owner's table and of a replica's positions.
//!
//! Texts of the caller and keys are written as hexadecimal literals, and names are quoted.

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Text};

use crate::args::KeyType;
use crate::target::Kind;

/// The version of a record.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub(crate) struct Seen {
    #[diesel(sql_type = Text)]
    pub(crate) key: String,
    #[diesel(sql_type = BigInt)]
    pub(crate) version: i64,
    /// 1 if it is that of a deletion.
    #[diesel(sql_type = BigInt)]
    pub(crate) deleted: i64,
}

/// The owner's table.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OwnerTable<'a> {
    pub(crate) kind: Kind,
    pub(crate) table: &'a str,
    pub(crate) key: &'a str,
    pub(crate) key_type: KeyType,
    pub(crate) version: &'a str,
}

impl OwnerTable<'_> {
    fn select(&self) -> String {
        let key = quoted(self.key, self.kind);
        let version = quoted(self.version, self.kind);
        let (key, version, zero) = match self.kind {
            Kind::Postgres => (
                format!("CAST({key} AS text)"),
                format!("CAST({version} AS bigint)"),
                "CAST(0 AS bigint)",
            ),
            Kind::Mysql => (
                format!("CAST({key} AS CHAR CHARACTER SET utf8mb4)"),
                format!("CAST({version} AS SIGNED)"),
                "0",
            ),
            Kind::Sqlite => (format!("CAST({key} AS TEXT)"), version, "0"),
        };
        let parts: Vec<_> = self
            .table
            .split('.')
            .map(|part| quoted(part, self.kind))
            .collect();
        let (table, alias) = (parts.join("."), quoted("key", self.kind));
        format!("SELECT {key} AS {alias}, {version} AS version, {zero} AS deleted FROM {table}")
    }

    /// Selects a page in the order of the key. Returns `None` if `after` is no key of this type.
    pub(crate) fn page(&self, after: Option<&str>, limit: u32) -> Option<String> {
        let key = quoted(self.key, self.kind);
        let after = match after {
            Some(after) => format!(" WHERE {key} > {}", self.literal(after)?),
            None => String::new(),
        };
        let select = self.select();
        Some(format!("{select}{after} ORDER BY {key} LIMIT {limit}"))
    }

    /// Selects the records with these keys. Returns `None` if there are none that the table can have.
    pub(crate) fn records<'k>(&self, keys: impl Iterator<Item = &'k str>) -> Option<String> {
        let keys: Vec<_> = keys.filter_map(|key| self.literal(key)).collect();
        let key = quoted(self.key, self.kind);
        let any = !keys.is_empty();
        any.then(|| format!("{} WHERE {key} IN ({})", self.select(), keys.join(", ")))
    }

    fn literal(&self, key: &str) -> Option<String> {
        match self.key_type {
            KeyType::Int => key.parse::<i64>().ok().map(|key| key.to_string()),
            KeyType::Text => Some(text(key, self.kind)),
            KeyType::Uuid => {
                let is_uuid =
                    key.len() == 36 && key.chars().all(|c| c.is_ascii_hexdigit() || c == '-');
                is_uuid.then(|| match self.kind {
                    Kind::Postgres => format!("CAST('{key}' AS uuid)"),
                    Kind::Mysql | Kind::Sqlite => format!("'{key}'"),
                })
            }
        }
    }
}

/// The positions of a replica, or with an empty replica the deletions that an owner remembers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Positions<'a> {
    pub(crate) kind: Kind,
    pub(crate) replica: &'a str,
    pub(crate) entity: &'a str,
}

impl Positions<'_> {
    fn select(&self) -> String {
        let key = quoted("key", self.kind);
        let shown = match self.kind {
            Kind::Mysql => format!("CONVERT({key} USING utf8mb4)"),
            Kind::Postgres | Kind::Sqlite => key.clone(),
        };
        let bigint = match self.kind {
            Kind::Mysql => "SIGNED",
            Kind::Postgres | Kind::Sqlite => "BIGINT",
        };
        format!(
            "SELECT {shown} AS {key}, version, \
                CAST(CASE WHEN deleted_at IS NULL THEN 0 ELSE 1 END AS {bigint}) AS deleted \
             FROM versioned_positions WHERE replica = {} AND entity = {}{}",
            text(self.replica, self.kind),
            text(self.entity, self.kind),
            // That of an owner's record that exists says nothing: the table does.
            if self.replica.is_empty() {
                " AND deleted_at IS NOT NULL"
            } else {
                ""
            },
        )
    }

    /// Selects a page of records that are not deleted, in the order of the keys.
    pub(crate) fn page(&self, after: Option<&str>, limit: u32) -> String {
        let key = quoted("key", self.kind);
        let after = match after {
            Some(after) => format!(" AND {key} > {}", text(after, self.kind)),
            None => String::new(),
        };
        format!(
            "{} AND deleted_at IS NULL{after} ORDER BY {key} LIMIT {limit}",
            self.select()
        )
    }

    /// Selects the records with these keys.
    pub(crate) fn records<'k>(&self, keys: impl Iterator<Item = &'k str>) -> Option<String> {
        let keys: Vec<_> = keys.map(|key| text(key, self.kind)).collect();
        let key = quoted("key", self.kind);
        let any = !keys.is_empty();
        any.then(|| format!("{} AND {key} IN ({})", self.select(), keys.join(", ")))
    }
}

/// A name, as the database quotes it. `SQLite` would take a name in double quotes that is unknown for a
/// text.
fn quoted(name: &str, kind: Kind) -> String {
    match kind {
        Kind::Mysql | Kind::Sqlite => format!("`{}`", name.replace('`', "``")),
        Kind::Postgres => format!("\"{}\"", name.replace('"', "\"\"")),
    }
}

/// A text as a literal that no character of it can end.
fn text(text: &str, kind: Kind) -> String {
    let mut hex = String::with_capacity(2 * text.len());
    for byte in text.bytes() {
        for digit in [byte >> 4, byte & 15] {
            hex.extend(char::from_digit(u32::from(digit), 16));
        }
    }
    match kind {
        Kind::Postgres => format!("convert_from(decode('{hex}', 'hex'), 'UTF8')"),
        Kind::Mysql => format!("CONVERT(X'{hex}' USING utf8mb4)"),
        Kind::Sqlite => format!("CAST(X'{hex}' AS TEXT)"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_and_no_key_ends_its_quotes() {
        assert_eq!(quoted("a\"b", Kind::Postgres), "\"a\"\"b\"");
        assert_eq!(quoted("a`b", Kind::Mysql), "`a``b`");
        let key = text("'; DROP", Kind::Sqlite);
        assert_eq!(key, "CAST(X'273b2044524f50' AS TEXT)");
        let table = OwnerTable {
            kind: Kind::Postgres,
            table: "shop.tickets",
            key: "id",
            key_type: KeyType::Int,
            version: "version",
        };
        assert_eq!(table.page(Some("7 OR 1 = 1"), 10), None);
        let page = table.page(Some("7"), 10).unwrap_or_default();
        assert!(
            page.ends_with("FROM \"shop\".\"tickets\" WHERE \"id\" > 7 ORDER BY \"id\" LIMIT 10")
        );
    }
}
