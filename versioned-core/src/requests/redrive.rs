//! Asks for a redrive of dead letters.

use diesel::connection::LoadConnection;
#[cfg(feature = "async")]
use diesel_async::AsyncConnection;

use crate::error::{Error, Result};
use crate::filter::Filter;
#[cfg(feature = "async")]
use crate::front::asynchronous::AsyncExecutor;
use crate::front::blocking::{BlockingExecutor, poll_ready};
use crate::operation::requests::{Subject, store};
use crate::outbox::SupportedBackend;
use crate::request::{Request, RequestKind, Terms};

/// Asks for a redrive of dead letters of one replica: the service applies them again.
///
/// ```
/// use versioned_core::requests::{Filter, Redrive};
///
/// let chosen = Redrive::new("ticket_copies", "tickets", Filter::new().ids([5, 3]));
/// let careful = Redrive::all("ticket_copies", "tickets").limit(10_000).rate(100).max_failures(3);
/// ```
#[derive(Debug, Clone)]
pub struct Redrive {
    replica: String,
    entity: String,
    is_all: bool,
    terms: Terms,
}

/// What a [`Redrive`] would choose if it were stored now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Plan {
    /// The number of letters.
    pub chosen: u64,
    /// The number of letters that the filter matches beyond the [limit](Redrive::limit). It counts
    /// up to 10,001.
    pub beyond_limit: u64,
    /// The greatest id of a letter of the replica. With [`Filter::up_to`] and this id, a request that
    /// is stored later chooses no newer letter.
    pub up_to: i64,
}

impl Redrive {
    /// Chooses the letters of a replica that the filter matches. `replica` and `entity` are its names
    /// in the tables of this crate: by default the replica is the name of its table.
    pub fn new(replica: impl Into<String>, entity: impl Into<String>, filter: Filter) -> Self {
        let terms = Terms {
            filter,
            limit: 100,
            canary: 1,
            failures: 10,
            ..Terms::default()
        };
        Self {
            replica: replica.into(),
            entity: entity.into(),
            is_all: false,
            terms,
        }
    }

    /// Chooses all letters of a replica, up to the [limit](Self::limit).
    pub fn all(replica: impl Into<String>, entity: impl Into<String>) -> Self {
        Self {
            is_all: true,
            ..Self::new(replica, entity, Filter::new())
        }
    }

    /// Sets the maximum number of letters, those that were kept first. The default is 100.
    #[must_use]
    pub fn limit(mut self, letters: u64) -> Self {
        self.terms.limit = letters;
        self
    }

    /// Sets the maximum number of letters per second. Without it, the service takes as long as it
    /// takes.
    #[must_use]
    pub fn rate(mut self, per_second: u32) -> Self {
        self.terms.rate = Some(per_second.max(1));
        self
    }

    /// Sets the number of letters that must be applied before a failure is tolerated. Until then they
    /// are tried one by one, and the first failure stops the request. The default is 1.
    #[must_use]
    pub fn canary(mut self, letters: u64) -> Self {
        self.terms.canary = letters;
        self
    }

    /// Sets the number of failures in a row after which the request stops. The default is 10, and the
    /// minimum is 1.
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

    /// Counts the letters that this would choose now, and writes nothing.
    ///
    /// ```sql
    /// SELECT id FROM versioned_dead_letters WHERE replica = $1 AND entity = $2 AND .. ORDER BY id LIMIT $3
    /// ```
    ///
    /// # Errors
    ///
    /// Returns [`Error::NothingChosen`] if the filter is empty and this is not [`all`](Self::all),
    /// and [`Error::Database`] if the query fails.
    pub fn plan<C>(&self, conn: &mut C) -> Result<Plan>
    where
        C: LoadConnection,
        C::Backend: SupportedBackend,
    {
        self.check()?;
        let mut executor = BlockingExecutor::new(conn);
        let chosen = poll_ready(store::plan(self.subject(), &self.terms, &mut executor))?;
        Ok(chosen.into())
    }

    /// Stores the request and the letters that it chooses, in one transaction, and returns it. If it
    /// chooses no letter, it is done.
    ///
    /// ```sql
    /// INSERT INTO versioned_requests .. RETURNING id
    /// INSERT INTO versioned_request_items .. SELECT .. FROM versioned_dead_letters
    ///     WHERE replica = $1 AND entity = $2 AND .. ORDER BY id LIMIT $3
    /// ```
    ///
    /// # Errors
    ///
    /// Returns the errors of [`plan`](Self::plan). [`Error::Database`] also means that the database
    /// has no [tables of requests](crate::Migrations::with_requests).
    pub fn store<C>(&self, conn: &mut C) -> Result<Request>
    where
        C: LoadConnection,
        C::Backend: SupportedBackend,
    {
        self.check()?;
        let mut executor = BlockingExecutor::new(conn);
        let terms = self.terms.clone();
        poll_ready(store::redrive(self.subject(), terms, &mut executor))
    }

    /// As [`plan`](Self::plan), on a connection of `diesel-async`.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`plan`](Self::plan).
    #[cfg(feature = "async")]
    #[allow(
        clippy::manual_async_fn,
        reason = "the future must be known to be `Send`"
    )]
    pub fn plan_async<C>(&self, conn: &mut C) -> impl Future<Output = Result<Plan>> + Send
    where
        C: AsyncConnection,
        C::Backend: SupportedBackend,
    {
        async move {
            self.check()?;
            let mut executor = AsyncExecutor::new(conn);
            let chosen = store::plan(self.subject(), &self.terms, &mut executor).await?;
            Ok(chosen.into())
        }
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
            self.check()?;
            let mut executor = AsyncExecutor::new(conn);
            store::redrive(self.subject(), self.terms.clone(), &mut executor).await
        }
    }

    fn check(&self) -> Result<()> {
        if self.is_all || !self.terms.filter.is_empty() {
            return Ok(());
        }
        Err(Error::NothingChosen {
            entity: self.entity.clone(),
        })
    }

    fn subject(&self) -> Subject<'_> {
        Subject {
            kind: RequestKind::Redrive,
            replica: &self.replica,
            entity: &self.entity,
        }
    }
}

impl From<store::Chosen> for Plan {
    fn from(chosen: store::Chosen) -> Self {
        Self {
            chosen: chosen.number,
            beyond_limit: chosen.beyond,
            up_to: chosen.newest,
        }
    }
}
