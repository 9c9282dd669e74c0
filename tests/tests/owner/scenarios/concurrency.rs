//! T20: real connections at the same time, at each isolation level.

use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use diesel::connection::SimpleConnection;

use super::*;

/// The isolation levels that the backend has; `SQLite`'s only one is serializable.
fn isolation_levels() -> &'static [&'static str] {
    match backend::NAME {
        "sqlite" => &["SERIALIZABLE"],
        _ => &["READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"],
    }
}

/// All transactions of the connection are at this level from now on.
fn isolate(conn: &mut Conn, level: &str) {
    let set = match backend::NAME {
        "sqlite" => return,
        "postgres" => format!("SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL {level}"),
        _ => format!("SET SESSION TRANSACTION ISOLATION LEVEL {level}"),
    };
    conn.batch_execute(&set).unwrap();
}

#[test]
fn t20_of_eight_that_save_the_same_version_exactly_one_wins() {
    const WRITERS: usize = 8;
    const ROUNDS: i64 = 25;
    for level in isolation_levels() {
        let db = Db::fresh(TICKETS);
        Ticket::inserted(&mut db.connect());
        let barrier = Barrier::new(WRITERS);
        let wins: Vec<Vec<i64>> = thread::scope(|scope| {
            let writers: Vec<_> = (0..WRITERS)
                .map(|writer| {
                    let mut conn = db.connect();
                    let barrier = &barrier;
                    scope.spawn(move || {
                        isolate(&mut conn, level);
                        let mut won = Vec::new();
                        for round in 1..=ROUNDS {
                            let mut ticket = Ticket::find(&7, &mut conn).unwrap();
                            barrier.wait();
                            // All have loaded the same version, and each writes in a transaction that has read.
                            ticket.price = i64::try_from(writer).unwrap();
                            let saved = transaction(&mut conn, &mut ticket, |conn, ticket| {
                                Ticket::find(&7, conn)?;
                                ticket.save(conn)?;
                                Ok::<_, Error>(())
                            });
                            match saved {
                                Ok(()) => {
                                    assert_eq!(ticket.version, round + 1, "{level}");
                                    won.push(round);
                                }
                                Err(Error::Conflict(conflict)) => {
                                    assert_ne!(
                                        conflict.kind(),
                                        ConflictKind::Deleted,
                                        "{level}: {conflict}"
                                    );
                                    assert_eq!(ticket.version, round, "{level}");
                                }
                                Err(error) => panic!("{level}: {error:?}"),
                            }
                            barrier.wait();
                            // A round in which all were turned away is made again by hand, so that all go on together.
                            if writer == 0 && Ticket::find(&7, &mut conn).unwrap().version == round
                            {
                                Ticket::at(7, round).touch(&mut conn).unwrap();
                            }
                            barrier.wait();
                        }
                        won
                    })
                })
                .collect();
            writers
                .into_iter()
                .map(|writer| writer.join().unwrap())
                .collect()
        });
        let mut rounds: Vec<i64> = wins.concat();
        rounds.sort_unstable();
        let total = rounds.len();
        rounds.dedup();
        assert_eq!(rounds.len(), total, "{level}: two winners of one version");
        assert!(total > 0, "{level}: nobody ever won");
        let row = Ticket::row(7, &mut db.connect()).unwrap();
        assert_eq!(row.version, ROUNDS + 1, "{level}");
    }
}

#[test]
fn t20_no_increment_is_lost() {
    const THREADS: i64 = 16;
    const INCREMENTS: i64 = 200;
    let db = Db::fresh(TICKETS);
    Ticket {
        price: 0,
        ..Ticket::concert()
    }
    .insert(&mut db.connect())
    .unwrap();
    thread::scope(|scope| {
        for _ in 0..THREADS {
            let mut conn = db.connect();
            scope.spawn(move || {
                for _ in 0..INCREMENTS {
                    Ticket::update_with(&7, &mut conn, |ticket| {
                        ticket.price += 1;
                        Ok(())
                    })
                    .unwrap();
                }
            });
        }
    });
    let row = Ticket::row(7, &mut db.connect()).unwrap();
    assert_eq!(
        (row.price, row.version),
        (THREADS * INCREMENTS, THREADS * INCREMENTS + 1)
    );
}

#[test]
fn t20_a_save_that_waits_for_a_rollback_goes_through() {
    if backend::NAME == "sqlite" {
        // One writer at a time: the second waits for the whole transaction either way.
        return;
    }
    let (_db, mut one, mut two) = two_sessions();
    let ticket = Ticket::inserted(&mut one);
    let (mut a, mut b) = (ticket.clone(), ticket);
    let barrier = Barrier::new(2);
    thread::scope(|scope| {
        scope.spawn(|| {
            let rolled_back = transaction(&mut one, &mut a, |conn, a| {
                a.save(conn)?;
                barrier.wait();
                thread::sleep(Duration::from_millis(100));
                Err::<(), _>(Error::other("no"))
            });
            assert!(matches!(rolled_back, Err(Error::Other(_))));
        });
        barrier.wait();
        b.price = 30;
        b.save(&mut two).unwrap();
    });
    assert_eq!((a.version, b.version), (1, 2));
    assert_eq!(Ticket::row(7, &mut two), Some(b));
}

/// Semantics 5 and 4: the loser of a serialization failure cannot look any more, so nothing is `found`.
#[test]
fn s05_the_loser_at_repeatable_read_gets_a_conflict() {
    if backend::NAME == "sqlite" {
        return;
    }
    let (_db, mut one, mut two) = two_sessions();
    let mut a = Ticket::inserted(&mut one);
    isolate(&mut two, "REPEATABLE READ");
    let mut b = a.clone();
    let lost = transaction(&mut two, &mut b, |conn, b| {
        Ticket::find(&7, conn)?; // the snapshot
        a.save(&mut one)?;
        b.save(conn)?;
        Ok::<_, Error>(())
    });
    let conflict = conflict(lost);
    assert_eq!(
        (conflict.table(), conflict.id()),
        (Some("tickets"), Some("7"))
    );
    assert_eq!(conflict.expected(), Some(Token::Number(1)));
    match backend::NAME {
        "postgres" => {
            assert_eq!(conflict.kind(), ConflictKind::Serialization);
            assert_eq!(conflict.found(), None);
            assert!(conflict.cause().is_some());
        }
        // The guard sees the row as it is, not the snapshot, and so does the look after it.
        _ => {
            assert_eq!(conflict.kind(), ConflictKind::Stale);
            assert_eq!(conflict.found(), Some(Token::Number(2)));
        }
    }
    assert_eq!(b.version, 1);
    assert_eq!(Ticket::row(7, &mut one), Some(a));
}

/// An unlocked read in the transaction would show version 1 for ever; `reload` and `update_with` must not.
#[test]
fn s04_reload_and_update_with_see_past_the_snapshot_of_the_transaction() {
    if backend::NAME != "mysql" {
        return;
    }
    let (_db, mut one, mut two) = two_sessions();
    let mut a = Ticket::inserted(&mut one);
    isolate(&mut two, "REPEATABLE READ");
    two.transaction(|conn| {
        let mut b = Ticket::find(&7, conn)?;
        a.save(&mut one)?;
        assert_eq!(Ticket::find(&7, conn)?.version, 1, "the snapshot");
        assert_stale(b.save(conn), 1, 2);
        b.reload(conn)?;
        assert_eq!(b.version, 2);
        let saved = Ticket::update_with(&7, conn, |b| {
            b.price = 31;
            Ok(())
        })?;
        assert_eq!((saved.version, saved.price), (3, 31));
        Ok::<_, Error>(())
    })
    .unwrap();
}

#[test]
fn s05_a_deadlock_is_a_conflict() {
    if backend::NAME == "sqlite" {
        return;
    }
    let db = Db::fresh(TICKETS);
    let mut conn = db.connect();
    let first = Ticket::inserted(&mut conn);
    let mut second = Ticket {
        id: 8,
        title: "play".into(),
        ..Ticket::concert()
    };
    second.insert(&mut conn).unwrap();
    let barrier = Barrier::new(2);
    let run = |mut x: Ticket, mut y: Ticket| {
        let mut conn = db.connect();
        let barrier = &barrier;
        move || {
            transaction(&mut conn, (&mut x, &mut y), |conn, (x, y)| {
                x.save(conn)?;
                barrier.wait();
                y.save(conn)?;
                Ok::<_, Error>(())
            })
        }
    };
    let one = run(first.clone(), second.clone());
    let two = run(second, first);
    let (one, two) = thread::scope(|scope| {
        let (one, two) = (scope.spawn(one), scope.spawn(two));
        (one.join().unwrap(), two.join().unwrap())
    });
    let (winner, loser) = if one.is_ok() { (one, two) } else { (two, one) };
    winner.unwrap();
    let conflict = conflict(loser);
    assert_eq!(conflict.kind(), ConflictKind::Serialization);
    assert_eq!(conflict.expected(), Some(Token::Number(1)));
    let versions: Vec<i64> = tickets::table
        .select(tickets::version)
        .load(&mut db.connect())
        .unwrap();
    assert_eq!(versions, [2, 2]);
}

#[test]
fn s05_a_lock_that_is_not_free_in_time_is_a_conflict() {
    let (_db, mut one, mut two) = two_sessions();
    let ticket = Ticket::inserted(&mut one);
    let (mut a, mut b) = (ticket.clone(), ticket);
    match backend::NAME {
        "sqlite" => two.batch_execute("PRAGMA busy_timeout = 0").unwrap(),
        "mysql" => two
            .batch_execute("SET innodb_lock_wait_timeout = 1")
            .unwrap(),
        // PostgreSQL's lock_timeout (55P03) is the user's own limit, no statement about another transaction's order.
        _ => return,
    }
    transaction(&mut one, &mut a, |conn, a| {
        a.save(conn)?;
        let conflict = conflict(b.save(&mut two));
        assert_eq!(conflict.kind(), ConflictKind::Serialization);
        assert_eq!(
            (conflict.id(), conflict.expected(), conflict.found()),
            (Some("7"), Some(Token::Number(1)), None)
        );
        assert_eq!(b.version, 1);
        Ok::<_, Error>(())
    })
    .unwrap();
    assert_stale(b.save(&mut two), 1, 2);
}

#[test]
fn a_verified_row_is_held_until_the_transaction_ends() {
    if backend::NAME == "sqlite" {
        return;
    }
    let (_db, mut one, mut two) = two_sessions();
    let ticket = Ticket::inserted(&mut one);
    let mut theirs = ticket.clone();
    let barrier = Barrier::new(2);
    thread::scope(|scope| {
        scope.spawn(|| {
            barrier.wait();
            theirs.save(&mut two).unwrap();
        });
        one.transaction(|conn| {
            ticket.verify(conn)?;
            barrier.wait();
            thread::sleep(Duration::from_millis(150));
            assert_eq!(Ticket::row(7, conn).unwrap().version, 1);
            ticket.verify(conn)?;
            Ok::<_, Error>(())
        })
        .unwrap();
    });
    assert_eq!(theirs.version, 2);
    assert_stale(ticket.verify(&mut one), 1, 2);
}

/// A serialization failure inside of an open transaction is the caller's to retry, as a whole.
#[test]
fn update_with_in_a_transaction_hands_a_serialization_failure_up() {
    if backend::NAME != "postgres" {
        return;
    }
    let (_db, mut one, mut two) = two_sessions();
    Ticket::inserted(&mut one);
    isolate(&mut two, "REPEATABLE READ");
    let mut runs = 0;
    let lost = two.transaction(|conn| {
        Ticket::update_with(&7, conn, |ticket| {
            runs += 1;
            Ticket::find(&7, &mut one)?.save(&mut one)?;
            ticket.price += 1;
            Ok(())
        })
    });
    assert_eq!(conflict(lost).kind(), ConflictKind::Serialization);
    assert_eq!(runs, 1);
    // Without an open transaction the same is retried.
    let mut runs = 0;
    let saved = Ticket::update_with(&7, &mut two, |ticket| {
        runs += 1;
        if runs < 3 {
            Ticket::find(&7, &mut one)?.save(&mut one)?;
        }
        ticket.price += 1;
        Ok(())
    })
    .unwrap();
    assert_eq!((runs, saved.price), (3, 21));
}
