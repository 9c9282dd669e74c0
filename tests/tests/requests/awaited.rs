//! Requests by way of the async front.

use std::time::Duration;

use versioned_core::model::FromJson;
use versioned_core::requests::{self, Plan, Redrive, Request, RequestItem};
use versioned_core::{Dependent, Result};

use versioned_tests::asynchronous::block_on;

use super::backend::{Backend, Conn};

pub(super) fn plan(redrive: &Redrive, conn: &mut Conn) -> Result<Plan> {
    block_on(redrive.plan_async(conn))
}

pub(super) fn store(redrive: &Redrive, conn: &mut Conn) -> Result<Request> {
    block_on(redrive.store_async(conn))
}

pub(super) fn execute<M: Dependent<Backend> + FromJson>(
    conn: &mut Conn,
) -> Result<Option<Duration>> {
    block_on(requests::execute_redrives_async::<M, _>(conn))
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
