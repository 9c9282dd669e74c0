//! Where rows are locked: the event before it comes while one is being parked.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use diesel::connection::{Connection as _, InstrumentationEvent};
use diesel::prelude::*;
use versioned_core::{Op, Outcome};

use super::backend::prelude::*;
use super::backend::{self, Db};
use super::scenarios::{COPIES, SequentialPark, copies, event, migrate};

fn the_one_before_it_comes_while_it_is_parked(first: i64) {
    let db = Db::fresh(COPIES);
    let (mut one, mut two) = (db.connect(), db.connect());
    migrate(&mut one);
    let update = |version| event::<SequentialPark>(Op::Updated, 7, version, version * 10);
    for version in 1..first {
        let applied = SequentialPark::apply(&update(version), &mut one).unwrap();
        assert_eq!(applied, Outcome::Applied);
    }
    if backend::NAME == "mysql" {
        // Without the locks on gaps with which InnoDB would keep the other one out.
        backend::isolate(&mut one, "READ COMMITTED");
    }
    let (start, started) = mpsc::channel();
    let other = thread::spawn(move || {
        started.recv().unwrap();
        SequentialPark::apply(&update(first), &mut two)
    });
    one.set_instrumentation(move |event: InstrumentationEvent<'_>| {
        if let InstrumentationEvent::StartQuery { query, .. } = event
            && query
                .to_string()
                .starts_with("INSERT INTO versioned_parked")
        {
            // If it is not kept out it is done by then.
            start.send(()).unwrap();
            thread::sleep(Duration::from_millis(300));
        }
    });
    let early = event::<SequentialPark>(Op::Updated, 7, first + 1, 99);
    assert_eq!(
        SequentialPark::apply(&early, &mut one).unwrap(),
        Outcome::Parked
    );
    assert_eq!(other.join().unwrap().unwrap(), Outcome::Applied);
    let rows: Vec<(i64, i64)> = copies::table
        .select((copies::price, copies::version))
        .load(&mut db.connect())
        .unwrap();
    assert_eq!(rows, [(99, first + 1)], "it was fetched");
}

#[test]
fn an_event_that_is_parked_is_not_forgotten_by_the_one_before_it() {
    the_one_before_it_comes_while_it_is_parked(3);
}

#[test]
fn an_event_that_is_parked_is_not_forgotten_by_the_first_one() {
    the_one_before_it_comes_while_it_is_parked(1);
}
