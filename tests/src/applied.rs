//! The table `applied`, with a row for each time that an event was applied.

use diesel::pg::Pg;
use diesel::prelude::*;
use diesel_async::{AsyncConnection as _, AsyncPgConnection};
use versioned_core::async_prelude::{Dependent, DependentDsl as _};
use versioned_core::{Error, Event, Outcome, Result};

#[allow(missing_docs, reason = "`table!` has no docs")]
mod schema {
    diesel::table! {
        applied (key, version) {
            key -> Text,
            version -> BigInt,
        }
    }
}
use schema::applied;

/// Applies an event, and notes it in the same transaction.
///
/// # Errors
///
/// As `apply_with`.
pub async fn apply_and_note<M: Dependent<Pg>>(
    event: &Event<M>,
    conn: &mut AsyncPgConnection,
) -> Result<Outcome> {
    let note = async |conn: &mut AsyncPgConnection, event: &Event<M>| {
        let row = (
            applied::key.eq(event.key.clone()),
            applied::version.eq(event.version),
        );
        let insert = diesel::insert_into(applied::table).values(row);
        diesel_async::RunQueryDsl::execute(insert, conn).await?;
        Ok(())
    };
    M::apply_with(event, conn, note).await
}

/// The same, on a connection of its own.
///
/// # Errors
///
/// As `apply_with`, or when the database is not reached.
pub async fn apply_and_note_at<M: Dependent<Pg>>(event: &Event<M>, url: &str) -> Result<Outcome> {
    let conn = AsyncPgConnection::establish(url).await;
    apply_and_note(event, &mut conn.map_err(Error::other)?).await
}

/// The keys and versions of the events that were applied, sorted as texts and numbers.
///
/// # Panics
///
/// When the table is not there.
pub fn noted(conn: &mut PgConnection) -> Vec<(String, i64)> {
    let all = applied::table.order((applied::key, applied::version));
    all.load(conn).expect("the table `applied`")
}

/// The same where the keys are numbers, sorted as numbers.
///
/// # Panics
///
/// When the table is not there, or a key is no number.
pub fn noted_ids(conn: &mut PgConnection) -> Vec<(i64, i64)> {
    let all = noted(conn).into_iter();
    let mut all: Vec<_> = all
        .map(|(key, version)| (key.parse().expect("a number"), version))
        .collect();
    all.sort_unstable();
    all
}
