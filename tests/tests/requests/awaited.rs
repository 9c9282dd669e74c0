//! Requests by way of the async front.

use std::time::Duration;

use versioned_core::inspect::{self, Filter, Letter};
use versioned_core::model::FromJson;
use versioned_core::outbox::Shutdown;
use versioned_core::requests::{
    self, AsyncResender, Forget, Plan, Redrive, Request, RequestItem, Resend,
};
use versioned_core::{Dependent, Result};

use versioned_tests::asynchronous::block_on;

use super::backend::{Backend, Conn};
use super::scenarios::Ticket;

pub(super) fn plan(redrive: &Redrive, conn: &mut Conn) -> Result<Plan> {
    block_on(redrive.plan_async(conn))
}

pub(super) fn letters(filter: &Filter, conn: &mut Conn) -> Result<Vec<Letter>> {
    block_on(inspect::letters_async(filter, 0, 100, conn))
}

pub(super) fn store(redrive: &Redrive, conn: &mut Conn) -> Result<Request> {
    block_on(redrive.store_async(conn))
}

pub(super) fn execute<M: Dependent<Backend> + FromJson>(
    conn: &mut Conn,
) -> Result<Option<Duration>> {
    block_on(requests::execute_async::<M, _>(conn))
}

pub(super) fn list(after: i64, most: usize, conn: &mut Conn) -> Result<Vec<Request>> {
    block_on(requests::list_async(after, most, conn))
}

pub(super) fn find(id: i64, conn: &mut Conn) -> Result<Option<Request>> {
    block_on(requests::find_async(id, conn))
}

pub(super) fn results(
    id: i64,
    after: i64,
    most: usize,
    conn: &mut Conn,
) -> Result<Vec<RequestItem>> {
    block_on(requests::results_async(id, after, most, conn))
}

pub(super) fn newer(id: i64, conn: &mut Conn) -> Result<u64> {
    block_on(requests::newer_async(id, conn))
}

pub(super) fn cancel(id: i64, conn: &mut Conn) -> Result<bool> {
    block_on(requests::cancel_async(id, conn))
}

pub(super) fn forget(forget: &Forget, conn: &mut Conn) -> Result<Request> {
    block_on(forget.store_async(conn))
}

pub(super) fn ask(resend: &Resend, conn: &mut Conn) -> Result<Request> {
    block_on(resend.store_async(conn))
}

/// A look of a service that has the model, or none.
pub(super) fn send(has_model: bool, conn: &mut Conn) -> Result<Option<Duration>> {
    let mut resender = AsyncResender::new();
    if has_model {
        resender = resender.model::<Ticket>();
    }
    block_on(resender.run_once(conn))
}

/// Runs a service until the shutdown.
pub(super) fn run(connect: impl Fn() -> Conn + Send + Sync, shutdown: Shutdown) {
    let resender = AsyncResender::new().model::<Ticket>();
    let resender = resender
        .poll(Duration::from_millis(10))
        .on_problem(|problem| panic!("{problem}"));
    let connect = || std::future::ready(Ok::<_, String>(connect()));
    block_on(resender.run(connect, shutdown));
}
