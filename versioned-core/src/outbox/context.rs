//! The cause of an event: its trace and its metadata.

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::task::{self, Poll};

use serde_json::Value;

thread_local! {
    static CURRENT: RefCell<Context> = RefCell::new(Context::default());
}

/// The cause of some writes, which their events carry: the `traceparent` of the request, and
/// metadata of the application.
///
/// It applies to the writes inside a [scope](Context::scope). If scopes are nested, the innermost
/// one applies.
///
/// ```
/// # use diesel::prelude::*;
/// # use diesel_migrations::MigrationHarness;
/// # use versioned_core::prelude::*;
/// use versioned_core::outbox::Context;
/// # diesel::table! { tickets { id -> BigInt, price -> BigInt, version -> BigInt, } }
/// # #[derive(Queryable, Selectable, serde::Serialize, Versioned)]
/// # #[diesel(table_name = tickets)]
/// # #[versioned(owner, outbox)]
/// # struct Ticket { id: i64, price: i64, version: i64 }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
/// # let conn = &mut SqliteConnection::establish(":memory:")?;
/// # conn.run_pending_migrations(versioned_core::MIGRATIONS)?;
/// # diesel::sql_query("CREATE TABLE tickets (id BIGINT PRIMARY KEY, price BIGINT, version BIGINT NOT NULL)").execute(conn)?;
/// # let mut ticket = Ticket { id: 7, price: 20, version: 0 };
/// let context = Context::new()
///     .trace("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
///     .metadata(serde_json::json!({ "user": 12 }));
/// context.scope(|| ticket.insert(conn).map(drop))?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Context {
    pub(crate) trace: Option<String>,
    pub(crate) metadata: Option<Value>,
}

impl Context {
    /// Returns an empty context.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the W3C `traceparent` of the request that causes the writes:
    /// [`Event::trace`](crate::Event::trace).
    #[must_use]
    pub fn trace(self, traceparent: impl Into<String>) -> Self {
        Self {
            trace: Some(traceparent.into()),
            ..self
        }
    }

    /// Sets metadata of the application: [`Event::metadata`](crate::Event::metadata).
    #[must_use]
    pub fn metadata(self, metadata: impl Into<Value>) -> Self {
        Self {
            metadata: Some(metadata.into()),
            ..self
        }
    }

    /// Runs `writes`. Their events carry this context.
    pub fn scope<R>(self, writes: impl FnOnce() -> R) -> R {
        let _outer = Outer::replaced_by(self);
        writes()
    }

    /// Runs a future. The events of its writes carry this context, whichever thread polls it.
    pub fn scope_async<F: Future>(self, writes: F) -> impl Future<Output = F::Output> {
        Scoped {
            context: self,
            writes: Box::pin(writes),
        }
    }

    pub(crate) fn current() -> Self {
        CURRENT.with_borrow(Clone::clone)
    }
}

/// Restores the outer context, also after a panic.
struct Outer(Context);

impl Outer {
    fn replaced_by(context: Context) -> Self {
        Self(CURRENT.replace(context))
    }
}

impl Drop for Outer {
    fn drop(&mut self) {
        CURRENT.set(std::mem::take(&mut self.0));
    }
}

struct Scoped<F> {
    context: Context,
    writes: Pin<Box<F>>,
}

impl<F: Future> Future for Scoped<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, task: &mut task::Context<'_>) -> Poll<F::Output> {
        let context = self.context.clone();
        let _outer = Outer::replaced_by(context);
        self.writes.as_mut().poll(task)
    }
}
