//! `Tracked::save_all`: many tracked models, each with its own changes, all or none.

use std::thread;

use versioned_core::{RowConflict, Tracked};

use super::super::backend::{self, LEVELS};
use super::*;

diesel::table! {
    gauges {
        id -> BigInt,
        name -> VarChar,
        hits -> BigInt,
        version -> SmallInt,
    }
}

const GAUGES: &str = "CREATE TABLE gauges (
    id BIGINT PRIMARY KEY,
    name VARCHAR(100) NOT NULL,
    hits BIGINT NOT NULL,
    version SMALLINT NOT NULL
)";

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Versioned)]
#[diesel(table_name = gauges)]
#[versioned(owner)]
struct Gauge {
    // Not the first field, so that columns are counted from the right place.
    name: String,
    #[versioned(excluded)]
    hits: i64,
    id: i64,
    version: i16,
}

fn inserted(ids: impl IntoIterator<Item = i64>, conn: &mut Conn) -> Vec<Tracked<Ticket>> {
    let mut tickets: Vec<_> = ids.into_iter().map(Ticket::new).collect();
    Ticket::insert_all(&mut tickets, conn).unwrap();
    tickets.into_iter().map(Tracked::new).collect()
}

fn conflicts<T>(result: Result<T, Error>) -> Vec<(usize, ConflictKind)> {
    let conflicts: Vec<RowConflict> = match result {
        Err(Error::Conflicts(conflicts)) => conflicts,
        Err(error) => panic!("expected conflicts, got {error:?}"),
        Ok(_) => panic!("expected conflicts, but it went through"),
    };
    let mut facts: Vec<_> = conflicts
        .iter()
        .map(|of_row| (of_row.row, of_row.conflict.kind()))
        .collect();
    facts.sort_unstable_by_key(|(row, _)| *row);
    facts
}

/// Writes past the version, as another program may.
fn bypass(text: &str, conn: &mut Conn) {
    diesel::sql_query(text).execute(conn).unwrap();
}

/// Changes the price, the title, both or nothing, by the number of the row.
fn change(tickets: &mut [Tracked<Ticket>]) {
    for (row, ticket) in tickets.iter_mut().enumerate() {
        if row % 4 < 2 {
            ticket.price += 1;
        }
        if row % 4 == 1 || row % 4 == 2 {
            ticket.title = format!("opera {row}");
        }
    }
}

#[test]
fn only_the_changed_columns_of_each_model_are_written() {
    for rows in [3, 8, 230] {
        let (_db, mut conn) = fresh(TICKETS);
        let conn = &mut conn;
        // Not in the order of their keys.
        let mut tickets = inserted((1..=rows).rev(), conn);
        bypass("UPDATE tickets SET tenant = 9", conn);
        change(&mut tickets);
        let changes: Vec<_> = Tracked::save_all(&mut tickets, conn)
            .unwrap()
            .into_iter()
            .map(|change| change.map(|change| (change.id, change.price, change.version())))
            .collect();
        for (place, (ticket, written)) in tickets.iter().zip(changes).enumerate() {
            let (price, title, version) = match place % 4 {
                0 => (21, "concert".to_owned(), 2),
                1 => (21, format!("opera {place}"), 2),
                2 => (20, format!("opera {place}"), 2),
                _ => (20, "concert".to_owned(), 1),
            };
            let moved = (version == 2).then_some((ticket.id, price, 2));
            assert_eq!(written, moved, "{rows}: {place}");
            let of_row = (9, title.clone(), price, version);
            assert_eq!(row(ticket.id, conn), Some(of_row), "{rows}: {place}");
            assert_eq!((&ticket.title, ticket.version), (&title, version));
            assert!(ticket.changed_columns().is_empty());
            assert_eq!(ticket.original().version, version);
        }
        // Nothing is left to write.
        let again = Tracked::save_all(&mut tickets, conn).unwrap();
        assert!(again.iter().all(Option::is_none));
        assert_eq!(row(1, conn).unwrap().3, tickets.last().unwrap().version);
    }
}

#[test]
fn one_change_of_all_rows_is_written() {
    for rows in [1, 3, 8, 230, 2_300] {
        let (_db, mut conn) = fresh(TICKETS);
        let conn = &mut conn;
        let mut tickets = inserted(1..=rows, conn);
        bypass("UPDATE tickets SET title = 'theirs'", conn);
        for ticket in &mut tickets {
            ticket.price = 100 + ticket.id;
        }
        let changes = Tracked::save_all(&mut tickets, conn).unwrap();
        assert!(changes.iter().all(Option::is_some));
        for ticket in [&tickets[0], tickets.last().unwrap()] {
            assert_eq!(ticket.version, 2);
            let found = row(ticket.id, conn);
            assert_eq!(found, Some((1, "theirs".into(), 100 + ticket.id, 2)));
        }
        let total: i64 = tickets::table
            .filter(tickets::version.eq(2))
            .count()
            .get_result(conn)
            .unwrap();
        assert_eq!(total, rows);
    }
}

#[test]
fn a_batch_with_a_conflict_writes_nothing_and_names_every_row() {
    for rows in [5, 130] {
        let (_db, mut conn) = fresh(TICKETS);
        let conn = &mut conn;
        let mut tickets = inserted(1..=rows, conn);
        change(&mut tickets);
        Ticket::at(1, 1).touch(conn).unwrap();
        Ticket::at(2, 1).delete(conn).unwrap();
        // Nothing changed in this one.
        Ticket::at(4, 1).touch(conn).unwrap();
        let before = tickets.clone();
        let found = conflicts(Tracked::save_all(&mut tickets, conn));
        let (stale, deleted) = (ConflictKind::Stale, ConflictKind::Deleted);
        assert_eq!(found, [(0, stale), (1, deleted), (3, stale)]);
        assert_eq!(tickets, before);
        for id in [3, 5] {
            let unwritten = (1, "concert".to_owned(), 20, 1);
            assert_eq!(row(id, conn), Some(unwritten));
        }

        // All of one set of columns.
        let mut tickets = tickets[2..].to_vec();
        for ticket in &mut tickets {
            ticket.revert();
            ticket.price = 30;
        }
        let found = conflicts(Tracked::save_all(&mut tickets, conn));
        assert_eq!(found, [(1, stale)]);
        assert_eq!(row(3, conn).unwrap().2, 20);
    }
}

#[test]
fn a_bad_batch_is_refused_before_any_sql() {
    let (_db, mut conn) = fresh(TICKETS);
    let conn = &mut conn;
    let mut tickets = inserted(1..=3, conn);
    change(&mut tickets);
    tickets[2].id = 9;
    let before = tickets.clone();
    match Tracked::save_all(&mut tickets, conn) {
        Err(Error::KeyChanged { table, id }) => assert_eq!((table, id.as_str()), ("tickets", "3")),
        other => panic!("{other:?}"),
    }
    assert_eq!(tickets, before);
    tickets[2] = tickets[0].clone();
    match Tracked::save_all(&mut tickets, conn) {
        Err(Error::TwiceInBatch { table, id }) => {
            assert_eq!((table, id.as_str()), ("tickets", "1"));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(row(1, conn).unwrap().3, 1);
    assert!(
        Tracked::<Ticket>::save_all(&mut [], conn)
            .unwrap()
            .is_empty()
    );

    // A model that does not change needs no next version.
    conn.batch_execute(GAUGES).unwrap();
    bypass("INSERT INTO gauges VALUES (7, 'a', 0, 32767)", conn);
    bypass("INSERT INTO gauges VALUES (8, 'a', 0, 1)", conn);
    let mut gauges = [7, 8].map(|id| Tracked::new(Gauge::find(&id, conn).unwrap()));
    gauges[1].name = "b".into();
    Tracked::save_all(&mut gauges, conn).unwrap();
    gauges[0].name = "b".into();
    match Tracked::save_all(&mut gauges, conn) {
        Err(Error::VersionExhausted { id, .. }) => assert_eq!(id, "7"),
        other => panic!("{other:?}"),
    }
    assert_eq!(Gauge::find(&7, conn).unwrap().name, "a");
}

#[test]
fn excluded_columns_are_written_without_a_version() {
    let (_db, mut conn) = fresh(GAUGES);
    let conn = &mut conn;
    for id in 1..=9 {
        bypass(
            &format!("INSERT INTO gauges VALUES ({id}, 'a', 0, 1)"),
            conn,
        );
    }
    let mut gauges: Vec<_> = (1..=9)
        .map(|id| Tracked::new(Gauge::find(&id, conn).unwrap()))
        .collect();
    gauges[0].hits = 1;
    gauges[1].name = "b".into();
    (gauges[2].name, gauges[2].hits) = ("b".into(), 3);
    // Another version does not matter to an excluded column.
    Gauge::at(1, 1_i16).touch(conn).unwrap();
    let moved: Vec<_> = Tracked::save_all(&mut gauges, conn)
        .unwrap()
        .iter()
        .map(Option::is_some)
        .collect();
    assert_eq!(moved[..4], [false, true, true, false]);
    let rows: Vec<_> = [1, 2, 3, 4]
        .map(|id| Gauge::find(&id, conn).unwrap())
        .map(|gauge| (gauge.name, gauge.hits, gauge.version))
        .into();
    let expected = [("a", 1, 2), ("b", 0, 2), ("b", 3, 2), ("a", 0, 1)];
    assert_eq!(
        rows,
        expected.map(|(name, hits, version)| (name.to_owned(), hits, version))
    );
    assert_eq!(gauges[0].version, 1);
    assert!(
        gauges
            .iter()
            .all(|gauge| gauge.changed_columns().is_empty())
    );

    // The columns are those of the changed fields, wherever the key is among them.
    gauges.remove(0);
    for (row, gauge) in gauges.iter_mut().enumerate() {
        if row < 4 {
            gauge.name = format!("c{row}");
        } else {
            (gauge.name, gauge.hits) = (format!("d{row}"), 7);
        }
    }
    bypass("UPDATE gauges SET hits = 50", conn);
    Tracked::save_all(&mut gauges, conn).unwrap();
    assert_eq!(Gauge::find(&5, conn).unwrap().hits, 50);
    let last = Gauge::find(&9, conn).unwrap();
    assert_eq!((last.name.as_str(), last.hits, last.version), ("d7", 7, 2));
}

#[test]
fn a_model_that_was_written_through_itself_is_written_whole() {
    let (_db, mut conn) = fresh(TICKETS);
    let conn = &mut conn;
    let mut tickets = inserted(1..=2, conn);
    tickets[0].title = "opera".into();
    (*tickets[0]).touch(conn).unwrap();
    bypass("UPDATE tickets SET tenant = 9", conn);
    tickets[1].price = 25;
    Tracked::save_all(&mut tickets, conn).unwrap();
    assert_eq!(row(1, conn), Some((1, "opera".into(), 20, 3)));
    assert_eq!(row(2, conn), Some((9, "concert".into(), 25, 2)));
}

/// The data of the events, in the order of the outbox.
fn data(conn: &mut Conn) -> Vec<serde_json::Value> {
    #[derive(QueryableByName)]
    struct Payload {
        #[diesel(sql_type = diesel::sql_types::Text)]
        payload: String,
    }
    diesel::sql_query("SELECT payload FROM versioned_outbox ORDER BY id")
        .load::<Payload>(conn)
        .unwrap()
        .into_iter()
        .map(|event| serde_json::from_str::<serde_json::Value>(&event.payload).unwrap())
        .map(|event| event["data"].clone())
        .collect()
}

#[test]
fn the_events_show_the_rows() {
    for rows in [2, 8, 230] {
        let (_db, mut conn) = fresh(TICKETS);
        let conn = &mut conn;
        let mut all: Vec<_> = (1..=rows).map(Announced::new).collect();
        Announced::insert_all(&mut all, conn).unwrap();
        let mut all: Vec<_> = all.into_iter().map(Tracked::new).collect();
        bypass("DELETE FROM versioned_outbox", conn);
        bypass("UPDATE tickets SET tenant = 9", conn);
        for (row, one) in all.iter_mut().enumerate() {
            match row % 4 {
                0 => one.price = 25,
                1 => one.title = "opera".into(),
                _ => {}
            }
        }
        let changes = Tracked::save_all(&mut all, conn).unwrap();
        let announced: Vec<_> = changes
            .iter()
            .flatten()
            .map(|change| change.tenant)
            .collect();
        assert!(announced.iter().all(|tenant| *tenant == 9));
        let mut found: Vec<_> = told(conn).into_iter().zip(data(conn)).collect();
        assert_eq!(found.len(), announced.len());
        found.sort_by_key(|((_, key, _), _)| key.parse::<i64>().unwrap());
        let (first, second) = (&found[0], &found[1]);
        assert_eq!(first.0, ("updated".into(), "1".into(), 2));
        assert_eq!(
            first.1,
            serde_json::json!({"id": 1, "tenant": 9, "title": "concert", "price": 25, "version": 2})
        );
        assert_eq!(
            second.1,
            serde_json::json!({"id": 2, "tenant": 9, "title": "opera", "price": 20, "version": 2})
        );
        assert_eq!((all[0].tenant, all[0].original().tenant), (9, 9));

        // A conflict announces nothing.
        Announced::at(1, 2).touch(conn).unwrap();
        bypass("DELETE FROM versioned_outbox", conn);
        all[0].price = 30;
        all[1].price = 30;
        let found = conflicts(Tracked::save_all(&mut all, conn));
        assert_eq!(found, [(0, ConflictKind::Stale)]);
        assert_eq!(told(conn), []);
        assert_eq!(row(2, conn).unwrap().2, 20);
    }
}

#[test]
fn a_rollback_puts_back_every_version_and_original() {
    let (_db, mut conn) = fresh(TICKETS);
    let conn = &mut conn;
    let mut tickets = inserted(1..=5, conn);
    change(&mut tickets);
    let before = tickets.clone();
    let done = transaction(conn, &mut tickets[..], |conn, tickets| {
        Tracked::save_all(tickets, conn)?;
        Err::<(), _>(Error::other("no"))
    });
    assert!(matches!(done, Err(Error::Other(_))));
    assert_eq!(tickets, before);
    assert_eq!(row(1, conn).unwrap().3, 1);

    // With another model, and committed.
    let mut other = Ticket::new(9);
    other.insert(conn).unwrap();
    transaction(
        conn,
        (&mut tickets[..], &mut other),
        |conn, (tickets, other)| {
            Tracked::save_all(tickets, conn)?;
            other.touch(conn)?;
            Ok::<_, Error>(())
        },
    )
    .unwrap();
    let versions: Vec<_> = tickets.iter().map(|ticket| ticket.version).collect();
    assert_eq!((versions, other.version), (vec![2, 2, 2, 1, 2], 2));
    assert_eq!(tickets[0].original().version, 2);
    assert_eq!(row(1, conn).unwrap().2, 21);
}

/// The transaction of the caller goes on after a refused batch.
#[test]
fn a_refused_batch_leaves_the_transaction_of_the_caller_usable() {
    for rows in [1, 3, 130] {
        let (_db, mut conn) = fresh(TICKETS);
        let conn = &mut conn;
        let mut tickets = inserted(1..=rows, conn);
        for (one_set, price) in [(true, 30), (false, 40)] {
            Ticket::at(1, tickets[0].version).touch(conn).unwrap();
            transaction(conn, &mut tickets[..], |conn, tickets| {
                for ticket in &mut *tickets {
                    ticket.price = price;
                }
                if let (Some(last), false) = (tickets.last_mut(), one_set) {
                    last.title = "opera".into();
                }
                let found = conflicts(Tracked::save_all(tickets, conn));
                assert_eq!(found, [(0, ConflictKind::Stale)]);
                tickets[0].rebase(conn)?;
                Tracked::save_all(tickets, conn)?;
                Ok::<_, Error>(())
            })
            .unwrap();
            let last = tickets.last().unwrap();
            assert_eq!(row(1, conn).unwrap().2, price);
            assert_eq!(row(rows, conn).unwrap().3, last.version);
        }
    }
}

#[test]
fn overlapping_batches_lose_no_update() {
    const WORKERS: i64 = 8;
    const BATCHES: i64 = 6;
    const ROWS: i64 = 20;
    for level in LEVELS {
        let (db, mut conn) = fresh(TICKETS);
        let mut all: Vec<_> = (1..=ROWS).map(Ticket::new).collect();
        for ticket in &mut all {
            (ticket.price, ticket.tenant) = (0, 0);
        }
        Ticket::insert_all(&mut all, &mut conn).unwrap();
        thread::scope(|scope| {
            for worker in 0..WORKERS {
                let mut conn = db.connect();
                backend::isolate(&mut conn, level);
                scope.spawn(move || {
                    for batch in 0..BATCHES {
                        let first = (worker * 3 + batch * 7) % ROWS;
                        let ids: Vec<i64> =
                            (0..10).map(|place| (first + place) % ROWS + 1).collect();
                        while !write(&ids, worker, &mut conn) {}
                    }
                });
            }
        });
        let rows: Vec<Ticket> = tickets::table
            .select(Ticket::as_select())
            .load(&mut conn)
            .unwrap();
        let total: i64 = rows.iter().map(|row| row.price + row.tenant).sum();
        assert_eq!(total, WORKERS * BATCHES * 9, "{level}");
        for row in rows {
            assert_eq!(row.price + row.tenant, row.version - 1, "{level}");
        }
    }
}

/// Changes some of these rows in the price, some in the tenant, and one not at all. Returns whether
/// it was written.
fn write(ids: &[i64], worker: i64, conn: &mut Conn) -> bool {
    let batch: Vec<Ticket> = tickets::table
        .filter(tickets::id.eq_any(ids))
        .select(Ticket::as_select())
        .load(conn)
        .unwrap();
    let mut batch: Vec<_> = batch.into_iter().map(Tracked::new).collect();
    for ticket in batch.iter_mut().filter(|ticket| ticket.id != ids[0]) {
        if (ticket.id + worker) % 2 == 0 {
            ticket.price += 1;
        } else {
            ticket.tenant += 1;
        }
    }
    match Tracked::save_all(&mut batch, conn) {
        Ok(_) => true,
        Err(error) => {
            assert!(error.is_conflict(), "{error:?}");
            let cause = error.conflict().and_then(Conflict::cause);
            let cause = cause.map(ToString::to_string).unwrap_or_default();
            assert!(!cause.to_lowercase().contains("deadlock"), "{cause}");
            false
        }
    }
}
