//! Diesel's own `save_changes`, which blocking connections have.

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use versioned_core::version_trigger;

use super::backend::prelude::*;
use super::backend::{Backend, Conn};
use super::scenarios::{Ticket, assert_stale, tickets, two_sessions};

/// As an application has it that knows nothing of versions: the version is a column like another.
#[derive(Debug, Clone, PartialEq, Queryable, Identifiable, AsChangeset)]
#[diesel(table_name = tickets)]
struct Plain {
    id: i64,
    title: String,
    price: i64,
    note: Option<String>,
    version: i64,
}

impl Plain {
    fn load(conn: &mut Conn) -> Self {
        tickets::table.find(7).first(conn).unwrap()
    }

    fn save(&self, conn: &mut Conn) -> Self {
        self.save_changes(conn).unwrap()
    }
}

#[test]
fn a_stale_save_changes_moves_the_version_too() {
    let (_db, mut conn, mut theirs) = two_sessions();
    for statement in version_trigger::<Ticket, Backend>().unwrap().up {
        conn.batch_execute(&statement).unwrap();
    }
    let mut ticket = Ticket::inserted(&mut conn);
    let mut plain = Plain::load(&mut theirs);
    for version in 2..=5 {
        ticket.price += 1;
        ticket.save(&mut conn).unwrap();
        assert_eq!(ticket.version, version);
    }
    plain.price = 1;
    let stale = plain.save(&mut theirs);
    assert_eq!((stale.price, stale.version), (1, 6));
    assert_eq!(Plain::load(&mut conn), stale);

    assert_stale(ticket.save(&mut conn), 5, 6);
    ticket.reload(&mut conn).unwrap();
    ticket.save(&mut conn).unwrap();
    assert_eq!((ticket.price, ticket.version), (1, 7));

    // One that is not stale moves it as well.
    let fresh = Plain::load(&mut theirs).save(&mut theirs);
    assert_eq!(fresh.version, 8);
    assert_stale(ticket.save(&mut conn), 7, 8);
}
