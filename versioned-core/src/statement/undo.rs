//! `CASE WHEN <rows> = 1 THEN 1 ELSE CAST('..' || <rows> AS integer) END`: a statement of PostgreSQL that undoes itself if it
//! did not write all rows.
//!
//! The text that is no number is in the error's message, in whatever language that is, and tells it from other errors.

use diesel::backend::Backend;
use diesel::query_builder::AstPass;
use diesel::result::{Error, QueryResult};

/// What the message of the error has.
const MARK: &str = "versioned: rows written: ";

pub(crate) struct Unwritten;

impl Unwritten {
    /// Fails unless `rows` passes `test`. The number must not be a constant, which PostgreSQL would cast before it runs anything.
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

    /// Whether this is why a statement failed.
    pub(crate) fn is_why(error: &Error) -> bool {
        matches!(error, Error::DatabaseError(_, info) if info.message().contains(MARK))
    }
}
