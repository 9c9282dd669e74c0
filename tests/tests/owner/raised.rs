//! `SQLite`: a trigger may take the whole transaction back, savepoints and all.

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel_migrations::MigrationHarness as _;
use versioned_core::{Error, MIGRATIONS};

use super::backend::Db;
use super::backend::prelude::*;
use super::scenarios::{TICKETS, tickets};

#[derive(Debug, Clone, Queryable, Selectable, serde::Serialize, Versioned)]
#[diesel(table_name = tickets)]
#[versioned(owner, outbox)]
struct Announced {
    id: i64,
    title: String,
    price: i64,
    version: i64,
}

/// No row was saved, and none is said to be.
#[test]
fn a_row_that_ends_the_transaction_is_an_error_of_the_batch() {
    let db = Db::fresh(TICKETS);
    let mut conn = db.connect();
    conn.run_pending_migrations(MIGRATIONS).unwrap();
    let mut batch: Vec<Announced> = (1..=3)
        .map(|id| Announced {
            id,
            title: format!("show {id}"),
            price: 20,
            version: 0,
        })
        .collect();
    Announced::insert_all(&mut batch, &mut conn).unwrap();
    conn.batch_execute(
        "CREATE TRIGGER ends BEFORE UPDATE ON tickets WHEN NEW.price = 13
         BEGIN SELECT RAISE(ROLLBACK, 'thirteen'); END",
    )
    .unwrap();
    batch[1].price = 13;
    let failed = Announced::save_each(&mut batch, &mut conn).map(drop);
    assert!(matches!(failed, Err(Error::Database(_))), "{failed:?}");
    assert!(batch.iter().all(|ticket| ticket.version == 1));
    let versions: Vec<i64> = tickets::table
        .select(tickets::version)
        .load(&mut db.connect())
        .unwrap();
    assert_eq!(versions, [1, 1, 1]);
}
