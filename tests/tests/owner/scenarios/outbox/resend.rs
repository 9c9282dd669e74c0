//! The present state of a record is sent once more.

use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use super::*;

fn show(id: i64) -> Show {
    Show {
        id,
        title: format!("show {id}"),
        made_by: String::new(),
        version: 0,
    }
}

fn keys(conn: &mut Conn) -> Vec<(String, i64, bool)> {
    let events = waiting(conn).into_iter();
    let events = events.map(|event| {
        assert_eq!(event["op"], "snapshot");
        let key = event["key"].as_str().unwrap().to_owned();
        (
            key,
            event["version"].as_i64().unwrap(),
            event["data"].is_null(),
        )
    });
    events.collect()
}

#[test]
fn the_row_is_sent_as_it_is_and_does_not_move() {
    let (_db, mut conn) = database(TICKETS);
    let mut ticket = Announced::concert();
    ticket.insert(&mut conn).unwrap();
    ticket.price = 25;
    ticket.save(&mut conn).unwrap();
    clear(&mut conn);
    for times in 1..=2 {
        Announced::resend(&7, &mut conn).unwrap();
        assert_eq!(Announced::row(&mut conn), ticket);
        let expected = vec![(Op::Snapshot, 2, Some(ticket.clone())); times];
        assert_eq!(told(&mut conn), expected);
    }
    // It is not stale.
    ticket.save(&mut conn).unwrap();
    assert_eq!(ticket.version, 3);
}

#[test]
fn a_record_that_is_not_there_is_not_sent() {
    let (_db, mut conn) = database(TICKETS);
    let mut ticket = Announced::concert();
    ticket.insert(&mut conn).unwrap();
    ticket.delete(&mut conn).unwrap();
    clear(&mut conn);
    for id in [7, 8] {
        let missing = Announced::resend(&id, &mut conn);
        assert!(
            matches!(&missing, Err(Error::NotFound { table: "tickets", id: found }) if *found == id.to_string()),
            "{missing:?}"
        );
    }
    assert_eq!(told::<Announced>(&mut conn), []);
}

#[test]
fn a_deletion_that_is_remembered_is_sent_until_the_record_is_made_again() {
    let (_db, mut conn) = database(&shows());
    let mut gone = show(1);
    gone.insert(&mut conn).unwrap();
    gone.save(&mut conn).unwrap();
    gone.delete(&mut conn).unwrap();
    clear(&mut conn);
    Show::resend(&1, &mut conn).unwrap();
    assert_eq!(told::<Show>(&mut conn), [(Op::Snapshot, 3, None)]);
    clear(&mut conn);
    show(1).insert(&mut conn).unwrap();
    clear(&mut conn);
    Show::resend(&1, &mut conn).unwrap();
    let row = Show::find(&1, &mut conn).unwrap();
    assert_eq!((row.version, &*row.made_by), (4, "the database"));
    assert_eq!(told(&mut conn), [(Op::Snapshot, 4, Some(row))]);
    clear(&mut conn);
    assert!(matches!(
        Show::resend(&2, &mut conn),
        Err(Error::NotFound { .. })
    ));
}

/// In pages, with the deleted records at the end, and each page in the transaction of the caller.
#[test]
fn all_records_are_sent_page_by_page() {
    let (_db, mut conn) = database(&shows());
    let conn = &mut conn;
    for id in 1..=7 {
        let mut show = show(id);
        show.insert(conn).unwrap();
        if id % 3 == 0 {
            show.delete(conn).unwrap();
        }
    }
    clear(conn);
    let rolled_back = conn.transaction(|conn| {
        let page = Show::resend_page(None, 3, conn)?;
        assert_eq!(page.len(), 3);
        Err::<(), _>(Error::other("no"))
    });
    assert!(
        matches!(rolled_back, Err(Error::Other(_))),
        "{rolled_back:?}"
    );
    assert_eq!(keys(conn), []);

    let (mut last, mut all, mut sizes) = (None, Vec::new(), Vec::new());
    loop {
        let page = Show::resend_page(last.as_ref(), 3, conn).unwrap();
        assert_eq!(
            page,
            Show::snapshot(last.as_ref(), 3, conn)
                .unwrap()
                .into_iter()
                .map(|mut event| {
                    event.at = page[0].at.clone();
                    event
                })
                .collect::<Vec<_>>()
        );
        sizes.push(page.len());
        let Some(end) = page.last().cloned() else {
            break;
        };
        all.extend(page);
        last = Some(end);
    }
    assert_eq!(sizes, [3, 3, 1, 0]);
    let expected = [1, 2, 4, 5, 7, 3, 6].map(|id| {
        let is_deleted = id % 3 == 0;
        (id.to_string(), 1 + i64::from(is_deleted), is_deleted)
    });
    assert_eq!(keys(conn), expected);
    let returned: Vec<_> = all
        .iter()
        .map(|event| (event.key.clone(), event.version, event.data.is_none()))
        .collect();
    assert_eq!(returned, expected);
}

/// What is last in the outbox is what the record is at last: the row is locked against writes.
#[test]
fn a_snapshot_is_never_behind_the_event_of_a_newer_version() {
    let (db, mut one) = database(TICKETS);
    let mut two = db.connect();
    let mut ticket = Announced::concert();
    ticket.insert(&mut one).unwrap();
    clear(&mut one);
    let versions = |conn: &mut Conn| -> Vec<(Op, i64)> {
        let events = told::<Announced>(conn).into_iter();
        events.map(|(op, version, _)| (op, version)).collect()
    };
    let pause = || thread::sleep(Duration::from_millis(200));
    let barrier = Barrier::new(2);
    for is_page in [false, true] {
        let before = ticket.version;
        // The write is first.
        thread::scope(|scope| {
            let sending = scope.spawn(|| {
                barrier.wait();
                if is_page {
                    let page = Announced::resend_page(None, 10, &mut two).unwrap();
                    assert_eq!(page.len(), 1);
                } else {
                    Announced::resend(&7, &mut two).unwrap();
                }
            });
            one.transaction(|conn| {
                ticket.save(conn)?;
                barrier.wait();
                pause();
                Ok::<_, Error>(())
            })
            .unwrap();
            sending.join().unwrap();
        });
        let expected = [(Op::Updated, before + 1), (Op::Snapshot, before + 1)];
        assert_eq!(versions(&mut one), expected, "{is_page}");
        clear(&mut one);
        // The snapshot is first.
        thread::scope(|scope| {
            let saving = scope.spawn(|| {
                barrier.wait();
                ticket.save(&mut one).unwrap();
            });
            two.transaction(|conn| {
                if is_page {
                    Announced::resend_page(None, 10, conn)?;
                } else {
                    Announced::resend(&7, conn)?;
                }
                barrier.wait();
                pause();
                Ok::<_, Error>(())
            })
            .unwrap();
            saving.join().unwrap();
        });
        let expected = [(Op::Snapshot, before + 1), (Op::Updated, before + 2)];
        assert_eq!(versions(&mut one), expected, "{is_page}");
        clear(&mut one);
    }
}
