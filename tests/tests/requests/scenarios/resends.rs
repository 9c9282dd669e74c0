//! Records that are sent again.

use std::thread;

use diesel::connection::SimpleConnection as _;
use versioned_core::outbox::{Rejected, Shutdown};
use versioned_core::requests::Resend;

use super::*;

/// A fresh owner database with so many records at version 1, whose events were published.
pub(crate) fn owner(records: i64) -> (Db, Conn) {
    use diesel_migrations::MigrationHarness as _;

    let db = Db::fresh(&COPIES.replace("copies", "tickets"));
    let mut conn = db.connect();
    conn.run_pending_migrations(MIGRATIONS.with_requests())
        .unwrap();
    let mut tickets: Vec<Ticket> = (1..=records)
        .map(|id| Ticket {
            id,
            price: id,
            version: 0,
        })
        .collect();
    Ticket::insert_all(&mut tickets, &mut conn).unwrap();
    publish(&mut conn);
    (db, conn)
}

/// Removes all pending events, as a relay does.
fn publish(conn: &mut Conn) {
    conn.batch_execute("DELETE FROM versioned_outbox").unwrap();
}

/// The keys, versions and operations of the pending events, in order.
pub(crate) fn pending(conn: &mut Conn) -> Vec<(String, i64, bool)> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = diesel::sql_types::Text)]
        record: String,
        #[diesel(sql_type = diesel::sql_types::BigInt)]
        version: i64,
        #[diesel(sql_type = diesel::sql_types::Text)]
        payload: String,
    }
    let key = if backend::NAME == "mysql" {
        "`key`"
    } else {
        "\"key\""
    };
    let sql = format!("SELECT {key} AS record, version, payload FROM versioned_outbox ORDER BY id");
    let rows: Vec<Row> = diesel::sql_query(sql).load(conn).unwrap();
    let rows = rows.into_iter().map(|row| {
        let event: serde_json::Value = serde_json::from_str(&row.payload).unwrap();
        assert_eq!(event["version"], row.version);
        (row.record, row.version, event.get("data").is_some())
    });
    rows.collect()
}

/// The present state of each, as a snapshot of its own, whatever became of the record.
#[test]
fn chosen_records_are_sent_with_their_present_state() {
    let (_db, mut conn) = owner(3);
    let conn = &mut conn;
    let mut changed = Ticket::find(&1, conn).unwrap();
    changed.price = 9;
    changed.save(conn).unwrap();
    Ticket::find(&2, conn).unwrap().delete(conn).unwrap();
    publish(conn);
    let request = front::ask(
        &Resend::records("tickets", ["3", "2", "1", "4711", "x", "1"]),
        conn,
    );
    let request = request.unwrap();
    assert_eq!((request.chosen, request.state), (5, RequestState::Open));
    assert_eq!(front::send(true, conn).unwrap(), None);
    let done = front::find(request.id, conn).unwrap().unwrap();
    assert_eq!(done.state, RequestState::Done, "{done}");
    assert_eq!(
        done.counts.to_string(),
        "2 queued, 1 deletions queued, 2 unknown"
    );
    let found = front::results(request.id, 0, 10, conn).unwrap();
    let found = found
        .iter()
        .map(|item| (item.key.as_deref().unwrap(), item.outcome));
    use ItemOutcome::{DeletionQueued, Queued, Unknown};
    let expected = [
        ("1", Queued),
        ("2", DeletionQueued),
        ("3", Queued),
        ("4711", Unknown),
        ("x", Unknown),
    ];
    assert_eq!(found.collect::<Vec<_>>(), expected);
    let sent = [("1", 2, true), ("2", 2, false), ("3", 1, true)];
    assert_eq!(
        pending(conn),
        sent.map(|(key, version, has_row)| (key.to_owned(), version, has_row))
    );
    assert_eq!(Rejected::load(None, 10, conn).unwrap(), []);
    // Once more is a snapshot more.
    front::ask(&Resend::records("tickets", ["3"]), conn).unwrap();
    front::send(true, conn).unwrap();
    assert_eq!(pending(conn).len(), 4);
}

/// All of them, each once, and never more pending than allowed. Each step has a service of its own.
#[test]
fn all_records_are_sent_and_the_outbox_never_fills() {
    let (db, mut conn) = owner(250);
    let conn = &mut conn;
    for id in [7, 100, 250] {
        Ticket::find(&id, conn).unwrap().delete(conn).unwrap();
    }
    publish(conn);
    let request = front::ask(&Resend::all("tickets").max_pending(60), conn).unwrap();
    let mut sent = Vec::new();
    while front::send(true, &mut db.connect()).unwrap().is_some() {
        let step = pending(conn);
        assert!(step.len() <= 60, "{}", step.len());
        sent.extend(step);
        publish(conn);
        // It waits for the relay, until then.
        conn.batch_execute("UPDATE versioned_requests SET due = 0 WHERE id > 0")
            .unwrap();
    }
    sent.extend(pending(conn));
    let done = front::find(request.id, conn).unwrap().unwrap();
    assert_eq!(done.state, RequestState::Done, "{done}");
    assert_eq!(done.counts.to_string(), "247 queued, 3 deletions queued");
    let mut keys: Vec<i64> = sent.iter().map(|(key, ..)| key.parse().unwrap()).collect();
    keys.sort_unstable();
    assert_eq!(keys, (1..=250).collect::<Vec<_>>());
    let deleted = sent
        .iter()
        .filter(|(_, version, has_row)| *version == 2 && !has_row);
    assert_eq!(deleted.count(), 3);
}

#[test]
fn a_limit_ends_a_resend_of_all() {
    let (_db, mut conn) = owner(10);
    let conn = &mut conn;
    let request = front::ask(&Resend::all("tickets").limit(4), conn).unwrap();
    assert_eq!(front::send(true, conn).unwrap(), None);
    let done = front::find(request.id, conn).unwrap().unwrap();
    assert_eq!(
        (done.state, done.counts.queued),
        (RequestState::Done, 4),
        "{done}"
    );
    assert_eq!(pending(conn).len(), 4);
}

/// It is not lost, and says what is missing.
#[test]
fn a_resend_of_an_entity_that_no_service_has_stays_open_and_says_so() {
    let (_db, mut conn) = owner(1);
    let conn = &mut conn;
    let request = front::ask(&Resend::all("tickets"), conn).unwrap();
    assert_eq!(request.left(), None);
    assert_eq!(request.to_string(), "1 resend of tickets, open: no results");
    assert_eq!(front::send(false, conn).unwrap(), None);
    let open = front::find(request.id, conn).unwrap().unwrap();
    assert_eq!((open.state, open.last_at), (RequestState::Open, None));
    let note = "add the model of `tickets` to a resender: none that runs has it";
    assert_eq!(open.note.as_deref(), Some(note));
    front::send(true, conn).unwrap();
    let done = front::find(request.id, conn).unwrap().unwrap();
    assert_eq!((done.state, done.note), (RequestState::Done, None));
}

/// The first record is the canary here too.
#[test]
fn a_resend_that_fails_stops_at_once() {
    let (_db, mut conn) = owner(5);
    let conn = &mut conn;
    conn.batch_execute("ALTER TABLE tickets RENAME TO other_tickets")
        .unwrap();
    let all = front::ask(&Resend::all("tickets"), conn).unwrap();
    let chosen = front::ask(&Resend::records("tickets", ["1", "2", "3"]), conn).unwrap();
    assert_eq!(front::send(true, conn).unwrap(), None);
    for (request, failed) in [(all, 0), (chosen, 1)] {
        let stopped = front::find(request.id, conn).unwrap().unwrap();
        assert_eq!(stopped.state, RequestState::Stopped, "{stopped}");
        assert_eq!(stopped.counts.failed, failed);
        assert!(
            stopped.note.as_deref().unwrap().contains("tickets"),
            "{stopped}"
        );
    }
    assert_eq!(pending(conn), []);
}

/// Two services send each record once, and end at the shutdown.
#[test]
fn services_that_run_send_each_record_once() {
    let (db, mut conn) = owner(150);
    let conn = &mut conn;
    let shutdown = Shutdown::new();
    let request = thread::scope(|scope| {
        for _ in 0..2 {
            let stop = shutdown.clone();
            scope.spawn(|| front::run(|| db.connect(), stop));
        }
        let keys = (1..=150).map(|id: i64| id.to_string());
        let request = front::ask(&Resend::records("tickets", keys), conn).unwrap();
        let end = std::time::Instant::now() + versioned_tests::waiting::STUCK;
        let mut found = request;
        while found.state == RequestState::Open && std::time::Instant::now() < end {
            thread::sleep(Duration::from_millis(10));
            found = front::find(found.id, conn).unwrap().unwrap();
        }
        shutdown.stop();
        found
    });
    assert_eq!(request.counts.to_string(), "150 queued", "{request}");
    let mut keys: Vec<i64> = pending(conn)
        .iter()
        .map(|(key, ..)| key.parse().unwrap())
        .collect();
    keys.sort_unstable();
    assert_eq!(keys, (1..=150).collect::<Vec<_>>());
}

/// A database without the tables is no problem, and they come later if they are asked for.
#[test]
fn a_service_without_the_tables_waits_for_them() {
    use diesel_migrations::MigrationHarness as _;

    let db = Db::fresh("");
    let mut conn = db.connect();
    assert_eq!(conn.run_pending_migrations(MIGRATIONS).unwrap().len(), 3);
    let shutdown = Shutdown::new();
    let stop = shutdown.clone();
    let connect = || {
        // It still looks once.
        shutdown.stop();
        db.connect()
    };
    front::run(connect, stop);
    let with = MIGRATIONS.with_requests();
    assert_eq!(conn.run_pending_migrations(with).unwrap().len(), 1);
    assert!(!conn.has_pending_migration(with).unwrap());
    assert_eq!(front::list(0, 10, &mut conn).unwrap(), []);
    assert_eq!(conn.revert_all_migrations(with).unwrap().len(), 4);
}
