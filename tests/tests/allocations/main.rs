//! The good path of a write allocates nothing: what is counted here is Diesel's own, and as much as that of a statement
//! written by hand, with a static `QueryId`, on the same connection.

#![allow(
    clippy::unwrap_used,
    missing_docs,
    reason = "clippy.toml exempts what is inside a test, and not its helpers; `table!` has no docs"
)]

mod forms;

use allocation_counter::{AllocationInfo, measure};
use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::sql_types::{BigInt, Text};
use diesel::sqlite::Sqlite;
use versioned_core::prelude::*;

diesel::table! {
    tickets {
        id -> BigInt,
        title -> Text,
        price -> BigInt,
        version -> BigInt,
    }
}

const TICKETS: &str = "CREATE TABLE tickets (
    id BIGINT PRIMARY KEY, title TEXT NOT NULL, price BIGINT NOT NULL, version BIGINT NOT NULL
)";

#[derive(Debug, Clone, Queryable, Selectable, Versioned)]
#[diesel(table_name = tickets)]
#[versioned(owner)]
struct Ticket {
    id: i64,
    title: String,
    price: i64,
    version: i64,
}

fn inserted(id: i64, conn: &mut SqliteConnection) -> Ticket {
    let mut ticket = Ticket {
        id,
        title: "concert".to_owned(),
        price: 20,
        version: 0,
    };
    ticket.insert(conn).unwrap();
    ticket
}

fn database() -> SqliteConnection {
    let mut conn = SqliteConnection::establish(":memory:").unwrap();
    conn.batch_execute(TICKETS).unwrap();
    conn
}

/// The statements, by hand.
struct SaveByHand<'a> {
    title: &'a str,
    price: &'a i64,
    next: &'a i64,
    row: [i64; 2],
}

impl QueryFragment<Sqlite> for SaveByHand<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        out.push_sql("UPDATE `tickets` SET `title` = ");
        out.push_bind_param::<Text, _>(self.title)?;
        out.push_sql(", `price` = ");
        out.push_bind_param::<BigInt, _>(self.price)?;
        out.push_sql(", `version` = ");
        out.push_bind_param::<BigInt, _>(self.next)?;
        guard(&self.row, out)
    }
}

struct DeleteByHand {
    row: [i64; 2],
}

impl QueryFragment<Sqlite> for DeleteByHand {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        out.push_sql("DELETE FROM `tickets`");
        guard(&self.row, out)
    }
}

fn guard<'b>(row: &'b [i64; 2], mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
    let [id, version] = row;
    out.push_sql(" WHERE `id` = ");
    out.push_bind_param::<BigInt, _>(id)?;
    out.push_sql(" AND `version` = ");
    out.push_bind_param::<BigInt, _>(version)
}

/// Each is prepared once.
macro_rules! prepared_once {
    ($($statement:ty, $id:ty;)*) => {$(
        impl QueryId for $statement {
            type QueryId = $id;
        }

        impl<C> RunQueryDsl<C> for $statement {}
    )*};
}

prepared_once! {
    SaveByHand<'_>, SaveByHand<'static>;
    DeleteByHand, DeleteByHand;
}

/// Compares what the last of some tickets allocates, when the statements are prepared.
fn compare(
    ours: impl Fn(&mut Ticket, &mut SqliteConnection),
    by_hand: impl Fn(&mut Ticket, &mut SqliteConnection),
) {
    let conn = &mut database();
    let mut tickets: Vec<_> = (0..6).map(|id| inserted(id, conn)).collect();
    let mut counts = [AllocationInfo::default(); 2];
    for pair in tickets.chunks_mut(2) {
        let [one, other] = pair else {
            unreachable!("an even number of tickets")
        };
        counts = [
            measure(|| ours(one, conn)),
            measure(|| by_hand(other, conn)),
        ];
        assert_eq!(one.version, other.version);
    }
    let [ours, by_hand] = counts;
    assert!(
        by_hand.count_total > 0,
        "Diesel's own allocations are counted"
    );
    assert_eq!(ours, by_hand);
}

#[test]
fn a_save_allocates_nothing_of_its_own() {
    compare(
        |ticket, conn| {
            ticket.save(conn).unwrap();
        },
        |ticket, conn| {
            let next = ticket.version + 1;
            let Ticket {
                id,
                title,
                price,
                version,
            } = ticket;
            let statement = SaveByHand {
                title,
                price,
                next: &next,
                row: [*id, *version],
            };
            assert_eq!(statement.execute(conn).unwrap(), 1);
            ticket.version = next;
        },
    );
}

/// It answers with the row, which is loaded as any other is; the change owns it. Besides, it has two binds more.
#[test]
fn a_touch_allocates_the_row() {
    let conn = &mut database();
    let mut ticket = inserted(7, conn);
    let mut counts = (0, 0);
    for _ in 0..3 {
        let touched = measure(|| {
            ticket.touch(conn).unwrap();
        });
        let loaded = measure(|| {
            Ticket::find(&7, conn).unwrap();
        });
        counts = (touched.count_total, loaded.count_total);
    }
    let (touched, loaded) = counts;
    assert!(loaded > 0, "Diesel's own allocations are counted");
    assert_eq!(touched, loaded + 2);
}

#[test]
fn a_deletion_allocates_nothing_of_its_own() {
    compare(
        |ticket, conn| {
            ticket.delete(conn).unwrap();
        },
        |ticket, conn| {
            let statement = DeleteByHand {
                row: [ticket.id, ticket.version],
            };
            assert_eq!(statement.execute(conn).unwrap(), 1);
            ticket.version += 1;
        },
    );
}
