//! What one writes by hand with Diesel's own query builder, and the crate `diesel_versioning`, which does it for one.

use diesel::prelude::*;
use diesel_versioning::Versioned as _;

use crate::tickets::{Operation, Ticket, Writer, tickets};

/// Diesel's query builder, on this connection.
pub(crate) struct ByHand<C>(pub(crate) C);

/// The crate `diesel_versioning`, on this connection. It has no insert and no touch, and does not say why it refuses.
pub(crate) struct Incumbent<C>(pub(crate) C);

/// The values of a new row.
macro_rules! row {
    ($ticket:expr) => {
        (
            tickets::id.eq($ticket.id),
            tickets::title.eq(&$ticket.title),
            tickets::price.eq($ticket.price),
            tickets::version.eq($ticket.version),
        )
    };
}

/// What a save sets.
macro_rules! changes {
    ($ticket:expr) => {
        (
            tickets::title.eq(&$ticket.title),
            tickets::price.eq($ticket.price),
            tickets::version.eq($ticket.version + 1),
        )
    };
}

/// The row, if it is at the version that was loaded.
macro_rules! guarded {
    ($ticket:expr) => {
        tickets::table
            .find($ticket.id)
            .filter(tickets::version.eq($ticket.version))
    };
}

pub(crate) use {changes, guarded, row};

/// Many saves, all or none.
pub(crate) trait SaveLoop {
    fn save_loop(&mut self, tickets: &mut [Ticket]);
}

macro_rules! on {
    ($($conn:ty),*) => {$(
        impl Writer for ByHand<$conn> {
            fn insert(&mut self, ticket: &mut Ticket) {
                let insert = diesel::insert_into(tickets::table).values(row!(ticket));
                insert.execute(&mut self.0).unwrap();
            }

            fn save(&mut self, ticket: &mut Ticket) {
                let save = diesel::update(guarded!(ticket)).set(changes!(ticket));
                assert_eq!(save.execute(&mut self.0).unwrap(), 1);
                ticket.version += 1;
            }

            fn stale(&mut self, ticket: &mut Ticket) {
                let save = diesel::update(guarded!(ticket)).set(changes!(ticket));
                assert_eq!(save.execute(&mut self.0).unwrap(), 0);
                let look = tickets::table.find(ticket.id).select(tickets::version);
                assert_ne!(look.first::<i64>(&mut self.0).unwrap(), ticket.version);
            }

            fn touch(&mut self, ticket: &mut Ticket) {
                let touch = diesel::update(guarded!(ticket)).set(tickets::version.eq(ticket.version + 1));
                assert_eq!(touch.execute(&mut self.0).unwrap(), 1);
                ticket.version += 1;
            }

            fn delete(&mut self, ticket: &mut Ticket) {
                let delete = diesel::delete(guarded!(ticket));
                assert_eq!(delete.execute(&mut self.0).unwrap(), 1);
                ticket.version += 1;
            }
        }

        impl Writer for Incumbent<$conn> {
            fn insert(&mut self, ticket: &mut Ticket) {
                let insert = diesel::insert_into(tickets::table).values(row!(ticket));
                insert.execute(&mut self.0).unwrap();
            }

            fn save(&mut self, ticket: &mut Ticket) {
                ticket.update_versioned(&mut self.0).unwrap();
            }

            fn stale(&mut self, ticket: &mut Ticket) {
                ticket.update_versioned(&mut self.0).unwrap_err();
            }

            fn touch(&mut self, ticket: &mut Ticket) {
                self.save(ticket);
            }

            fn delete(&mut self, ticket: &mut Ticket) {
                ticket.delete_versioned(&mut self.0).unwrap();
            }

            fn can(&self, operation: Operation) -> bool {
                !matches!(operation, Operation::Insert | Operation::Touch)
            }
        }

        impl SaveLoop for ByHand<$conn> {
            fn save_loop(&mut self, tickets: &mut [Ticket]) {
                self.0
                    .transaction(|conn| {
                        for ticket in &mut *tickets {
                            let save = diesel::update(guarded!(ticket)).set(changes!(ticket));
                            assert_eq!(save.execute(conn)?, 1);
                            ticket.version += 1;
                        }
                        QueryResult::Ok(())
                    })
                    .unwrap();
            }
        }
    )*};
}

on!(PgConnection, SqliteConnection, MysqlConnection);
