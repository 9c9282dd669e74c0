//! Each scenario for each kind of replica that it makes sense for.

mod apply;
mod arrivals;
mod bad_events;
mod batches;
mod bootstrap;
mod composite;
mod dead_letters;
mod derived;
mod end_to_end;
mod forget;
mod fuzz;
mod made_events;
mod migrations;
mod parked;
mod replicas;
mod statements;
mod stress;
mod waits;

use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use versioned_core::model::{Gap, Guard, Policy};
use versioned_core::{Error, Event, MIGRATIONS, Op, Outcome};

use super::backend::prelude::*;
use super::backend::{self, Backend, Conn, Db};

diesel::table! {
    copies {
        id -> BigInt,
        price -> BigInt,
        version -> BigInt,
        remark -> Nullable<VarChar>,
    }
}

/// `remark` is the replica's own: no event has it.
pub(crate) const COPIES: &str = "CREATE TABLE copies (
    id BIGINT PRIMARY KEY,
    price BIGINT NOT NULL,
    version BIGINT NOT NULL,
    remark VARCHAR(100)
)";

/// A replica of tickets.
pub(crate) trait Replica: Dependent<Backend> + Serialize + Clone + Send + 'static {
    fn new(id: i64, price: i64, version: i64) -> Self;
    fn facts(&self) -> (i64, i64, i64);
}

macro_rules! replicas {
    ($($(#[$docs:meta])* $name:ident($($keys:tt)*);)*) => {$(
        $(#[$docs])*
        #[derive(Debug, Clone, PartialEq, Queryable, Selectable, Serialize, Deserialize, Versioned)]
        #[diesel(table_name = copies)]
        #[versioned(dependent, entity = "tickets", $($keys)*)]
        pub(crate) struct $name {
            id: i64,
            price: i64,
            version: i64,
        }

        impl Replica for $name {
            fn new(id: i64, price: i64, version: i64) -> Self {
                Self { id, price, version }
            }

            fn facts(&self) -> (i64, i64, i64) {
                (self.id, self.price, self.version)
            }
        }
    )*};
}

replicas! {
    SequentialPosition();
    SequentialPark(gap = "park");
    LatestPosition(policy = "latest");
    SequentialRow(guard = "row");
    LatestRow(policy = "latest", guard = "row");
}

/// Instantiates a generic scenario for each kind of replica that is named.
macro_rules! for_each_replica {
    ($scenario:ident: $($name:ident $replica:ident),+ $(,)?) => {
        mod $scenario {
            $(
                #[test]
                fn $name() {
                    super::$scenario::<super::$replica>();
                }
            )+
        }
    };
    ($scenario:ident) => {
        for_each_replica!($scenario:
            sequential_position SequentialPosition,
            sequential_park SequentialPark,
            latest_position LatestPosition,
            sequential_row SequentialRow,
            latest_row LatestRow,
        );
    };
    ($scenario:ident remembers deletions) => {
        for_each_replica!($scenario:
            sequential_position SequentialPosition,
            sequential_park SequentialPark,
            latest_position LatestPosition,
        );
    };
}
use for_each_replica;

/// A fresh replica database.
fn replica() -> (Db, Conn) {
    let db = Db::fresh(COPIES);
    let mut conn = db.connect();
    migrate(&mut conn);
    (db, conn)
}

pub(crate) fn migrate(conn: &mut Conn) {
    use diesel_migrations::MigrationHarness as _;
    conn.run_pending_migrations(MIGRATIONS).unwrap();
}

pub(crate) fn event<M: Replica>(op: Op, id: i64, version: i64, price: i64) -> Event<M> {
    Event {
        entity: "tickets".into(),
        key: id.to_string(),
        version,
        op,
        at: "2026-11-23T05:10:00Z".into(),
        data: matches!(op, Op::Created | Op::Updated | Op::Snapshot)
            .then(|| M::new(id, price, version)),
        trace: None,
        metadata: None,
    }
}

fn created<M: Replica>(price: i64) -> Event<M> {
    event(Op::Created, 7, 1, price)
}

fn updated<M: Replica>(version: i64, price: i64) -> Event<M> {
    event(Op::Updated, 7, version, price)
}

fn deleted<M: Replica>(version: i64) -> Event<M> {
    event(Op::Deleted, 7, version, 0)
}

/// Applies events that must each be applied.
#[track_caller]
fn apply_each<M: Replica>(conn: &mut Conn, events: &[Event<M>]) {
    for event in events {
        assert_eq!(
            M::apply(event, conn).unwrap(),
            Outcome::Applied,
            "version {}",
            event.version
        );
    }
}

type Row = (i64, i64, i64, Option<String>);

/// The row of ticket 7, read by Diesel alone.
fn row(conn: &mut Conn) -> Option<Row> {
    copies::table.find(7).first(conn).optional().unwrap()
}

#[allow(clippy::unnecessary_wraps, reason = "it is compared with `row`")]
fn at(price: i64, version: i64) -> Option<Row> {
    Some((7, price, version, None))
}
