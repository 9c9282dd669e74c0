//! The model, and those who write it: this toolkit, and under the same trait all whom it is compared with.

use std::cell::Cell;

use diesel::connection::LoadConnection;
use diesel::mysql::Mysql;
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sqlite::Sqlite;
use diesel_versioning::{Versioned, VersionedAsync};
use versioned_core::prelude::{Owner, OwnerDsl};

use crate::turns::{Candidate, Work};

diesel::table! {
    tickets {
        id -> BigInt,
        title -> VarChar,
        price -> BigInt,
        version -> BigInt,
    }
}

pub(crate) const TICKETS: &str = "CREATE TABLE tickets (
    id BIGINT PRIMARY KEY, title VARCHAR(100) NOT NULL, price BIGINT NOT NULL, version BIGINT NOT NULL
)";

/// What the raw drivers run.
pub(crate) const INSERT: &str =
    "INSERT INTO tickets (id, title, price, version) VALUES (?, ?, ?, ?)";
pub(crate) const SAVE: &str =
    "UPDATE tickets SET title = ?, price = ?, version = ? WHERE id = ? AND version = ?";
pub(crate) const TOUCH: &str = "UPDATE tickets SET version = ? WHERE id = ? AND version = ?";
pub(crate) const DELETE: &str = "DELETE FROM tickets WHERE id = ? AND version = ?";
pub(crate) const LOOK: &str = "SELECT version FROM tickets WHERE id = ?";

/// A ticket, as this toolkit and as the crate `diesel_versioning` derive it.
#[derive(
    Debug,
    Clone,
    Queryable,
    Selectable,
    Identifiable,
    AsChangeset,
    versioned_core::Versioned,
    Versioned,
    VersionedAsync,
)]
#[diesel(table_name = tickets)]
#[diesel(check_for_backend(Pg, Sqlite, Mysql))]
#[versioned(owner)]
pub(crate) struct Ticket {
    pub(crate) id: i64,
    pub(crate) title: String,
    pub(crate) price: i64,
    #[version]
    pub(crate) version: i64,
}

impl Ticket {
    pub(crate) fn new(id: i64) -> Self {
        Self {
            id,
            title: "concert".into(),
            price: 20,
            version: 1,
        }
    }
}

/// What can be done with one row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    Insert,
    Save,
    /// A save that is refused, and asks why.
    Stale,
    Touch,
    Delete,
}

impl Operation {
    /// Those that leave the table as it was come first.
    pub(crate) const ALL: [Self; 5] = [
        Self::Save,
        Self::Stale,
        Self::Touch,
        Self::Delete,
        Self::Insert,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Insert => "insert",
            Self::Save => "save",
            Self::Stale => "stale save",
            Self::Touch => "touch",
            Self::Delete => "delete",
        }
    }
}

/// A writer of tickets, on a connection of its own.
pub(crate) trait Writer {
    /// Inserts the ticket at version 1.
    fn insert(&mut self, ticket: &mut Ticket);

    /// Saves the ticket, and moves its version.
    fn save(&mut self, ticket: &mut Ticket);

    /// Fails to save the ticket, whose row is at another version, and looks at which.
    fn stale(&mut self, ticket: &mut Ticket);

    fn touch(&mut self, ticket: &mut Ticket);

    fn delete(&mut self, ticket: &mut Ticket);

    /// Not everybody can do everything.
    fn can(&self, _operation: Operation) -> bool {
        true
    }
}

/// This toolkit.
pub(crate) struct Ours<C>(pub(crate) C);

impl<C> Writer for Ours<C>
where
    C: LoadConnection,
    Ticket: Owner<C::Backend>,
{
    fn insert(&mut self, ticket: &mut Ticket) {
        OwnerDsl::insert(ticket, &mut self.0).unwrap();
    }

    fn save(&mut self, ticket: &mut Ticket) {
        OwnerDsl::save(ticket, &mut self.0).unwrap();
    }

    fn stale(&mut self, ticket: &mut Ticket) {
        let error = OwnerDsl::save(ticket, &mut self.0).unwrap_err();
        assert!(error.is_conflict(), "{error}");
    }

    fn touch(&mut self, ticket: &mut Ticket) {
        OwnerDsl::touch(ticket, &mut self.0).unwrap();
    }

    fn delete(&mut self, ticket: &mut Ticket) {
        OwnerDsl::delete(ticket, &mut self.0).unwrap();
    }
}

/// A writer who does one operation again and again.
pub(crate) fn candidate<'a>(
    name: &'static str,
    operation: Operation,
    writer: &'a mut (dyn Writer + 'a),
) -> Option<Candidate<'a>> {
    if !writer.can(operation) {
        return None;
    }
    let mut ticket = Ticket::new(next_id());
    writer.insert(&mut ticket);
    if operation == Operation::Stale {
        writer.save(&mut ticket);
    }
    let tickets = Vec::new();
    Some((
        name,
        Box::new(Again {
            writer,
            operation,
            ticket,
            tickets,
        }),
    ))
}

/// Of all tickets of this run.
fn next_id() -> i64 {
    thread_local!(static LAST: Cell<i64> = const { Cell::new(0) });
    LAST.set(LAST.get() + 1);
    LAST.get()
}

struct Again<'a> {
    writer: &'a mut (dyn Writer + 'a),
    operation: Operation,
    /// The one that is written again and again.
    ticket: Ticket,
    /// Those that are inserted or deleted in the next turn.
    tickets: Vec<Ticket>,
}

impl Work for Again<'_> {
    fn ready(&mut self, times: u32) {
        if matches!(self.operation, Operation::Insert | Operation::Delete) {
            self.tickets = (0..times).map(|_| Ticket::new(next_id())).collect();
        }
        if self.operation == Operation::Delete {
            for ticket in &mut self.tickets {
                self.writer.insert(ticket);
            }
        }
    }

    fn work(&mut self) {
        let (writer, ticket) = (&mut self.writer, &mut self.ticket);
        match self.operation {
            Operation::Insert => writer.insert(&mut self.tickets.pop().unwrap()),
            Operation::Delete => writer.delete(&mut self.tickets.pop().unwrap()),
            Operation::Save => {
                ticket.price += 1;
                writer.save(ticket);
            }
            Operation::Touch => writer.touch(ticket),
            Operation::Stale => {
                // Not everybody leaves the version alone.
                ticket.version = 1;
                writer.stale(ticket);
            }
        }
    }
}
