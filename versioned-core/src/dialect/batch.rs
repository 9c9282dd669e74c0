//! Diesel's values of many new rows, which only PostgreSQL inserts in one statement.

use std::any::Any;

use diesel::backend::Backend;
use diesel::query_builder::AstPass;
use diesel::result::QueryResult;

/// The values `B` of many rows, in a statement of the backend `DB`. It is implemented for the
/// `MetadataLookup` of each backend, as [`SqlFor`](super::SqlFor) is.
#[diagnostic::on_unimplemented(
    message = "Diesel can't insert many of these rows in one statement",
    label = "these are no new rows for `{DB}`"
)]
pub trait BatchFor<DB: Backend, B> {
    /// Pushes the values.
    fn push_batch<'b>(batch: &'b B, out: AstPass<'_, 'b, DB>) -> QueryResult<()>;
}

#[cfg(feature = "postgres")]
impl<B> BatchFor<diesel::pg::Pg, B> for dyn diesel::pg::PgMetadataLookup
where
    B: diesel::query_builder::QueryFragment<diesel::pg::Pg>,
{
    fn push_batch<'b>(batch: &'b B, out: AstPass<'_, 'b, diesel::pg::Pg>) -> QueryResult<()> {
        batch.walk_ast(out)
    }
}

#[cfg(feature = "sqlite")]
impl<B> BatchFor<diesel::sqlite::Sqlite, B> for () {
    fn push_batch<'b>(_: &'b B, _: AstPass<'_, 'b, diesel::sqlite::Sqlite>) -> QueryResult<()> {
        Err(one_by_one())
    }
}

#[cfg(feature = "mysql")]
impl<B> BatchFor<diesel::mysql::Mysql, B> for () {
    fn push_batch<'b>(_: &'b B, _: AstPass<'_, 'b, diesel::mysql::Mysql>) -> QueryResult<()> {
        Err(one_by_one())
    }
}

impl<DB: Backend<MetadataLookup = dyn Any>, B> BatchFor<DB, B> for dyn Any {
    fn push_batch<'b>(_: &'b B, _: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        Err(one_by_one())
    }
}

/// The error of a statement that is never run.
fn one_by_one() -> diesel::result::Error {
    diesel::result::Error::QueryBuilderError("this database inserts new rows one by one".into())
}
