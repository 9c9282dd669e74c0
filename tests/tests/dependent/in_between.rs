//! MySQL and MariaDB, whose guard is several statements: another session comes in between.

use std::sync::atomic::{AtomicBool, Ordering};

use diesel::connection::{Connection as _, InstrumentationEvent, SimpleConnection as _};
use diesel::prelude::*;
use diesel::result::{DatabaseErrorKind, Error as DieselError};
use versioned_core::{Error, Op, Outcome};

use super::backend::prelude::*;
use super::backend::{self, Conn, Db};
use super::scenarios::{COPIES, LatestPosition, LatestRow, Replica, copies, event, migrate};

fn replica() -> (Db, Conn, Conn) {
    let db = Db::fresh(COPIES);
    let (mut one, two) = (db.connect(), db.connect());
    migrate(&mut one);
    // Without the locks on gaps with which InnoDB would keep the other one out.
    backend::isolate(&mut one, "READ COMMITTED");
    (db, one, two)
}

/// Does this before the first INSERT: when the UPDATE has found nothing.
fn before_the_insert(conn: &mut Conn, mut first: impl FnMut() + Send + 'static) {
    let done = AtomicBool::new(false);
    conn.set_instrumentation(move |event: InstrumentationEvent<'_>| {
        if let InstrumentationEvent::StartQuery { query, .. } = event
            && query.to_string().starts_with("INSERT")
            && !done.swap(true, Ordering::Relaxed)
        {
            first();
        }
    });
}

fn content(conn: &mut Conn) -> Vec<(i64, i64, i64)> {
    copies::table
        .select((copies::id, copies::price, copies::version))
        .load(conn)
        .unwrap()
}

fn an_older_one_is_overtaken<M: Replica>() {
    let (_db, mut one, mut two) = replica();
    before_the_insert(&mut one, move || {
        let older = event::<M>(Op::Updated, 7, 3, 30);
        assert_eq!(M::apply(&older, &mut two).unwrap(), Outcome::Applied);
    });
    let newer = event::<M>(Op::Updated, 7, 5, 50);
    assert_eq!(M::apply(&newer, &mut one).unwrap(), Outcome::Applied);
    assert_eq!(content(&mut one), [(7, 50, 5)]);
}

fn a_newer_one_stays<M: Replica>() {
    let (_db, mut one, mut two) = replica();
    before_the_insert(&mut one, move || {
        let newer = event::<M>(Op::Updated, 7, 5, 50);
        assert_eq!(M::apply(&newer, &mut two).unwrap(), Outcome::Applied);
    });
    let older = event::<M>(Op::Updated, 7, 3, 30);
    assert_eq!(
        M::apply(&older, &mut one).unwrap(),
        Outcome::Duplicate { current: 5 }
    );
    assert_eq!(content(&mut one), [(7, 50, 5)]);
}

#[test]
fn an_older_one_that_comes_before_the_position_is_made_is_overtaken() {
    an_older_one_is_overtaken::<LatestPosition>();
}

#[test]
fn an_older_one_that_comes_before_the_row_is_made_is_overtaken() {
    an_older_one_is_overtaken::<LatestRow>();
}

#[test]
fn a_newer_one_that_comes_before_the_position_is_made_stays() {
    a_newer_one_stays::<LatestPosition>();
}

#[test]
fn a_newer_one_that_comes_before_the_row_is_made_stays() {
    a_newer_one_stays::<LatestRow>();
}

/// It is no matter of versions, and must not be taken for an event that came too early.
#[test]
fn another_key_that_is_taken_is_an_error() {
    let (_db, mut one, _two) = replica();
    one.batch_execute("CREATE UNIQUE INDEX one_price ON copies (price)")
        .unwrap();
    let first = event::<LatestRow>(Op::Created, 7, 1, 20);
    assert_eq!(
        LatestRow::apply(&first, &mut one).unwrap(),
        Outcome::Applied
    );
    let same_price = event::<LatestRow>(Op::Created, 8, 1, 20);
    let refused = LatestRow::apply(&same_price, &mut one);
    assert!(
        matches!(
            refused,
            Err(Error::Database(DieselError::DatabaseError(
                DatabaseErrorKind::UniqueViolation,
                _
            )))
        ),
        "{refused:?}"
    );
    assert_eq!(content(&mut one), [(7, 20, 1)]);
}
