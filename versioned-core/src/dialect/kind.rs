//! How a database may alter or compare the values of a type.

use std::any::TypeId;

use diesel::sql_types::{
    BigInt, Binary, Bool, Date, Double, Float, Integer, Json, Nullable, Numeric, SingleValue,
    SmallInt, SqlType, Text, Time, Timestamp, is_nullable,
};

/// How a database may alter or compare the values of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// The database stores the values exactly.
    Exact,
    /// The database stores the values exactly, and can generate them (`AUTO_INCREMENT`).
    Integer,
    /// The column's precision may round the values. Values that compare as equal are the same
    /// value.
    Rounded,
    /// The database stores the values exactly, but may treat two of them as equal, because text has
    /// a collation.
    Text,
    /// The type is not known here. The database may round the values, and may treat two of them as
    /// equal.
    Unknown,
}

impl Kind {
    /// Returns whether the database may treat two different values as equal.
    pub(crate) fn is_coarse(self) -> bool {
        matches!(self, Self::Text | Self::Unknown)
    }

    /// Returns whether a row may store another value than the one that was written.
    pub(crate) fn may_be_rounded(self) -> bool {
        matches!(self, Self::Rounded | Self::Unknown)
    }

    /// Returns the kind of the SQL type `ST`, nullable or not.
    pub(super) fn of<ST: 'static>() -> Self {
        let of = TypeId::of::<ST>();
        if same::<SmallInt>(of)
            || same::<Integer>(of)
            || same::<BigInt>(of)
            || is_integer_of_mysql(of)
        {
            Self::Integer
        } else if same::<Bool>(of)
            || same::<Float>(of)
            || same::<Double>(of)
            || same::<Date>(of)
            || same::<Binary>(of)
            || same::<Json>(of)
            || is_exact_on_postgres(of)
        {
            Self::Exact
        } else if same::<Text>(of) || is_text_on_postgres(of) {
            Self::Text
        } else if same::<Numeric>(of)
            || same::<Time>(of)
            || same::<Timestamp>(of)
            || has_precision_on_postgres(of)
            || has_precision_on_sqlite(of)
            || has_precision_on_mysql(of)
        {
            Self::Rounded
        } else {
            Self::Unknown
        }
    }

    /// Returns the kind of the SQL type `ST` on a `MultiConnection`, whose connection may be one to
    /// MySQL.
    pub(super) fn on_any<ST: 'static>() -> Self {
        let of = TypeId::of::<ST>();
        let rounds = same::<Float>(of) || same::<Double>(of) || same::<Binary>(of);
        match Self::of::<ST>() {
            Self::Exact if cfg!(feature = "mysql") && rounds => Self::Rounded,
            Self::Exact if cfg!(feature = "mysql") && same::<Json>(of) => Self::Unknown,
            kind => kind,
        }
    }

    /// Returns the kind of the SQL type `ST`, whose values SQLite stores as they are sent.
    #[cfg(feature = "sqlite")]
    pub(super) fn on_sqlite<ST: 'static>(stored: diesel::sqlite::SqliteType) -> Self {
        match (Self::of::<ST>(), stored) {
            (Self::Unknown, diesel::sqlite::SqliteType::Text) => Self::Text,
            (Self::Unknown, _) => Self::Exact,
            (kind, _) => kind,
        }
    }

    /// Returns the kind of the SQL type `ST`, which is sent to MySQL as `sent`. `BINARY(n)` pads,
    /// and `FLOAT(m, d)` and `DOUBLE(m, d)` round.
    #[cfg(feature = "mysql")]
    pub(super) fn on_mysql<ST: 'static>(sent: diesel::mysql::MysqlType) -> Self {
        use diesel::mysql::MysqlType as Sent;
        match (Self::of::<ST>(), sent) {
            (
                Self::Unknown,
                Sent::Tiny
                | Sent::UnsignedTiny
                | Sent::Short
                | Sent::UnsignedShort
                | Sent::Long
                | Sent::UnsignedLong
                | Sent::LongLong
                | Sent::UnsignedLongLong,
            ) => Self::Exact,
            // MySQL orders the keys of JSON objects itself.
            (Self::Exact, Sent::String)
            | (Self::Unknown, Sent::String | Sent::Enum | Sent::Set) => Self::Unknown,
            (Self::Exact, Sent::Blob | Sent::Float | Sent::Double) | (Self::Unknown, _) => {
                Self::Rounded
            }
            (kind, _) => kind,
        }
    }
}

/// Returns whether the type is `ST` or `Nullable<ST>`.
fn same<ST>(of: TypeId) -> bool
where
    ST: SqlType<IsNull = is_nullable::NotNull> + SingleValue + 'static,
{
    of == TypeId::of::<ST>() || of == TypeId::of::<Nullable<ST>>()
}

#[cfg(feature = "postgres")]
fn is_exact_on_postgres(of: TypeId) -> bool {
    use diesel::sql_types::{Array, Cidr, Inet, Jsonb, MacAddr, MacAddr8, Money, Oid, Uuid};
    same::<Uuid>(of)
        || same::<Oid>(of)
        || same::<Jsonb>(of)
        || same::<Inet>(of)
        || same::<Cidr>(of)
        || same::<MacAddr>(of)
        || same::<MacAddr8>(of)
        || same::<Money>(of)
        || same::<Array<SmallInt>>(of)
        || same::<Array<Integer>>(of)
        || same::<Array<BigInt>>(of)
        || same::<Array<Bool>>(of)
        || same::<Array<Double>>(of)
        || same::<Array<Uuid>>(of)
}

#[cfg(not(feature = "postgres"))]
fn is_exact_on_postgres(_: TypeId) -> bool {
    false
}

#[cfg(feature = "postgres")]
fn is_text_on_postgres(of: TypeId) -> bool {
    use diesel::sql_types::{Array, Citext};
    same::<Citext>(of) || same::<Array<Text>>(of) || same::<Array<Nullable<Text>>>(of)
}

#[cfg(not(feature = "postgres"))]
fn is_text_on_postgres(_: TypeId) -> bool {
    false
}

#[cfg(feature = "postgres")]
fn has_precision_on_postgres(of: TypeId) -> bool {
    same::<diesel::sql_types::Timestamptz>(of)
}

#[cfg(not(feature = "postgres"))]
fn has_precision_on_postgres(_: TypeId) -> bool {
    false
}

#[cfg(feature = "sqlite")]
fn has_precision_on_sqlite(of: TypeId) -> bool {
    same::<diesel::sql_types::TimestamptzSqlite>(of)
}

#[cfg(not(feature = "sqlite"))]
fn has_precision_on_sqlite(_: TypeId) -> bool {
    false
}

#[cfg(feature = "mysql")]
fn is_integer_of_mysql(of: TypeId) -> bool {
    use diesel::sql_types::{TinyInt, Unsigned};
    same::<TinyInt>(of)
        || same::<Unsigned<TinyInt>>(of)
        || same::<Unsigned<SmallInt>>(of)
        || same::<Unsigned<Integer>>(of)
        || same::<Unsigned<BigInt>>(of)
}

#[cfg(not(feature = "mysql"))]
fn is_integer_of_mysql(_: TypeId) -> bool {
    false
}

#[cfg(feature = "mysql")]
fn has_precision_on_mysql(of: TypeId) -> bool {
    same::<diesel::sql_types::Datetime>(of)
}

#[cfg(not(feature = "mysql"))]
fn has_precision_on_mysql(_: TypeId) -> bool {
    false
}
