//! What a database may make of the values of a type.

use std::any::TypeId;

use diesel::sql_types::{
    BigInt, Binary, Bool, Date, Double, Float, Integer, Nullable, Numeric, SingleValue, SmallInt,
    SqlType, Time, Timestamp, is_nullable,
};

/// What a database may make of the values of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// It keeps them as they are.
    Exact,
    /// The same; and it can make them itself (`AUTO_INCREMENT`).
    Integer,
    /// The column's precision may round them. Values that are equal are the same value.
    Rounded,
    /// It may take two of them for the same one: text has a collation, and what is not known here may be text.
    Coarse,
}

impl Kind {
    /// The kind of the SQL type `ST`, with or without NULLs.
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
            || is_exact_on_postgres(of)
        {
            Self::Exact
        } else if same::<Numeric>(of)
            || same::<Time>(of)
            || same::<Timestamp>(of)
            || has_precision_on_postgres(of)
            || has_precision_on_sqlite(of)
            || has_precision_on_mysql(of)
        {
            Self::Rounded
        } else {
            Self::Coarse
        }
    }

    /// The kind, where it is known whether the database has the type as text.
    #[cfg_attr(
        not(any(feature = "sqlite", feature = "mysql")),
        allow(dead_code, reason = "PostgreSQL does not tell")
    )]
    pub(super) fn stored<ST: 'static>(as_text: bool) -> Self {
        match Self::of::<ST>() {
            Self::Coarse if !as_text => Self::Exact,
            kind => kind,
        }
    }
}

/// Whether it is this type, or the same with NULLs.
fn same<ST>(of: TypeId) -> bool
where
    ST: SqlType<IsNull = is_nullable::NotNull> + SingleValue + 'static,
{
    of == TypeId::of::<ST>() || of == TypeId::of::<Nullable<ST>>()
}

#[cfg(feature = "postgres")]
fn is_exact_on_postgres(of: TypeId) -> bool {
    use diesel::sql_types::{Oid, Uuid};
    same::<Uuid>(of) || same::<Oid>(of)
}

#[cfg(not(feature = "postgres"))]
fn is_exact_on_postgres(_: TypeId) -> bool {
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
