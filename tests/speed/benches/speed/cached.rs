//! The `UPDATE` as a statement written by hand that Diesel keeps prepared: what is left between it and the raw driver is
//! Diesel's own.

use std::rc::Rc;

use diesel::backend::Backend;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::serialize::ToSql;
use diesel::sql_types::{BigInt, Text};
use diesel_async::{AsyncConnection as _, AsyncPgConnection};
use tokio::runtime::Runtime;
use versioned_core::prelude::OwnerDsl;

use crate::tickets::{Operation, Ticket, Writer};

pub(crate) struct Save<'a> {
    ticket: &'a Ticket,
    next: i64,
}

impl QueryId for Save<'_> {
    type QueryId = Save<'static>;
}

impl<C> RunQueryDsl<C> for Save<'_> {}

impl<DB> QueryFragment<DB> for Save<'_>
where
    DB: Backend,
    String: ToSql<Text, DB>,
    i64: ToSql<BigInt, DB>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql("UPDATE tickets SET title = ");
        out.push_bind_param::<Text, _>(&self.ticket.title)?;
        out.push_sql(", price = ");
        out.push_bind_param::<BigInt, _>(&self.ticket.price)?;
        out.push_sql(", version = ");
        out.push_bind_param::<BigInt, _>(&self.next)?;
        out.push_sql(" WHERE id = ");
        out.push_bind_param::<BigInt, _>(&self.ticket.id)?;
        out.push_sql(" AND version = ");
        out.push_bind_param::<BigInt, _>(&self.ticket.version)
    }
}

/// Saves, and nothing else.
pub(crate) struct Cached<C>(pub(crate) C);

/// A connection of diesel-async.
pub(crate) struct Waiting {
    runtime: Rc<Runtime>,
    conn: AsyncPgConnection,
}

impl Cached<Waiting> {
    pub(crate) fn open(runtime: &Rc<Runtime>, url: &str) -> Self {
        Self(Waiting {
            runtime: runtime.clone(),
            conn: runtime.block_on(AsyncPgConnection::establish(url)).unwrap(),
        })
    }
}

/// What both fronts have in common.
pub(crate) trait SaveOnly {
    fn insert(&mut self, ticket: &mut Ticket);

    fn execute(&mut self, save: Save<'_>) -> usize;
}

macro_rules! on {
    ($($conn:ty),*) => {$(
        impl SaveOnly for $conn {
            fn insert(&mut self, ticket: &mut Ticket) {
                OwnerDsl::insert(ticket, self).unwrap();
            }

            fn execute(&mut self, save: Save<'_>) -> usize {
                RunQueryDsl::execute(save, self).unwrap()
            }
        }
    )*};
}

on!(PgConnection, SqliteConnection, MysqlConnection);

impl SaveOnly for Waiting {
    fn insert(&mut self, ticket: &mut Ticket) {
        let insert = versioned_core::async_prelude::OwnerDsl::insert(ticket, &mut self.conn);
        self.runtime.block_on(insert).unwrap();
    }

    fn execute(&mut self, save: Save<'_>) -> usize {
        let saved = diesel_async::RunQueryDsl::execute(save, &mut self.conn);
        self.runtime.block_on(saved).unwrap()
    }
}

impl<C: SaveOnly> Writer for Cached<C> {
    fn insert(&mut self, ticket: &mut Ticket) {
        self.0.insert(ticket);
    }

    fn save(&mut self, ticket: &mut Ticket) {
        let next = ticket.version + 1;
        assert_eq!(self.0.execute(Save { ticket, next }), 1);
        ticket.version = next;
    }

    fn stale(&mut self, _ticket: &mut Ticket) {
        unreachable!("it only saves");
    }

    fn touch(&mut self, _ticket: &mut Ticket) {
        unreachable!("it only saves");
    }

    fn delete(&mut self, _ticket: &mut Ticket) {
        unreachable!("it only saves");
    }

    fn can(&self, operation: Operation) -> bool {
        operation == Operation::Save
    }
}
