//! A reader waits until a version is there.

use std::convert::Infallible;
use std::time::{Duration, Instant};

use versioned_core::positions;
use versioned_core::wait::{Arrival, wait_for};

use super::dead_letters::keep;
use super::*;

const SOON: Duration = Duration::from_millis(30);
const LATE: Duration = Duration::from_mins(1);

fn arrival<M: Replica>(version: i64, at_most: Duration, db: &Db) -> Arrival {
    let id = M::new(7, 0, 0).id();
    wait_for::<M, _, _>(&id, version, at_most, || Ok::<_, Infallible>(db.connect())).unwrap()
}

fn a_version_is_waited_for<M: Replica>() {
    let (db, mut conn) = replica();
    let late = |current| Arrival::TimedOut { current };
    assert_eq!(arrival::<M>(1, Duration::ZERO, &db), late(None));
    // Another record is another matter.
    apply_each::<M>(&mut conn, &[event(Op::Created, 8, 1, 1)]);
    let start = Instant::now();
    assert_eq!(arrival::<M>(1, SOON, &db), late(None));
    assert!(start.elapsed() >= SOON);
    apply_each::<M>(&mut conn, &[event(Op::Created, 7, 1, 1)]);
    assert_eq!(arrival::<M>(0, LATE, &db), Arrival::Reached { version: 1 });
    assert_eq!(arrival::<M>(1, LATE, &db), Arrival::Reached { version: 1 });
    assert_eq!(arrival::<M>(2, SOON, &db), late(Some(1)));
    let reached = std::thread::scope(|scope| {
        let reached = scope.spawn(|| arrival::<M>(3, LATE, &db));
        for version in 2..=3 {
            std::thread::sleep(SOON);
            assert!(!reached.is_finished());
            apply_each::<M>(&mut conn, &[event(Op::Updated, 7, version, version)]);
        }
        reached.join().unwrap()
    });
    assert_eq!(reached, Arrival::Reached { version: 3 });
}

for_each_replica!(a_version_is_waited_for);

/// The version of a deletion is a version like others. What is forgotten does not come back.
fn deletions_arrive_too<M: Replica>() {
    let (db, mut conn) = replica();
    apply_each::<M>(
        &mut conn,
        &[event(Op::Created, 7, 1, 1), event(Op::Deleted, 7, 2, 0)],
    );
    assert_eq!(arrival::<M>(2, LATE, &db), Arrival::Reached { version: 2 });
    let late = Arrival::TimedOut { current: Some(2) };
    assert_eq!(arrival::<M>(3, SOON, &db), late);
    positions::forget::<M, _>(&M::new(7, 0, 0).id(), &mut conn).unwrap();
    assert_eq!(arrival::<M>(1, LATE, &db), Arrival::Forgotten);
    assert_eq!(arrival::<M>(9, LATE, &db), Arrival::Forgotten);
}

for_each_replica!(deletions_arrive_too remembers deletions);

/// A version that needs a dead letter is not waited for. With `policy = "latest"`, later versions do not need it.
fn a_dead_letter_ends_the_wait<M: Replica>() {
    let (db, mut conn) = replica();
    apply_each::<M>(&mut conn, &[event(Op::Created, 7, 1, 1)]);
    keep(&mut conn, "of another", "8", 2, "no event");
    keep(&mut conn, "superseded", "7", 1, "no event");
    let late = Arrival::TimedOut { current: Some(1) };
    assert_eq!(arrival::<M>(3, SOON, &db), late);
    for version in [4, 3] {
        keep(&mut conn, &format!("7:{version}"), "7", version, "no event");
    }
    let letters = versioned_core::dead_letters::list::<M, _>(0, 10, &mut conn).unwrap();
    let letter = |version| {
        let of = |letter: &&versioned_core::dead_letters::DeadLetter| {
            letter.record == Some(("7".to_owned(), version))
        };
        let id = letters.iter().find(of).unwrap().id;
        Arrival::DeadLetter { id }
    };
    assert_eq!(arrival::<M>(2, SOON, &db), late);
    assert_eq!(arrival::<M>(3, LATE, &db), letter(3));
    let is_latest = M::POLICY == Policy::Latest;
    let of_4 = if is_latest { letter(4) } else { letter(3) };
    assert_eq!(arrival::<M>(4, LATE, &db), of_4);
    let of_5 = if is_latest { late } else { letter(3) };
    assert_eq!(arrival::<M>(5, SOON, &db), of_5);
    // A snapshot does not need it.
    apply_each::<M>(&mut conn, &[event(Op::Snapshot, 7, 9, 9)]);
    assert_eq!(arrival::<M>(5, LATE, &db), Arrival::Reached { version: 9 });
}

for_each_replica!(a_dead_letter_ends_the_wait);

#[test]
fn what_keeps_from_looking_is_an_error() {
    let id = 7;
    let refused = wait_for::<SequentialPosition, Conn, _>(&id, 1, LATE, || Err("no room"));
    assert!(matches!(refused, Err(Error::Other(error)) if error.to_string() == "no room"));

    // Without the tables.
    let db = Db::fresh(COPIES);
    let connect = || Ok::<_, Infallible>(db.connect());
    let failed = wait_for::<SequentialPosition, _, _>(&id, 1, LATE, connect);
    assert!(matches!(failed, Err(Error::Database(_))), "{failed:?}");
}
