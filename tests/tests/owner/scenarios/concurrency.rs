//! T20: real connections at the same time, at each isolation level.

use std::sync::Barrier;
use std::thread;

use super::*;

#[test]
fn t20_of_eight_that_save_the_same_version_exactly_one_wins() {
    const WRITERS: usize = 8;
    const ROUNDS: i64 = 25;
    for level in backend::LEVELS {
        let db = Db::fresh(TICKETS);
        Ticket::inserted(&mut db.connect());
        let barrier = Barrier::new(WRITERS);
        // What came of each round, and the version in memory after it: looked at when all are done, because one that
        // panics would leave the others at the barrier.
        let saves: Vec<(i64, Result<(), Error>, i64)> = thread::scope(|scope| {
            let writers: Vec<_> = (0..WRITERS)
                .map(|writer| {
                    let mut conn = db.connect();
                    let barrier = &barrier;
                    scope.spawn(move || {
                        backend::isolate(&mut conn, level);
                        let mut outcomes = Vec::new();
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
                            outcomes.push((round, saved, ticket.version));
                            barrier.wait();
                            // A round in which all were turned away is made again by hand, so that all go on together.
                            if writer == 0 && Ticket::row(7, &mut conn).unwrap().version == round {
                                drop(Ticket::at(7, round).touch(&mut conn));
                            }
                            barrier.wait();
                        }
                        outcomes
                    })
                })
                .collect();
            writers
                .into_iter()
                .flat_map(|writer| writer.join().unwrap())
                .collect()
        });
        let mut winners = Vec::new();
        for (round, saved, version) in saves {
            match saved {
                Ok(()) => {
                    assert_eq!(
                        version,
                        round + 1,
                        "{level}: the winner is at the next version"
                    );
                    winners.push(round);
                }
                Err(Error::Conflict(conflict)) => {
                    assert_ne!(
                        conflict.kind(),
                        ConflictKind::Deleted,
                        "{level}: {conflict}"
                    );
                    assert_eq!(version, round, "{level}: a loser stays where it was");
                }
                Err(error) => panic!("{level}: {error:?}"),
            }
        }
        winners.sort_unstable();
        let total = winners.len();
        winners.dedup();
        assert_eq!(winners.len(), total, "{level}: two winners of one version");
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
