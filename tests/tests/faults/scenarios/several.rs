//! Transactions, and tracked models.

use versioned_core::Tracked;

use super::super::super::faulty::Struck;
use super::super::super::habits::Kind;
use super::super::backend::NAME;
use super::super::trial::{Seen, same};
use super::*;

fn two<T: Sample>(conn: &mut Conn) -> Vec<T> {
    inserted(2, conn)
}

pub(in super::super) fn transactions<T: Sample>(trials: &mut Trials) {
    for operation in [
        operation("transaction of two saves", two::<T>, |models, conn| {
            transaction(conn, &mut models[..], |conn, models| {
                for model in models {
                    model.save(conn)?;
                }
                Ok(())
            })
        }),
        operation("save in a savepoint", two::<T>, |models, conn| {
            transaction(conn, &mut models[..], |conn, models| {
                let (first, second) = models.split_at_mut(1);
                first[0].save(conn)?;
                transaction(conn, &mut second[0], |conn, second| {
                    second.save(conn).map(drop)
                })
            })
        }),
        operation("batch in a transaction", two::<T>, |models, conn| {
            transaction(conn, &mut models[..], |conn, models| {
                T::save_all(models, conn)?;
                T::delete_all(models, conn).map(drop)
            })
        }),
        operation("deletion in a transaction", two::<T>, |models, conn| {
            transaction(conn, &mut models[..], |conn, models| {
                models[0].delete(conn)?;
                models[1].touch(conn).map(drop)
            })
        }),
        Operation {
            judge: agreed,
            ..operation("savepoint that is given up", two::<T>, |models, conn| {
                transaction(conn, &mut models[..], |conn, models| {
                    let (first, second) = models.split_at_mut(1);
                    first[0].save(conn)?;
                    // It can do without.
                    drop(transaction(conn, &mut second[0], |conn, second| {
                        second.save(conn).map(drop)
                    }));
                    Ok(())
                })
            })
        },
    ] {
        trials.of(&operation);
    }
}

/// Each model is in memory as its row is, whichever were saved.
fn agreed<T: Sample>(seen: &Seen<Vec<T>>, good: &Seen<Vec<T>>) -> Result<(), String> {
    if seen.told.is_err() {
        return all_or_nothing(seen, good);
    }
    // Who passes over an error that the whole transaction did not survive commits nothing, and Diesel does not tell:
    // PostgreSQL's without a savepoint, InnoDB's deadlock.
    let is_survived = |struck: &Struck| match NAME {
        "postgres" => !struck.statement.starts_with("SAVEPOINT"),
        "mysql" => struck.kind != Kind::Busy,
        _ => true,
    };
    if !seen.struck.as_ref().is_none_or(is_survived) {
        return Ok(());
    }
    let (models, world) = &seen.after;
    let numbers: Vec<_> = models.iter().map(Sample::number).collect();
    let rows: Vec<_> = world.tickets.iter().map(|row| (row.0, row.4)).collect();
    same("Ok: versions", &numbers, &rows)
}

fn loaded<T: Sample>(conn: &mut Conn) -> Tracked<T> {
    Tracked::new(one::<T>(conn).remove(0))
}

fn overtaken<T: Sample>(conn: &mut Conn) -> Tracked<T> {
    let mut tracked = Tracked::new(stale::<T>(conn).remove(0));
    tracked.raise();
    tracked
}

type Case<M> = (&'static str, Prepare<M>, Run<M>);

pub(in super::super) fn tracked<T: Sample>(trials: &mut Trials) {
    let save: Run<Tracked<T>> = |tracked, conn| tracked.save(conn).map(drop);
    let raise: Prepare<Tracked<T>> = |conn| {
        let mut tracked = loaded::<T>(conn);
        tracked.raise();
        tracked
    };
    let operations: [Case<Tracked<T>>; 6] = [
        ("save", raise, save),
        ("save of nothing", loaded::<T>, save),
        ("stale save", overtaken::<T>, save),
        ("rebase", overtaken::<T>, |tracked, conn| {
            tracked.rebase(conn)
        }),
        ("reload", loaded::<T>, |tracked, conn| tracked.reload(conn)),
        ("save in a transaction", raise, |tracked, conn| {
            transaction(conn, tracked, |conn, tracked| {
                tracked.save(conn)?;
                tracked.touch(conn).map(drop)
            })
        }),
    ];
    for (name, prepare, run) in operations {
        trials.of(&Operation {
            name: format!("Tracked<{}> {name}", T::NAME),
            prepare,
            run,
            judge: all_or_nothing,
            settle: Some(|tracked, conn| {
                tracked.revert();
                tracked.reload(conn)?;
                tracked.raise();
                tracked.save(conn)?;
                assert_eq!(T::find(&tracked.id(), conn)?, **tracked);
                Ok(())
            }),
        });
    }
}
