//! The same `UPDATE` on diesel-async, as a statement written by hand that it keeps prepared: what is left between it and
//! tokio-postgres is diesel-async's own.

use std::rc::Rc;

use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::sql_types::{BigInt, VarChar};
use diesel_async::{AsyncConnection as _, AsyncPgConnection};
use tokio::runtime::Runtime;

use crate::tickets::{Operation, Ticket, Writer};

struct Save<'a> {
    ticket: &'a Ticket,
    next: i64,
}

impl QueryId for Save<'_> {
    type QueryId = Save<'static>;
}

impl QueryFragment<Pg> for Save<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("UPDATE tickets SET title = ");
        out.push_bind_param::<VarChar, _>(&self.ticket.title)?;
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
pub(crate) struct Cached {
    runtime: Rc<Runtime>,
    conn: AsyncPgConnection,
}

impl Cached {
    pub(crate) fn open(runtime: &Rc<Runtime>, url: &str) -> Self {
        Self {
            runtime: runtime.clone(),
            conn: runtime.block_on(AsyncPgConnection::establish(url)).unwrap(),
        }
    }
}

impl Writer for Cached {
    fn insert(&mut self, ticket: &mut Ticket) {
        let insert = versioned_core::async_prelude::OwnerDsl::insert(ticket, &mut self.conn);
        self.runtime.block_on(insert).unwrap();
    }

    fn save(&mut self, ticket: &mut Ticket) {
        let next = ticket.version + 1;
        let save = Save { ticket, next };
        let saved = diesel_async::RunQueryDsl::execute(save, &mut self.conn);
        assert_eq!(self.runtime.block_on(saved).unwrap(), 1);
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
