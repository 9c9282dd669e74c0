//! MySQL and MariaDB without `CLIENT_FOUND_ROWS`, as `AsyncMysqlConnection::try_from` takes it: a
//! row that an UPDATE leaves as it was is not counted.

use diesel::{ExpressionMethods as _, Queryable, Selectable};
use diesel_async::{AsyncMysqlConnection, RunQueryDsl as _, SimpleAsyncConnection as _};
use diesel_migrations::MigrationHarness as _;
use versioned_core::async_prelude::*;
use versioned_core::{ConflictKind, Error, Event, MIGRATIONS, Op, Outcome, Tracked};
use versioned_tests::mysql::Db;
use versioned_tests::pages::{PAGES, Page, pages};

use super::{Copy, Newest, TICKETS, Ticket, tickets};

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, serde::Deserialize, Versioned)]
#[diesel(table_name = tickets)]
#[versioned(dependent, guard = "row")]
struct Mirror {
    id: i64,
    price: i64,
    version: i64,
}

async fn connect(db: &Db) -> AsyncMysqlConnection {
    let options = mysql_async::Opts::from_url(db.url()).unwrap();
    let options = mysql_async::OptsBuilder::from_opts(options).client_found_rows(false);
    let conn = mysql_async::Conn::new(options).await.unwrap();
    AsyncMysqlConnection::try_from(conn).await.unwrap()
}

async fn replica() -> (Db, AsyncMysqlConnection) {
    let db = Db::fresh(TICKETS);
    db.connect().run_pending_migrations(MIGRATIONS).unwrap();
    let mut conn = connect(&db).await;
    let same = diesel::sql_query("UPDATE tickets SET price = price");
    conn.batch_execute("INSERT INTO tickets VALUES (1, 1, 1)")
        .await
        .unwrap();
    assert_eq!(same.execute(&mut conn).await, Ok(0), "it counts changes");
    (db, conn)
}

fn snapshot<T: serde::de::DeserializeOwned>(version: i64, price: i64) -> Event<T> {
    serde_json::from_value(serde_json::json!({
        "entity": "tickets", "key": "7", "version": version, "op": "snapshot",
        "data": { "id": 7, "price": price, "version": version },
    }))
    .unwrap()
}

/// The same snapshot again, the one that repairs a row, and the one that is too old.
macro_rules! assert_snapshots_repeat {
    ($replica:ty) => {{
        let (_db, mut conn) = replica().await;
        let conn = &mut conn;
        for (version, price, expected) in [
            (3, 20, Outcome::Applied),
            (3, 20, Outcome::Applied),
            (3, 25, Outcome::Applied),
            (3, 25, Outcome::Applied),
            (2, 10, Outcome::Duplicate { current: 3 }),
            (4, 30, Outcome::Applied),
        ] {
            let event = snapshot::<$replica>(version, price);
            assert_eq!(event.op, Op::Snapshot);
            assert_eq!(<$replica>::apply(&event, conn).await.unwrap(), expected);
            let row = <$replica>::find(&7, conn).await.unwrap();
            if expected == Outcome::Applied {
                assert_eq!((row.price, row.version), (price, version));
            } else {
                assert_eq!((row.price, row.version), (25, 3));
            }
        }
        let again = [snapshot::<$replica>(4, 30), snapshot::<$replica>(4, 30)];
        let outcomes = <$replica>::apply_all(&again, conn).await.unwrap();
        assert!(outcomes.contains(&Outcome::Applied), "{outcomes:?}");
    }};
}

#[tokio::test]
async fn a_snapshot_may_come_again() {
    assert_snapshots_repeat!(Copy);
    assert_snapshots_repeat!(Newest);
    assert_snapshots_repeat!(Mirror);
}

#[tokio::test]
async fn what_is_excluded_is_written_though_it_is_there_already() {
    let db = Db::fresh(PAGES);
    let mut conn = connect(&db).await;
    let mut page = Page::hello();
    page.insert(&mut conn).await.unwrap();
    let mut page = Tracked::new(page);
    diesel::update(pages::table)
        .set(pages::hits.eq(5))
        .execute(&mut conn)
        .await
        .unwrap();
    page.hits = 5;
    assert!(page.save(&mut conn).await.unwrap().is_none());
    assert_eq!((page.original().hits, page.version), (5, 1));
    assert_eq!(Page::find(&1, &mut conn).await.unwrap(), *page);

    let mut late = page.clone();
    diesel::delete(pages::table)
        .execute(&mut conn)
        .await
        .unwrap();
    late.hits = 6;
    match late.save(&mut conn).await {
        Err(Error::Conflict(conflict)) => assert_eq!(conflict.kind(), ConflictKind::Deleted),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_save_that_changes_nothing_moves_the_version() {
    let db = Db::fresh(TICKETS);
    let mut conn = connect(&db).await;
    let mut many: Vec<_> = (0..10)
        .map(|id| Ticket {
            id,
            price: 20,
            version: 0,
        })
        .collect();
    Ticket::insert_all(&mut many, &mut conn).await.unwrap();
    Ticket::save_all(&mut many, &mut conn).await.unwrap();
    many[3].save(&mut conn).await.unwrap();
    many[3].touch(&mut conn).await.unwrap();
    assert_eq!(Ticket::find(&3, &mut conn).await.unwrap(), many[3]);
    assert_eq!(many[3].version, 4);
}
