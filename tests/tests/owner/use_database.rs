//! `USE`, which changes the database of a connection: MySQL and MariaDB.

use diesel::connection::SimpleConnection as _;

use super::backend::Db;
use super::backend::prelude::*;
use super::scenarios::{TICKETS, Ticket};

/// A limit that the guide names: MySQL and MariaDB bind a statement to the database in which it was
/// prepared.
#[test]
fn a_prepared_statement_stays_in_its_database_after_use() {
    let (one, two) = (Db::fresh(TICKETS), Db::fresh(TICKETS));
    let mut conn = one.connect();
    let mut ticket = Ticket::inserted(&mut conn);
    ticket.save(&mut conn).unwrap();
    let name = two.url().rsplit('/').next().unwrap();
    conn.batch_execute(&format!("USE {name}")).unwrap();
    ticket.save(&mut conn).unwrap();
    assert_eq!(Ticket::row(7, &mut one.connect()), Some(ticket));
    assert_eq!(Ticket::row(7, &mut two.connect()), None);
}
