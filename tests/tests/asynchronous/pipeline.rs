//! Saves that share one PostgreSQL connection, and are sent without waiting for each other's answers.

use diesel::prelude::*;
use diesel_async::AsyncPgConnection;
use futures_util::future::join_all;
use serde::Serialize;
use versioned_core::async_prelude::*;
use versioned_core::version::Token;
use versioned_core::{ConflictKind, Error};
use versioned_tests::postgres::Db;

use super::{TICKETS, Ticket, tickets};

async fn inserted(count: i64, conn: &mut AsyncPgConnection) -> Vec<Ticket> {
    let mut tickets = Vec::new();
    for id in 0..count {
        let mut ticket = Ticket {
            id,
            price: 20,
            version: 0,
        };
        ticket.insert(conn).await.unwrap();
        tickets.push(ticket);
    }
    tickets
}

/// Saves all of them over one connection, at once.
async fn save_together(
    tickets: &mut [Ticket],
    conn: &AsyncPgConnection,
) -> Vec<Result<i64, Error>> {
    join_all(tickets.iter_mut().map(async |ticket| {
        let mut conn = conn;
        ticket
            .save_pipelined(&mut conn)
            .await
            .map(|change| change.version())
    }))
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn saves_in_a_pipeline_are_independent() {
    let db = Db::fresh(TICKETS);
    let mut conn = AsyncPgConnection::establish(db.url()).await.unwrap();
    let mut tickets = inserted(60, &mut conn).await;
    // Another session is faster with one of them, and deletes another.
    let mut theirs = tickets[20].clone();
    theirs.price = 99;
    theirs.save(&mut conn).await.unwrap();
    Ticket::at(40, 1).delete(&mut conn).await.unwrap();

    for ticket in &mut tickets {
        ticket.price = 30 + ticket.id;
    }
    let before = tickets.clone();
    let saved = save_together(&mut tickets, &conn).await;

    for ((ticket, before), saved) in tickets.iter().zip(&before).zip(saved) {
        match (ticket.id, saved) {
            (20, Err(Error::Conflict(conflict))) => {
                assert_eq!(conflict.kind(), ConflictKind::Stale);
                assert_eq!(conflict.id(), Some("20"));
                assert_eq!(conflict.expected(), Some(Token::Number(1)));
                assert_eq!(conflict.found(), Some(Token::Number(2)));
                assert_eq!(ticket, before);
                let row = Ticket::find(&20, &mut conn).await.unwrap();
                assert_eq!(row, theirs);
            }
            (40, Err(Error::Conflict(conflict))) => {
                assert_eq!(conflict.kind(), ConflictKind::Deleted);
                assert_eq!((conflict.id(), conflict.found()), (Some("40"), None));
                assert_eq!(ticket, before);
            }
            (id, Ok(2)) if id != 20 && id != 40 => {
                assert_eq!((ticket.price, ticket.version), (30 + id, 2));
                assert_eq!(&Ticket::find(&id, &mut conn).await.unwrap(), ticket);
            }
            (id, other) => panic!("{id}: {other:?}"),
        }
    }
}

/// That they are sent without waiting: one that waits for a row's lock is answered after those that were sent after it
/// would have been, and yet all are under way.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pipeline_does_not_wait_for_answers() {
    use diesel::connection::SimpleConnection as _;

    let db = Db::fresh(TICKETS);
    let mut conn = AsyncPgConnection::establish(db.url()).await.unwrap();
    let mut tickets = inserted(2, &mut conn).await;
    // The statement is prepared by now, and needs no answer before it can be sent.
    for ticket in &mut tickets {
        ticket.save(&mut conn).await.unwrap();
    }
    let mut locker = db.connect();
    locker
        .batch_execute("BEGIN; SELECT 1 FROM tickets WHERE id = 0 FOR UPDATE")
        .unwrap();
    {
        let (first, second) = tickets.split_at_mut(1);
        let (mut one, mut two) = (&conn, &conn);
        let mut first = Box::pin(first[0].save_pipelined(&mut one));
        let mut second = Box::pin(second[0].save_pipelined(&mut two));
        assert!(futures_util::poll!(&mut first).is_pending());
        assert!(futures_util::poll!(&mut second).is_pending());
        // Nobody polls `second` any more: it was sent with `first`, and runs as soon as the lock is free.
        locker.batch_execute("COMMIT").unwrap();
        first.await.unwrap();
        let end = std::time::Instant::now() + std::time::Duration::from_secs(5);
        let mut other = AsyncPgConnection::establish(db.url()).await.unwrap();
        while Ticket::find(&1, &mut other).await.unwrap().version < 3 {
            assert!(std::time::Instant::now() < end, "it was not sent");
        }
        second.await.unwrap();
    }
    assert_eq!((tickets[0].version, tickets[1].version), (3, 3));
}

/// The rest of what goes over a shared connection.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reads_share_a_connection_too() {
    let db = Db::fresh(TICKETS);
    let mut conn = AsyncPgConnection::establish(db.url()).await.unwrap();
    let mut tickets = inserted(2, &mut conn).await;
    let (first, second) = tickets.split_at_mut(1);
    let [mut a, mut b, mut c, mut d] = [&conn; 4];
    let verified = first[0].clone();
    let mut touched = second[0].clone();
    let (found, touched_now, held, reloaded) = tokio::join!(
        Ticket::find(&0, &mut a),
        touched.save_pipelined(&mut b),
        verified.verify(&mut c),
        first[0].reload(&mut d),
    );
    assert_eq!(found.unwrap(), verified);
    assert_eq!(touched_now.unwrap().version(), 2);
    held.unwrap();
    reloaded.unwrap();
    assert_eq!(first[0], verified);
}

/// With an outbox a save is still one statement, where the model is the row.
#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Serialize, Versioned)]
#[diesel(table_name = tickets)]
#[versioned(owner, outbox)]
struct Announced {
    id: i64,
    price: i64,
    version: i64,
}

/// Its event must be made of the row, which takes a transaction.
#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Serialize, Versioned)]
#[diesel(table_name = tickets)]
#[versioned(owner, outbox)]
struct ReadBack {
    id: i64,
    #[diesel(skip_update)]
    price: i64,
    version: i64,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_save_that_takes_a_transaction_is_refused_in_a_pipeline() {
    use diesel_migrations::MigrationHarness as _;

    let db = Db::fresh(TICKETS);
    let mut blocking = db.connect();
    blocking
        .run_pending_migrations(versioned_core::MIGRATIONS)
        .unwrap();
    let mut conn = AsyncPgConnection::establish(db.url()).await.unwrap();
    inserted(2, &mut conn).await;
    let mut announced = Announced::find(&0, &mut conn).await.unwrap();
    let mut read_back = ReadBack::find(&1, &mut conn).await.unwrap();
    announced.price = 99;
    let (mut a, mut b) = (&conn, &conn);
    let (saved, refused) = tokio::join!(
        announced.save_pipelined(&mut a),
        read_back.save_pipelined(&mut b)
    );
    assert_eq!(saved.unwrap().version(), 2);
    let refused = refused.map(drop).unwrap_err().to_string();
    assert!(refused.contains("use `save`"), "{refused}");
    assert_eq!(read_back.version, 1);
    let events: i64 =
        diesel::dsl::sql::<diesel::sql_types::BigInt>("SELECT count(*) FROM versioned_outbox")
            .get_result(&mut blocking)
            .unwrap();
    assert_eq!(events, 1);
    assert_eq!(Announced::find(&0, &mut conn).await.unwrap(), announced);
    read_back.save(&mut conn).await.unwrap();
    assert_eq!(read_back.version, 2);
}
