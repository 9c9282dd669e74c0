//! The SQL of each backend, also in generic code and under `#[derive(MultiConnection)]`.

mod batch;
mod binds;
mod conversions;
mod elements;
mod json_table;
mod kind;
#[cfg(feature = "mysql")]
mod mysql;
mod rows;

use std::any::Any;
use std::cell::Cell;

use diesel::backend::Backend;
use diesel::connection::Connection;
use diesel::deserialize::FromSql;
use diesel::expression::QueryMetadata;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::result::QueryResult;
use diesel::serialize::ToSql;
use diesel::sql_types::{BigInt, HasSqlType, Integer, Text};

pub(crate) use self::batch::BatchFor;
use self::binds::binds_and_rows;
pub(crate) use self::conversions::Conversions;
pub use self::elements::Elements;
pub(crate) use self::elements::{NoArray, Rows};
pub(crate) use self::json_table::JsonColumn;
pub use self::json_table::JsonTable;
pub(crate) use self::kind::Kind;
pub(crate) use self::rows::{
    AnyLetter, AnyParked, Item, Letter, Parked, Pending, Requested, Waiting,
};
use self::rows::{
    AnyLetterSql, AnyParkedSql, ItemSql, LetterSql, ParkedSql, PendingSql, RequestedSql, WaitingSql,
};
use crate::runner::Runner;

/// A dialect of SQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// PostgreSQL.
    Postgres,
    /// SQLite.
    Sqlite,
    /// MySQL and MariaDB.
    Mysql,
}

/// The dialect of the backend `DB`, and the SQL that depends on it. It is implemented for the
/// `MetadataLookup` of each backend.
///
/// That type is `dyn PgMetadataLookup` for PostgreSQL, `()` for SQLite and MySQL, and `dyn Any` for
/// every `#[derive(MultiConnection)]`, so that the implementations do not overlap.
#[diagnostic::on_unimplemented(
    message = "`versioned-core` does not support the backend `{DB}`, enable its feature: `sqlite`, `postgres` or `mysql`",
    label = "the backend of this connection is not supported",
    note = "in generic code, add the bound `Ticket: Owner<C::Backend>` or `TicketCopy: Dependent<C::Backend>`",
    note = "an enum with `#[derive(MultiConnection)]` needs the feature of each of its connections"
)]
pub trait SqlFor<DB: Backend> {
    /// The dialect, if the type determines it. It is `None` for a `MultiConnection`.
    const KNOWN: Option<Dialect>;

    /// The dialect of this backend value.
    fn dialect(backend: &DB) -> Option<Dialect>;

    /// How the database may alter or compare values of this type.
    #[doc(hidden)]
    fn kind<ST: 'static>() -> Kind
    where
        DB: HasSqlType<ST>,
    {
        Kind::on_any::<ST>()
    }

    /// Binds text.
    #[doc(hidden)]
    fn push_text<'b>(out: &mut AstPass<'_, 'b, DB>, text: &'b str) -> QueryResult<()>;

    /// Binds a number.
    #[doc(hidden)]
    #[allow(
        clippy::trivially_copy_pass_by_ref,
        reason = "a bind is borrowed for as long as the statement"
    )]
    fn push_number<'b>(out: &mut AstPass<'_, 'b, DB>, number: &'b i64) -> QueryResult<()>;

    /// Binds the column's values of many models as an array, which only PostgreSQL has.
    #[doc(hidden)]
    fn push_array<'b, ST: 'static>(
        _out: &mut AstPass<'_, 'b, DB>,
        _values: &'b Elements<'b, DB>,
    ) -> QueryResult<()>
    where
        DB: HasSqlType<ST>,
    {
        Err(no_arrays())
    }

    /// Binds many texts as an array, which only PostgreSQL has.
    #[doc(hidden)]
    fn push_texts<'b>(_out: &mut AstPass<'_, 'b, DB>, _texts: &'b [String]) -> QueryResult<()> {
        Err(no_arrays())
    }

    /// Binds many numbers as an array, which only PostgreSQL has.
    #[doc(hidden)]
    fn push_numbers<'b>(_out: &mut AstPass<'_, 'b, DB>, _numbers: &'b [i64]) -> QueryResult<()> {
        Err(no_arrays())
    }

    /// Adds the binds of a row to a JSON table. Returns `false` if a value has no JSON form, and on
    /// every database except MySQL and MariaDB.
    #[doc(hidden)]
    fn push_row(_row: &dyn QueryFragment<DB>, _table: &mut JsonTable) -> QueryResult<bool> {
        Ok(false)
    }

    /// The SQL of a fragment, if the type determines how identifiers are quoted. It is `None` for a
    /// `MultiConnection`.
    #[doc(hidden)]
    fn sql(_fragment: &dyn QueryFragment<DB>) -> QueryResult<Option<String>> {
        Ok(None)
    }

    /// Pushes ` = ANY($1)`, or ` IN (1, 2)` if there are no arrays.
    #[doc(hidden)]
    fn push_any<'b>(out: &mut AstPass<'_, 'b, DB>, numbers: &'b [i64]) -> QueryResult<()> {
        push_list(out, numbers);
        Ok(())
    }

    /// Runs a statement that returns at most one row with one number.
    #[doc(hidden)]
    fn number<C, S>(
        conn: &mut C,
        statement: S,
    ) -> impl Future<Output = QueryResult<Option<i64>>> + Send
    where
        C: Runner<Backend = DB>,
        S: QueryFragment<DB> + QueryId + Send;

    /// Runs a statement that returns rows with one number.
    #[doc(hidden)]
    fn numbers<C, S>(
        conn: &mut C,
        statement: S,
    ) -> impl Future<Output = QueryResult<Vec<i64>>> + Send
    where
        C: Runner<Backend = DB>,
        S: QueryFragment<DB> + QueryId + Send;

    /// Runs a statement that returns at most one row with four numbers.
    #[doc(hidden)]
    fn figures<C, S>(
        conn: &mut C,
        statement: S,
    ) -> impl Future<Output = QueryResult<Option<(i64, i64, i64, i64)>>> + Send
    where
        C: Runner<Backend = DB>,
        S: QueryFragment<DB> + QueryId + Send;

    /// Runs a statement that returns at most one row with two texts.
    #[doc(hidden)]
    fn names<C, S>(
        conn: &mut C,
        statement: S,
    ) -> impl Future<Output = QueryResult<Option<(String, String)>>> + Send
    where
        C: Runner<Backend = DB>,
        S: QueryFragment<DB> + QueryId + Send;

    /// Runs a statement that returns events of the outbox.
    #[doc(hidden)]
    fn waiting<C, S>(
        conn: &mut C,
        statement: S,
    ) -> impl Future<Output = QueryResult<Vec<Waiting>>> + Send
    where
        C: Runner<Backend = DB>,
        S: QueryFragment<DB> + QueryId + Send;

    /// Runs a statement that returns dead letters.
    #[doc(hidden)]
    fn letters<C, S>(
        conn: &mut C,
        statement: S,
    ) -> impl Future<Output = QueryResult<Vec<Letter>>> + Send
    where
        C: Runner<Backend = DB>,
        S: QueryFragment<DB> + QueryId + Send;

    /// Runs a statement that returns records with parked events.
    #[doc(hidden)]
    fn parked<C, S>(
        conn: &mut C,
        statement: S,
    ) -> impl Future<Output = QueryResult<Vec<Parked>>> + Send
    where
        C: Runner<Backend = DB>,
        S: QueryFragment<DB> + QueryId + Send;

    /// Runs a statement that returns dead letters of any replica.
    #[doc(hidden)]
    fn any_letters<C, S>(
        conn: &mut C,
        statement: S,
    ) -> impl Future<Output = QueryResult<Vec<AnyLetter>>> + Send
    where
        C: Runner<Backend = DB>,
        S: QueryFragment<DB> + QueryId + Send;

    /// Runs a statement that returns records with parked events, of any replica.
    #[doc(hidden)]
    fn any_parked<C, S>(
        conn: &mut C,
        statement: S,
    ) -> impl Future<Output = QueryResult<Vec<AnyParked>>> + Send
    where
        C: Runner<Backend = DB>,
        S: QueryFragment<DB> + QueryId + Send;

    /// Runs a statement that returns what operators see of events in the outbox.
    #[doc(hidden)]
    fn pending<C, S>(
        conn: &mut C,
        statement: S,
    ) -> impl Future<Output = QueryResult<Vec<Pending>>> + Send
    where
        C: Runner<Backend = DB>,
        S: QueryFragment<DB> + QueryId + Send;

    /// Runs a statement that returns requests.
    #[doc(hidden)]
    fn requests<C, S>(
        conn: &mut C,
        statement: S,
    ) -> impl Future<Output = QueryResult<Vec<Requested>>> + Send
    where
        C: Runner<Backend = DB>,
        S: QueryFragment<DB> + QueryId + Send;

    /// Runs a statement that returns the letters or records of a request.
    #[doc(hidden)]
    fn items<C, S>(
        conn: &mut C,
        statement: S,
    ) -> impl Future<Output = QueryResult<Vec<Item>>> + Send
    where
        C: Runner<Backend = DB>,
        S: QueryFragment<DB> + QueryId + Send;

    /// Runs a statement that returns at most one row with one text.
    #[doc(hidden)]
    fn text<C, S>(
        conn: &mut C,
        statement: S,
    ) -> impl Future<Output = QueryResult<Option<String>>> + Send
    where
        C: Runner<Backend = DB>,
        S: QueryFragment<DB> + QueryId + Send;

    /// Runs a statement that returns rows with a text and a number.
    #[doc(hidden)]
    fn pairs<C, S>(
        conn: &mut C,
        statement: S,
    ) -> impl Future<Output = QueryResult<Vec<(String, i64)>>> + Send
    where
        C: Runner<Backend = DB>,
        S: QueryFragment<DB> + QueryId + Send;
}

fn no_arrays() -> diesel::result::Error {
    diesel::result::Error::QueryBuilderError("this database has no arrays".into())
}

fn push_list<DB: Backend>(out: &mut AstPass<'_, '_, DB>, numbers: &[i64]) {
    // The numbers are not binds, because the number of binds is limited. The text is not worth
    // caching.
    out.unsafe_to_cache_prepared();
    for (place, number) in numbers.iter().enumerate() {
        out.push_sql(if place == 0 { " IN (" } else { ", " });
        out.push_sql(&number.to_string());
    }
    out.push_sql(if numbers.is_empty() {
        " IN (NULL)"
    } else {
        ")"
    });
}

macro_rules! backends {
    ($($feature:literal $lookup:ty, $backend:ty => $dialect:ident $({ $($more:tt)* })?;)*) => {$(
        #[cfg(feature = $feature)]
        impl SqlFor<$backend> for $lookup {
            const KNOWN: Option<Dialect> = Some(Dialect::$dialect);

            fn dialect(_: &$backend) -> Option<Dialect> {
                Some(Dialect::$dialect)
            }

            fn sql(fragment: &dyn QueryFragment<$backend>) -> QueryResult<Option<String>> {
                let mut builder = <$backend as Backend>::QueryBuilder::default();
                fragment.to_sql(&mut builder, &<$backend>::default())?;
                Ok(Some(diesel::query_builder::QueryBuilder::<$backend>::finish(builder)))
            }

            binds_and_rows!($backend);
            $($($more)*)?
        }

        #[cfg(feature = $feature)]
        impl QueryFragment<$backend> for Probe<'_> {
            fn walk_ast<'b>(&'b self, _: AstPass<'_, 'b, $backend>) -> QueryResult<()> {
                self.0.set(Some(Dialect::$dialect));
                Ok(())
            }
        }
    )*};
}

backends! {
    "postgres" dyn diesel::pg::PgMetadataLookup, diesel::pg::Pg => Postgres {
        fn kind<ST: 'static>() -> Kind
        where
            diesel::pg::Pg: HasSqlType<ST>,
        {
            Kind::of::<ST>()
        }

        fn push_array<'b, ST: 'static>(
            out: &mut AstPass<'_, 'b, diesel::pg::Pg>,
            values: &'b Elements<'b, diesel::pg::Pg>,
        ) -> QueryResult<()>
        where
            diesel::pg::Pg: HasSqlType<ST>,
        {
            out.push_bind_param::<diesel::sql_types::Array<ST>, Elements<'b, diesel::pg::Pg>>(values)
        }

        fn push_texts<'b>(
            out: &mut AstPass<'_, 'b, diesel::pg::Pg>,
            texts: &'b [String],
        ) -> QueryResult<()> {
            out.push_bind_param::<diesel::sql_types::Array<Text>, [String]>(texts)
        }

        fn push_numbers<'b>(
            out: &mut AstPass<'_, 'b, diesel::pg::Pg>,
            numbers: &'b [i64],
        ) -> QueryResult<()> {
            out.push_bind_param::<diesel::sql_types::Array<BigInt>, [i64]>(numbers)
        }

        fn push_any<'b>(
            out: &mut AstPass<'_, 'b, diesel::pg::Pg>,
            numbers: &'b [i64],
        ) -> QueryResult<()> {
            out.push_sql(" = ANY(");
            Self::push_numbers(out, numbers)?;
            out.push_sql(")");
            Ok(())
        }
    };
    "sqlite" (), diesel::sqlite::Sqlite => Sqlite {
        fn kind<ST: 'static>() -> Kind
        where
            diesel::sqlite::Sqlite: HasSqlType<ST>,
        {
            let stored = <diesel::sqlite::Sqlite as HasSqlType<ST>>::metadata(&mut ());
            Kind::on_sqlite::<ST>(stored)
        }
    };
    "mysql" (), diesel::mysql::Mysql => Mysql {
        fn kind<ST: 'static>() -> Kind
        where
            diesel::mysql::Mysql: HasSqlType<ST>,
        {
            let sent = <diesel::mysql::Mysql as HasSqlType<ST>>::metadata(&mut ());
            Kind::on_mysql::<ST>(sent)
        }

        fn push_row(
            row: &dyn QueryFragment<diesel::mysql::Mysql>,
            table: &mut JsonTable,
        ) -> QueryResult<bool> {
            mysql::push_row(row, table)
        }
    };
}

/// `MultiConnection` dispatches every fragment that it knows to the backend of the live variant.
/// `Exists` is such a fragment, so a probe inside it learns which backend that is.
impl<DB> SqlFor<DB> for dyn Any
where
    DB: Backend<MetadataLookup = dyn Any>
        + HasSqlType<Text>
        + HasSqlType<BigInt>
        + HasSqlType<Integer>
        + QueryMetadata<Text>
        + QueryMetadata<BigInt>
        + QueryMetadata<(Text, BigInt)>
        + QueryMetadata<(BigInt, BigInt, BigInt, BigInt)>
        + QueryMetadata<(Text, Text)>
        + QueryMetadata<WaitingSql>
        + QueryMetadata<LetterSql>,
    str: ToSql<Text, DB>,
    i64: ToSql<BigInt, DB> + FromSql<BigInt, DB>,
    i32: FromSql<Integer, DB>,
    String: FromSql<Text, DB>,
    for<'p> diesel::dsl::exists<Probe<'p>>: QueryFragment<DB>,
{
    const KNOWN: Option<Dialect> = None;

    fn dialect(backend: &DB) -> Option<Dialect> {
        let seen = Cell::new(None);
        let probe = diesel::dsl::exists(Probe(&seen));
        // The result of the pass is not used. This pass needs only the backend.
        probe.is_safe_to_cache_prepared(backend).ok()?;
        seen.get()
    }

    binds_and_rows!(DB);
}

/// A fragment without SQL that records the dialect for which it is walked.
#[derive(Debug)]
#[cfg_attr(
    not(any(feature = "sqlite", feature = "postgres", feature = "mysql")),
    allow(dead_code, reason = "there is no backend to walk it for")
)]
pub struct Probe<'a>(&'a Cell<Option<Dialect>>);

impl diesel::Expression for Probe<'_> {
    type SqlType = diesel::sql_types::Bool;
}

/// Asks for the dialect of the connection's live variant, by a statement that fails while it is
/// built, so that nothing is sent.
pub(crate) fn ask<C, F>(conn: &mut C) -> QueryResult<Dialect>
where
    C: Connection,
    F: SqlFor<C::Backend> + ?Sized,
{
    let seen = Cell::new(None);
    let asked = conn.execute_returning_count(&Ask::<F>(&seen, std::marker::PhantomData));
    match (seen.get(), asked) {
        (Some(dialect), _) => Ok(dialect),
        (None, Err(error)) => Err(error),
        (None, Ok(_)) => Err(diesel::result::Error::NotFound),
    }
}

struct Ask<'a, F: ?Sized>(&'a Cell<Option<Dialect>>, std::marker::PhantomData<F>);

impl<DB, F> QueryFragment<DB> for Ask<'_, F>
where
    DB: Backend,
    F: SqlFor<DB> + ?Sized,
{
    fn walk_ast<'b>(&'b self, out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        self.0.set(F::dialect(out.backend()));
        Err(diesel::result::Error::QueryBuilderError(
            "the dialect was determined, and nothing was sent".into(),
        ))
    }
}

impl<F: ?Sized> QueryId for Ask<'_, F> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}
