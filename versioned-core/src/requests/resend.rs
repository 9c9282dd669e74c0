//! Asks for records of an owner.

use diesel::connection::LoadConnection;
#[cfg(feature = "async")]
use diesel_async::AsyncConnection;

use crate::error::Result;
use crate::filter::Filter;
#[cfg(feature = "async")]
use crate::front::asynchronous::AsyncExecutor;
use crate::front::blocking::{BlockingExecutor, poll_ready};
use crate::operation::requests::{Subject, store};
use crate::outbox::SupportedBackend;
use crate::request::{Request, RequestKind, Terms};

/// Asks for records of an owner: the service sends their present state again, as
/// [`resend`](crate::prelude::OwnerDsl::resend) does. A [`Resender`](super::Resender) executes it.
///
/// ```
/// use versioned_core::requests::Resend;
///
/// let two = Resend::records("tickets", ["42", "43"]);
/// let all = Resend::all("tickets").rate(500).max_pending(2_000);
/// ```
#[derive(Debug, Clone)]
pub struct Resend {
    entity: String,
    keys: Vec<String>,
    terms: Terms,
}

impl Resend {
    /// Asks for the records with these keys, as they are in the events of the entity. A key that is
    /// given twice counts once.
    pub fn records<K: Into<String>>(
        entity: impl Into<String>,
        keys: impl IntoIterator<Item = K>,
    ) -> Self {
        let mut keys: Vec<String> = keys.into_iter().map(Into::into).collect();
        // In one order, because a step locks several rows.
        keys.sort_unstable();
        keys.dedup();
        let chosen = keys.len() as u64;
        Self {
            terms: Terms {
                chosen,
                limit: chosen,
                ..Self::terms()
            },
            entity: entity.into(),
            keys,
        }
    }

    /// Asks for all records of an entity, and for its deletions if the owner has `tombstones`. The
    /// request counts them, and has no result for each record.
    ///
    /// Records that are created meanwhile may be sent too.
    pub fn all(entity: impl Into<String>) -> Self {
        Self {
            terms: Terms {
                chosen: u64::MAX,
                limit: u64::MAX,
                everything: true,
                ..Self::terms()
            },
            entity: entity.into(),
            keys: Vec::new(),
        }
    }

    fn terms() -> Terms {
        Terms {
            filter: Filter::new(),
            canary: 1,
            failures: 10,
            pending: Some(1_000),
            ..Terms::default()
        }
    }

    /// Sets the maximum number of records, those with the smallest keys first. Records beyond it are
    /// not sent. By default there is no limit.
    #[must_use]
    pub fn limit(mut self, records: u64) -> Self {
        self.terms.chosen = self.terms.limit.min(records);
        self.keys
            .truncate(usize::try_from(records).unwrap_or(usize::MAX));
        self
    }

    /// Sets the maximum number of records per second. Without it, only [`max_pending`](Self::max_pending)
    /// limits the pace.
    #[must_use]
    pub fn rate(mut self, per_second: u32) -> Self {
        self.terms.rate = Some(per_second.max(1));
        self
    }

    /// Sets the number of pending events in the outbox at which the request waits for the relay. New
    /// events of writers therefore never wait for more than so many. The default is 1,000, and the
    /// minimum is 1.
    #[must_use]
    pub fn max_pending(mut self, events: u32) -> Self {
        self.terms.pending = Some(events.max(1));
        self
    }

    /// Sets the number of failures in a row after which the request stops. The default is 10, and the
    /// minimum is 1. A failure before the first record was sent stops it at once.
    #[must_use]
    pub fn max_failures(mut self, failures: u64) -> Self {
        self.terms.failures = failures.max(1);
        self
    }

    /// Says who asks, for the record.
    #[must_use]
    pub fn requested_by(mut self, name: impl Into<String>) -> Self {
        self.terms.by = Some(name.into());
        self
    }

    /// Says why, for the record.
    #[must_use]
    pub fn reason(mut self, text: impl Into<String>) -> Self {
        self.terms.why = Some(text.into());
        self
    }

    /// Stores the request and its keys in one transaction, and returns it. Without keys, it is done.
    ///
    /// ```sql
    /// INSERT INTO versioned_requests .. RETURNING id
    /// INSERT INTO versioned_request_items ..          -- for each key
    /// ```
    ///
    /// # Errors
    ///
    /// Returns [`Error::Database`](crate::Error::Database) if a statement fails, for example because
    /// the database has no [tables of requests](crate::Migrations::with_requests).
    pub fn store<C>(&self, conn: &mut C) -> Result<Request>
    where
        C: LoadConnection,
        C::Backend: SupportedBackend,
    {
        let mut executor = BlockingExecutor::new(conn);
        let terms = self.terms.clone();
        poll_ready(store::records(
            self.subject(),
            terms,
            &self.keys,
            &mut executor,
        ))
    }

    /// As [`store`](Self::store), on a connection of `diesel-async`.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`store`](Self::store).
    #[cfg(feature = "async")]
    #[allow(
        clippy::manual_async_fn,
        reason = "the future must be known to be `Send`"
    )]
    pub fn store_async<C>(&self, conn: &mut C) -> impl Future<Output = Result<Request>> + Send
    where
        C: AsyncConnection,
        C::Backend: SupportedBackend,
    {
        async move {
            let mut executor = AsyncExecutor::new(conn);
            store::records(
                self.subject(),
                self.terms.clone(),
                &self.keys,
                &mut executor,
            )
            .await
        }
    }

    fn subject(&self) -> Subject<'_> {
        Subject {
            kind: RequestKind::Resend,
            replica: "",
            entity: &self.entity,
        }
    }
}
