//! Two consumers of one record: the second one waits for the first one, and goes onto what it left.

use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use super::*;

/// The first one applies its event in a transaction of its own and keeps it open; the second one, whose price is 30, begins
/// meanwhile.
#[track_caller]
fn second_goes_onto<M: Replica>(first: &Event<M>, second: &Event<M>, commits: bool) {
    for level in backend::LEVELS {
        let (db, mut conn) = replica();
        apply_each::<M>(&mut conn, &[created(20)]);
        let (mut one, mut two) = (db.connect(), db.connect());
        backend::isolate(&mut one, level);
        backend::isolate(&mut two, level);
        let barrier = Barrier::new(2);
        let ended = thread::scope(|scope| {
            let ended = scope.spawn(|| {
                one.transaction(|conn| {
                    let outcome = M::apply(first, conn)?;
                    barrier.wait();
                    thread::sleep(Duration::from_millis(150));
                    if commits {
                        Ok(outcome)
                    } else {
                        Err(Error::NotFound {
                            table: "none",
                            id: "none".into(),
                        })
                    }
                })
            });
            barrier.wait();
            assert_eq!(
                M::apply(second, &mut two).unwrap(),
                Outcome::Applied,
                "{level}"
            );
            ended.join().unwrap()
        });
        match ended {
            Ok(outcome) => assert!(commits && outcome == Outcome::Applied, "{level}"),
            Err(error) => assert!(
                !commits && matches!(error, Error::NotFound { .. }),
                "{level}"
            ),
        }
        assert_eq!(row(&mut conn), at(30, second.version), "{level}");
    }
}

#[test]
fn an_event_that_waited_for_a_deletion_makes_the_row_again() {
    second_goes_onto::<LatestPosition>(&deleted(2), &updated(3, 30), true);
}

#[test]
fn an_event_that_waited_for_another_overwrites_its_row() {
    second_goes_onto::<LatestPosition>(&updated(2, 25), &updated(3, 30), true);
}

#[test]
fn an_event_that_waited_for_a_rollback_goes_onto_the_row_before() {
    second_goes_onto::<LatestPosition>(&deleted(2), &updated(3, 30), false);
    second_goes_onto::<SequentialPosition>(&updated(2, 25), &updated(2, 30), false);
}
