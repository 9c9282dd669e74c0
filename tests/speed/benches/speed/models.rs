//! What a model pays that asks for more: a key of text, which is also compared by its bytes, and a field that the database makes,
//! which is read back. Against a model without, and against the raw driver.

use std::cell::Cell;

use diesel::prelude::*;
use versioned_core::prelude::{Owner, OwnerDsl};

use crate::places::{MariaDb, Memory, On, Place, Postgres};
use crate::raw::{Raw as _, RawWriter};
use crate::report::{Subject, Suite};
use crate::tickets::{TICKETS, Ticket, Writer as _};
use crate::turns::{Candidate, Work, take_turns};

const ROUNDS: usize = 41;

diesel::table! {
    named (name) {
        name -> VarChar,
        title -> VarChar,
        price -> BigInt,
        version -> BigInt,
    }
}

diesel::table! {
    made {
        id -> BigInt,
        title -> VarChar,
        price -> BigInt,
        at -> BigInt,
        version -> BigInt,
    }
}

#[derive(Clone, Queryable, Selectable, versioned_core::Versioned)]
#[diesel(table_name = named, primary_key(name))]
#[versioned(owner)]
struct Named {
    name: String,
    title: String,
    price: i64,
    version: i64,
}

/// The database makes `at`.
#[derive(Clone, Queryable, Selectable, Insertable, AsChangeset, versioned_core::Versioned)]
#[diesel(table_name = made)]
#[versioned(owner)]
struct Made {
    id: i64,
    title: String,
    price: i64,
    #[diesel(skip_insertion, skip_update)]
    at: i64,
    version: i64,
}

fn ddl() -> &'static str {
    format!(
        "{TICKETS};
         CREATE TABLE named (
             name VARCHAR(100) PRIMARY KEY, title VARCHAR(100) NOT NULL, price BIGINT NOT NULL, version BIGINT NOT NULL
         );
         CREATE TABLE made (
             id BIGINT PRIMARY KEY, title VARCHAR(100) NOT NULL, price BIGINT NOT NULL, at BIGINT DEFAULT 7 NOT NULL,
             version BIGINT NOT NULL
         )"
    )
    .leak()
}

/// A model that is written again and again.
trait Sample<DB: diesel::backend::Backend>: Owner<DB> + 'static {
    fn new(number: i64) -> Self;
    fn change(&mut self);
}

macro_rules! samples {
    ($($model:ty: |$number:ident| $new:expr;)*) => {$(
        impl<DB: diesel::backend::Backend> Sample<DB> for $model
        where
            $model: Owner<DB>,
        {
            fn new($number: i64) -> Self {
                $new
            }

            fn change(&mut self) {
                self.price += 1;
            }
        }
    )*};
}

samples! {
    Ticket: |number| Ticket::new(number);
    Named: |number| Named { name: format!("ticket {number}"), title: "concert".into(), price: 20, version: 0 };
    Made: |number| Made { id: number, title: "concert".into(), price: 20, at: 0, version: 0 };
}

pub(crate) fn run(suite: &mut Suite) {
    subjects::<Memory>(suite);
    subjects::<Postgres>(suite);
    subjects::<MariaDb>(suite);
}

fn subjects<P: Place>(suite: &mut Suite)
where
    Ticket: Owner<On<P>>,
    Named: Owner<On<P>>,
    Made: Owner<On<P>>,
{
    subject::<P, Named>(suite, "save, a text key", "insert, a text key");
    subject::<P, Made>(
        suite,
        "save, a field that is made",
        "insert, a field that is made",
    );
}

fn subject<P: Place, M: Sample<On<P>>>(suite: &mut Suite, save: &'static str, insert: &'static str)
where
    Ticket: Owner<On<P>>,
{
    for (what, inserts) in [(save, false), (insert, true)] {
        if !suite.wants(what, P::NAME) {
            continue;
        }
        let place = P::fresh(ddl());
        let mut candidates: [Candidate<'_>; 3] = [
            ("versioned", writes::<P, M>(inserts, place.connect())),
            (
                "versioned, without",
                writes::<P, Ticket>(inserts, place.connect()),
            ),
            (P::Raw::NAME, raw::<P>(inserts, place.raw())),
        ];
        let measured = take_turns(ROUNDS, &mut candidates);
        suite.add(Subject::new(what, P::NAME, measured));
    }
}

fn writes<P: Place, M: Sample<On<P>>>(inserts: bool, mut conn: P::Conn) -> Box<dyn Work> {
    let mut model = M::new(next());
    OwnerDsl::insert(&mut model, &mut conn).unwrap();
    if inserts {
        Box::new(move || {
            OwnerDsl::insert(&mut M::new(next()), &mut conn).unwrap();
        })
    } else {
        Box::new(move || {
            model.change();
            OwnerDsl::save(&mut model, &mut conn).unwrap();
        })
    }
}

fn raw<P: Place>(inserts: bool, raw: P::Raw) -> Box<dyn Work> {
    let mut writer = RawWriter::new(raw);
    let mut ticket = Ticket::new(next());
    writer.insert(&mut ticket);
    if inserts {
        Box::new(move || writer.insert(&mut Ticket::new(next())))
    } else {
        Box::new(move || {
            ticket.price += 1;
            writer.save(&mut ticket);
        })
    }
}

/// A number for each record of this run.
fn next() -> i64 {
    thread_local!(static LAST: Cell<i64> = const { Cell::new(0) });
    LAST.set(LAST.get() + 1);
    LAST.get()
}
