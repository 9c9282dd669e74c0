//! `CASE WHEN <rows> = 1 THEN 1 ELSE CAST('..' || <rows> AS integer) END`: it makes a PostgreSQL
//! statement fail, and so undoes it, if the statement did not write all rows.
//!
//! The text that is not a number is part of the error's message in every language, and identifies
//! the error.

use diesel::backend::Backend;
use diesel::query_builder::AstPass;
use diesel::result::{Error, QueryResult};

/// The mark in the message of the error.
const MARK: &str = "versioned: rows written: ";

pub(crate) struct Unwritten;

impl Unwritten {
    /// Fails unless `rows` passes `test`. The number must not be a constant, because PostgreSQL
    /// would cast it before it runs the statement.
    pub(crate) fn unless<'w, 'b, DB: Backend>(
        rows: &str,
        out: &mut AstPass<'w, 'b, DB>,
        test: impl FnOnce(&mut AstPass<'w, 'b, DB>) -> QueryResult<()>,
    ) -> QueryResult<()> {
        out.push_sql("CASE WHEN ");
        out.push_sql(rows);
        test(out)?;
        out.push_sql(" THEN 1 ELSE CAST('");
        out.push_sql(MARK);
        out.push_sql("' || ");
        out.push_sql(rows);
        out.push_sql(" AS integer) END");
        Ok(())
    }

    /// Returns whether a statement failed for this reason.
    pub(crate) fn is_why(error: &Error) -> bool {
        matches!(error, Error::DatabaseError(_, info) if info.message().contains(MARK))
    }
}
