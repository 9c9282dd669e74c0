//! Statements whose text is a list of tokens: literal SQL, and names for what depends on the
//! database or is bound.

use std::marker::PhantomData;

use diesel::backend::Backend;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::result::QueryResult;

use crate::dialect::{Dialect, SqlFor};
use crate::statement::safe_updates::push_verb;

/// A token of a statement that binds the values `V`.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Token<V> {
    Sql(&'static str),
    /// The column `key`, which is a reserved word on some backends.
    KeyColumn,
    /// The verb DELETE of a statement that does not use a whole key.
    Delete,
    /// A lock on the rows that are read, except on `SQLite`, which has one writer.
    ///
    /// On MySQL, the statement is prepared anew each time. A deadlock may end it after some rows were
    /// sent, and Connector/C of MariaDB hangs if a statement is executed again after that.
    ForUpdate,
    /// SQL that depends on the dialect.
    Of(fn(Option<Dialect>) -> &'static str),
    Bind(V),
}

/// The text of a statement that binds the values `V`.
pub(crate) trait SqlTemplate<V: 'static>: 'static {
    const TOKENS: &'static [Token<V>];
}

/// The values that statements about one subject can bind.
pub(crate) trait Values: Copy {
    /// Names a value.
    type Value: Copy + 'static;

    fn bind<'b, F, DB>(
        &'b self,
        value: Self::Value,
        out: &mut AstPass<'_, 'b, DB>,
    ) -> QueryResult<()>
    where
        F: SqlFor<DB> + ?Sized,
        DB: Backend;
}

/// Defines statements that bind the values `$value`. A token is literal SQL, `KeyColumn`, `Delete`,
/// `ForUpdate`, a function of the dialect in parentheses, or a variant of `$value`.
macro_rules! texts {
    ($value:ident; $($(#[$docs:meta])* $name:ident = [$($token:tt),* $(,)?];)*) => {$(
        $(#[$docs])*
        pub(crate) enum $name {}

        impl $crate::statement::template::SqlTemplate<$value> for $name {
            const TOKENS: &'static [$crate::statement::template::Token<$value>] =
                &[$($crate::statement::template::token!($value $token)),*];
        }
    )*};
}

macro_rules! token {
    ($value:ident KeyColumn) => {
        $crate::statement::template::Token::KeyColumn
    };
    ($value:ident Delete) => {
        $crate::statement::template::Token::Delete
    };
    ($value:ident ForUpdate) => {
        $crate::statement::template::Token::ForUpdate
    };
    ($value:ident ($choose:path)) => {
        $crate::statement::template::Token::Of($choose)
    };
    ($value:ident $sql:literal) => {
        $crate::statement::template::Token::Sql($sql)
    };
    ($value:ident $name:ident) => {
        $crate::statement::template::Token::Bind($value::$name)
    };
}

pub(crate) use {texts, token};

/// The statement `T` with these values. `F` determines the backend.
pub(crate) struct Templated<V, T, F: ?Sized> {
    values: V,
    text: PhantomData<fn() -> T>,
    flavor: PhantomData<fn(&F)>,
}

impl<V: Values, T: SqlTemplate<V::Value>, F: ?Sized> Templated<V, T, F> {
    pub(crate) fn new(values: V) -> Self {
        Self {
            values,
            text: PhantomData,
            flavor: PhantomData,
        }
    }
}

impl<V, T: 'static, F: ?Sized> QueryId for Templated<V, T, F> {
    type QueryId = T;
}

impl<V, T, F, DB> QueryFragment<DB> for Templated<V, T, F>
where
    V: Values,
    T: SqlTemplate<V::Value>,
    F: SqlFor<DB> + ?Sized,
    DB: Backend,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        let dialect = F::dialect(out.backend());
        for token in T::TOKENS {
            match *token {
                Token::Sql(sql) => out.push_sql(sql),
                Token::KeyColumn => out.push_identifier("key")?,
                Token::Delete => push_verb("DELETE", dialect, &mut out),
                Token::ForUpdate => {
                    if dialect == Some(Dialect::Mysql) {
                        out.unsafe_to_cache_prepared();
                    }
                    if dialect != Some(Dialect::Sqlite) {
                        out.push_sql(" FOR UPDATE");
                    }
                }
                Token::Of(choose) => out.push_sql(choose(dialect)),
                Token::Bind(value) => self.values.bind::<F, DB>(value, &mut out)?,
            }
        }
        Ok(())
    }
}
