//! Asks for records of a replica to be forgotten.

use diesel::connection::LoadConnection;
#[cfg(feature = "async")]
use diesel_async::AsyncConnection;

use crate::error::Result;
#[cfg(feature = "async")]
use crate::front::asynchronous::AsyncExecutor;
use crate::front::blocking::{BlockingExecutor, poll_ready};
use crate::operation::requests::{Subject, store};
use crate::outbox::SupportedBackend;
use crate::request::{Request, RequestKind, Terms};

/// Asks for records of a replica to be forgotten for good: the service does what
/// [`positions::forget`](crate::positions::forget) does. Who asks needs no right on the replica's
/// table.
///
/// ```
/// use versioned_core::requests::Forget;
///
/// let erased = Forget::records("ticket_copies", "tickets", ["42"]).reason("asked to erase");
/// ```
#[derive(Debug, Clone)]
pub struct Forget {
    replica: String,
    entity: String,
    keys: Vec<String>,
    terms: Terms,
}

impl Forget {
    /// Asks for the records with these keys, as they are in the events of the entity. A key that is
    /// given twice counts once.
    pub fn records<K: Into<String>>(
        replica: impl Into<String>,
        entity: impl Into<String>,
        keys: impl IntoIterator<Item = K>,
    ) -> Self {
        let mut keys: Vec<String> = keys.into_iter().map(Into::into).collect();
        keys.sort_unstable();
        keys.dedup();
        let chosen = keys.len() as u64;
        Self {
            replica: replica.into(),
            entity: entity.into(),
            keys,
            terms: Terms {
                chosen,
                limit: chosen,
                failures: 10,
                ..Terms::default()
            },
        }
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
            let terms = self.terms.clone();
            store::records(self.subject(), terms, &self.keys, &mut executor).await
        }
    }

    fn subject(&self) -> Subject<'_> {
        Subject {
            kind: RequestKind::Forget,
            replica: &self.replica,
            entity: &self.entity,
        }
    }
}
