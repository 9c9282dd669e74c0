//! The time by the clock of the database.

use diesel::backend::Backend;
use diesel::query_builder::AstPass;

use crate::dialect::{Dialect, SqlFor};

/// Pushes the time of the statement, in microseconds since 1970. The clocks of relays and writers
/// may differ, and the database's clock is the same for all.
///
/// On MySQL and `MariaDB`, `UNIX_TIMESTAMP(NOW(6))` would depend on the time zone of the session.
/// `SQLite` knows milliseconds.
pub(crate) fn push_now<F, DB>(out: &mut AstPass<'_, '_, DB>)
where
    F: SqlFor<DB> + ?Sized,
    DB: Backend,
{
    out.push_sql(now(F::dialect(out.backend())));
}

/// Returns the SQL that [`push_now`] pushes.
pub(crate) fn now(dialect: Option<Dialect>) -> &'static str {
    match dialect {
        Some(Dialect::Sqlite) => {
            "CAST(ROUND((julianday('now') - 2440587.5) * 86400000) AS INTEGER) * 1000"
        }
        Some(Dialect::Mysql) => "TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6))",
        Some(Dialect::Postgres) | None => {
            "(extract(epoch FROM statement_timestamp()) * 1000000)::bigint"
        }
    }
}
