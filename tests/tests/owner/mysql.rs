use versioned_tests::mysql as backend;

#[path = "lock_timeouts.rs"]
mod lock_timeouts;
#[path = "row_locks.rs"]
mod row_locks;
#[path = "scenarios/mod.rs"]
mod scenarios;
#[path = "snapshots.rs"]
mod snapshots;

/// A limit that the guide names: MySQL and MariaDB bind a statement to the database in which it was
/// prepared.
#[test]
fn a_prepared_statement_stays_in_its_database_after_use() {
    use diesel::connection::SimpleConnection as _;
    use versioned_core::prelude::*;

    use scenarios::{TICKETS, Ticket};

    let (one, two) = (backend::Db::fresh(TICKETS), backend::Db::fresh(TICKETS));
    let mut conn = one.connect();
    let mut ticket = Ticket::inserted(&mut conn);
    ticket.save(&mut conn).unwrap();
    let name = two.url().rsplit('/').next().unwrap();
    conn.batch_execute(&format!("USE {name}")).unwrap();
    ticket.save(&mut conn).unwrap();
    assert_eq!(Ticket::row(7, &mut one.connect()), Some(ticket));
    assert_eq!(Ticket::row(7, &mut two.connect()), None);
}
