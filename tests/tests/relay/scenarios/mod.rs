//! What holds on each backend, with one relay.

mod clocks;
mod direct;
mod passes;
mod runs;

use std::time::{Duration, Instant};

use diesel_migrations::MigrationHarness as _;
use versioned_core::MIGRATIONS;
use versioned_core::outbox::{Publisher, Relay};

use super::super::broker::*;
use super::super::*;
use super::backend::{self, Conn, Db};

/// A row that waits, as far as a relay changes it: `event id, attempts, due, error`.
type Row = (String, i32, i64, Option<String>);

pub(super) fn database() -> (Db, Conn) {
    let db = Db::fresh(TICKETS);
    let mut conn = db.connect();
    conn.run_pending_migrations(MIGRATIONS).unwrap();
    (db, conn)
}

fn waiting(conn: &mut Conn) -> Vec<Row> {
    use versioned_outbox::dsl;
    let rows: Vec<(String, String, i64, i32, i64, Option<String>)> = dsl::versioned_outbox
        .select((
            dsl::entity,
            dsl::key,
            dsl::version,
            dsl::attempts,
            dsl::due,
            dsl::error,
        ))
        .order(dsl::id)
        .load(conn)
        .unwrap();
    rows.into_iter()
        .map(|(entity, key, version, attempts, due, error)| {
            (format!("{entity}/{key}/{version}"), attempts, due, error)
        })
        .collect()
}

/// Pass after pass until nothing waits: a server takes its time to notice that a connection is gone, and its locks with it.
#[track_caller]
pub(super) fn until_published<P: Publisher>(relay: &Relay<P>, conn: &mut Conn) {
    let end = Instant::now() + Duration::from_secs(30);
    while !waiting(conn).is_empty() {
        relay.run_once(conn).unwrap();
        assert!(Instant::now() < end, "{:?}", waiting(conn));
    }
}

fn untouched(ids: impl IntoIterator<Item = i64>) -> Vec<Row> {
    let row = |id| (id, 0, 0, None);
    created(ids).into_iter().map(row).collect()
}
