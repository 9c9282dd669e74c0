//! Upserts by several connections at the same time, at each isolation level.

use std::sync::Barrier;
use std::thread;

use diesel_migrations::MigrationHarness as _;
use versioned_core::{MIGRATIONS, OptionalExt as _};

use super::*;

fn database() -> Db {
    let db = Db::fresh("");
    let mut conn = db.connect();
    conn.run_pending_migrations(MIGRATIONS).unwrap();
    conn.batch_execute(TICKETS).unwrap();
    db
}

/// What may come of an upsert that is not the first.
#[track_caller]
fn assert_lost(error: &Error, level: &str) {
    let kind = error.conflict().map(Conflict::kind);
    assert!(
        matches!(
            kind,
            Some(ConflictKind::Stale | ConflictKind::Serialization)
        ),
        "{level}: {error:?}"
    );
}

macro_rules! races {
    ($model:ident) => {{
        const WRITERS: usize = 6;
        const ROUNDS: i64 = 12;
        for level in backend::LEVELS {
            let db = database();
            let barrier = Barrier::new(WRITERS);
            let outcomes: Vec<(i64, Result<Op, Error>, i64, i64)> = thread::scope(|scope| {
                let writers: Vec<_> = (0..WRITERS)
                    .map(|writer| {
                        let mut conn = db.connect();
                        let barrier = &barrier;
                        scope.spawn(move || {
                            backend::isolate(&mut conn, level);
                            let mut outcomes = Vec::new();
                            for round in 0..ROUNDS {
                                let id = 1 + round / 2;
                                // The second round of each key is an update, if the first one is written.
                                let found = $model::find(&id, &mut conn).optional().unwrap();
                                let mut model = found.unwrap_or_else(|| $model::new(id));
                                model.price = i64::try_from(writer).unwrap();
                                let before = model.version;
                                barrier.wait();
                                let done = if round % 4 < 2 {
                                    model.upsert(&mut conn).map(|change| change.op())
                                } else {
                                    transaction(&mut conn, &mut model, |conn, model| {
                                        drop($model::find(&id, conn).optional()?);
                                        model.upsert(conn).map(|change| change.op())
                                    })
                                };
                                outcomes.push((round, done, before, model.version));
                                barrier.wait();
                            }
                            outcomes
                        })
                    })
                    .collect();
                writers.into_iter().flat_map(|writer| writer.join().unwrap()).collect()
            });
            let conn = &mut db.connect();
            let mut written = vec![0; usize::try_from(ROUNDS).unwrap()];
            for (round, done, before, version) in outcomes {
                match done {
                    Ok(op) => {
                        written[usize::try_from(round).unwrap()] += 1;
                        assert_eq!(op, if before == 0 { Op::Created } else { Op::Updated }, "{level}");
                        assert_eq!(version, before + 1, "{level}");
                    }
                    Err(error) => {
                        assert_lost(&error, level);
                        assert_eq!(version, before, "{level}: memory is as it was");
                    }
                }
            }
            assert!(written.iter().all(|count| *count <= 1), "{level}: two winners: {written:?}");
            let won: i64 = written.iter().sum();
            assert!(won > 0, "{level}: none was ever written");
            let versions: i64 = (1..=ROUNDS / 2).filter_map(|id| row(id, conn)).map(|row| row.3).sum();
            assert_eq!(versions, won, "{level}");
        }
    }};
}

/// Of several upserts of one version, one is written: of a new key, and of a row. Each is a statement
/// of its own, or in a transaction that has read.
#[test]
fn of_several_upserts_of_one_version_one_is_written() {
    races!(Ticket);
}

#[test]
fn of_several_upserts_with_an_outbox_one_is_written() {
    races!(Told);
}

#[test]
fn of_several_upserts_with_tombstones_one_is_written() {
    races!(Remembered);
}

#[test]
fn of_several_upserts_with_both_one_is_written() {
    races!(Announced);
}

/// Marten #4324: of 50 writers that have the same version, one writes, and no other reports that it
/// did.
#[test]
fn of_fifty_upserts_of_a_version_one_is_written() {
    const WRITERS: i64 = 50;
    let db = database();
    Ticket::new(7).insert(&mut db.connect()).unwrap();
    let barrier = Barrier::new(usize::try_from(WRITERS).unwrap());
    let written: Vec<i64> = thread::scope(|scope| {
        let writers: Vec<_> = (0..WRITERS)
            .map(|price| {
                let mut conn = db.connect();
                let barrier = &barrier;
                scope.spawn(move || {
                    let mut ticket = Ticket::find(&7, &mut conn).unwrap();
                    ticket.price = 100 + price;
                    barrier.wait();
                    match ticket.upsert(&mut conn).map(|change| change.op()) {
                        Ok(op) => {
                            assert_eq!(op, Op::Updated);
                            Some(ticket.price)
                        }
                        Err(error) => {
                            assert_lost(&error, "");
                            None
                        }
                    }
                })
            })
            .collect();
        writers
            .into_iter()
            .filter_map(|writer| writer.join().unwrap())
            .collect()
    });
    assert_eq!(written.len(), 1, "{written:?}");
    let row = row(7, &mut db.connect()).unwrap();
    assert_eq!((row.2, row.3), (written[0], 2));
}

macro_rules! against_deletions {
    ($($test:ident: $model:ident, $told:expr;)*) => {$(
        /// Upserts that count, against deletions: what was counted is in the row or was deleted.
        #[test]
        fn $test() {
            const WRITERS: usize = 4;
            const ROUNDS: usize = 30;
            for level in backend::LEVELS {
                let db = database();
                // What the upserts added and the deletions took away.
                let counted: i64 = thread::scope(|scope| {
                    let writers: Vec<_> = (0..WRITERS)
                        .map(|writer| {
                            let mut conn = db.connect();
                            scope.spawn(move || {
                                backend::isolate(&mut conn, level);
                                let mut counted = 0;
                                for round in 0..ROUNDS {
                                    let found = $model::find(&7, &mut conn).optional();
                                    let Ok(found) = found else { continue };
                                    if writer % 2 == 0 && round % 3 == 0 {
                                        let Some(mut model) = found else { continue };
                                        match model.delete(&mut conn).map(drop) {
                                            Ok(()) => counted -= model.price,
                                            Err(error) => assert!(error.is_conflict(), "{level}: {error:?}"),
                                        }
                                        continue;
                                    }
                                    let mut model = found.unwrap_or_else(|| $model { price: 0, ..$model::new(7) });
                                    model.price += 1;
                                    let price = model.price;
                                    let done = if round % 2 == 0 {
                                        model.upsert(&mut conn).map(|change| change.op())
                                    } else {
                                        transaction(&mut conn, &mut model, |conn, model| {
                                            model.upsert(conn).map(|change| change.op())
                                        })
                                    };
                                    match done {
                                        Ok(Op::Created) => counted += price,
                                        Ok(op) => {
                                            assert_eq!(op, Op::Updated);
                                            counted += 1;
                                        }
                                        Err(error) => assert!(error.is_conflict(), "{level}: {error:?}"),
                                    }
                                }
                                counted
                            })
                        })
                        .collect();
                    writers.into_iter().map(|writer| writer.join().unwrap()).sum()
                });
                let conn = &mut db.connect();
                let left = row(7, conn);
                assert_eq!(left.as_ref().map_or(0, |row| row.2), counted, "{level}");
                let events = events(conn);
                if $told {
                    let versions: Vec<_> = events.iter().map(|(_, version)| *version).collect();
                    let expected: Vec<_> = (1..).take(events.len()).collect();
                    assert_eq!(versions, expected, "{level}: each version once, in order");
                    let mut exists = false;
                    for (op, version) in &events {
                        assert_eq!(op == "created", !exists, "{level}: {op} {version}");
                        exists = op != "deleted";
                    }
                    assert_eq!(exists, left.is_some(), "{level}");
                } else {
                    assert_eq!(events, []);
                }
            }
        }
    )*};
}

against_deletions! {
    no_upsert_is_lost_to_a_deletion: Remembered, false;
    no_upsert_that_is_announced_is_lost_to_a_deletion: Announced, true;
}

/// A row that the snapshot of a transaction does not show is a conflict, whatever the level.
#[test]
fn a_row_that_the_transaction_does_not_see_is_a_conflict() {
    if NAME == "sqlite" {
        // The other session would wait for the end of this one.
        return;
    }
    macro_rules! hidden {
        ($($model:ident)*) => {$(
            for level in backend::LEVELS {
                for version in [0, 1, 2] {
                    let db = database();
                    let (mut one, mut two) = (db.connect(), db.connect());
                    backend::isolate(&mut one, level);
                    let mut model = $model { version, price: 99, ..$model::new(7) };
                    let before = model.clone();
                    let done = transaction(&mut one, &mut model, |conn, model| {
                        assert_eq!($model::find(&7, conn).optional()?, None);
                        // MySQL's SERIALIZABLE would lock what was read against the other session.
                        if NAME != "mysql" || *level != "SERIALIZABLE" {
                            let mut theirs = $model::new(7);
                            theirs.insert(&mut two)?;
                            if version == 1 {
                                theirs.save(&mut two)?;
                            }
                        }
                        model.upsert(conn).map(|change| change.op())
                    });
                    let conn = &mut db.connect();
                    match done {
                        Err(error) => {
                            assert_lost(&error, level);
                            assert_eq!(model, before, "{level}");
                            assert_eq!(row(7, conn).unwrap().2, 20, "{level}");
                        }
                        Ok(op) => {
                            assert_eq!((NAME, *level, op), ("mysql", "SERIALIZABLE", Op::Created));
                        }
                    }
                }
            }
        )*};
    }
    hidden!(Ticket Told Remembered Announced);
}

/// Batches of the same records, some of them new.
#[test]
fn overlapping_batches_lose_no_update() {
    const WRITERS: usize = 4;
    const ROUNDS: usize = 8;
    for level in backend::LEVELS {
        for count in [5_i64, 60] {
            let db = database();
            let written: i64 = thread::scope(|scope| {
                let writers: Vec<_> = (0..WRITERS)
                    .map(|writer| {
                        let mut conn = db.connect();
                        scope.spawn(move || {
                            backend::isolate(&mut conn, level);
                            let mut written = 0;
                            for round in 0..ROUNDS {
                                let mut batch = Vec::new();
                                for id in 1..=count {
                                    let found = Ticket::find(&id, &mut conn).optional();
                                    let Ok(found) = found else { break };
                                    let mut ticket = found.unwrap_or_else(|| Ticket {
                                        price: 0,
                                        ..Ticket::new(id)
                                    });
                                    ticket.price += 1;
                                    batch.push(ticket);
                                }
                                if (writer + round) % 2 == 0 {
                                    batch.reverse();
                                }
                                match Ticket::upsert_all(&mut batch, &mut conn) {
                                    Ok(changes) => written += changes.len(),
                                    Err(error) => {
                                        assert!(error.is_conflict(), "{level}: {error:?}");
                                    }
                                }
                            }
                            i64::try_from(written).unwrap()
                        })
                    })
                    .collect();
                writers
                    .into_iter()
                    .map(|writer| writer.join().unwrap())
                    .sum()
            });
            let conn = &mut db.connect();
            let rows: Vec<_> = (1..=count).filter_map(|id| row(id, conn)).collect();
            assert!(written >= count, "{level}");
            assert_eq!(
                rows.iter().map(|row| row.2).sum::<i64>(),
                written,
                "{level}"
            );
            assert_eq!(
                rows.iter().map(|row| row.3).sum::<i64>(),
                written,
                "{level}"
            );
        }
    }
}
