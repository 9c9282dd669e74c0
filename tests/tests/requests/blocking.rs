//! Requests by way of the blocking front.

use std::time::Duration;

use versioned_core::inspect::{self, Filter, Letter};
use versioned_core::model::FromJson;
use versioned_core::outbox::Shutdown;
use versioned_core::requests::{
    self, Forget, Plan, Redrive, Request, RequestItem, Resend, Resender,
};
use versioned_core::{Dependent, Result};

use super::backend::{Backend, Conn};
use super::scenarios::Ticket;

pub(super) fn plan(redrive: &Redrive, conn: &mut Conn) -> Result<Plan> {
    redrive.plan(conn)
}

/// The letters of all replicas that a filter matches.
pub(super) fn letters(filter: &Filter, conn: &mut Conn) -> Result<Vec<Letter>> {
    inspect::letters(filter, 0, 100, conn)
}

pub(super) fn store(redrive: &Redrive, conn: &mut Conn) -> Result<Request> {
    redrive.store(conn)
}

pub(super) fn execute<M: Dependent<Backend> + FromJson>(
    conn: &mut Conn,
) -> Result<Option<Duration>> {
    requests::execute::<M, _>(conn)
}

pub(super) fn list(after: i64, most: usize, conn: &mut Conn) -> Result<Vec<Request>> {
    requests::list(after, most, conn)
}

pub(super) fn find(id: i64, conn: &mut Conn) -> Result<Option<Request>> {
    requests::find(id, conn)
}

pub(super) fn results(
    id: i64,
    after: i64,
    most: usize,
    conn: &mut Conn,
) -> Result<Vec<RequestItem>> {
    requests::results(id, after, most, conn)
}

pub(super) fn newer(id: i64, conn: &mut Conn) -> Result<u64> {
    requests::newer(id, conn)
}

pub(super) fn cancel(id: i64, conn: &mut Conn) -> Result<bool> {
    requests::cancel(id, conn)
}

pub(super) fn forget(forget: &Forget, conn: &mut Conn) -> Result<Request> {
    forget.store(conn)
}

pub(super) fn ask(resend: &Resend, conn: &mut Conn) -> Result<Request> {
    resend.store(conn)
}

/// A look of a service that has the model, or none.
pub(super) fn send(has_model: bool, conn: &mut Conn) -> Result<Option<Duration>> {
    let mut resender = Resender::new();
    if has_model {
        resender = resender.model::<Ticket>();
    }
    resender.run_once(conn)
}

/// Runs a service until the shutdown.
pub(super) fn run(connect: impl Fn() -> Conn + Send + Sync, shutdown: Shutdown) {
    let resender = Resender::new().model::<Ticket>();
    let resender = resender
        .poll(Duration::from_millis(10))
        .on_problem(|problem| panic!("{problem}"));
    resender.run(|| Ok::<_, String>(connect()), shutdown);
}
