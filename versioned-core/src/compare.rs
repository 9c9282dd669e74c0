//! Comparing a replica with its owner, in two databases, while events are in flight.
//!
//! The replica asks, and the owner answers. [`answer`] is the owner's half: it reads a page of
//! records, or some records by their keys. [`Comparison::run`] is the replica's half: it asks for
//! all records, and then for those of its own rows. The question and the answer are JSON, so a
//! service can send them over HTTP. If one program reaches both databases, it needs no service:
//!
//! ```
//! # use diesel::connection::SimpleConnection;
//! # use diesel::prelude::*;
//! # use diesel_migrations::MigrationHarness;
//! # use versioned_core::prelude::*;
//! # diesel::table! { tickets { id -> BigInt, title -> Text, price -> BigInt, version -> BigInt, } }
//! # diesel::table! { ticket_copies { id -> BigInt, price -> BigInt, version -> BigInt, } }
//! # #[derive(Clone, Queryable, Selectable, serde::Serialize, Versioned)]
//! # #[diesel(table_name = tickets)]
//! # #[versioned(owner, outbox, tombstones)]
//! # struct Ticket { id: i64, title: String, price: i64, version: i64 }
//! # #[derive(Clone, PartialEq, Queryable, Selectable, serde::Deserialize, Versioned)]
//! # #[diesel(table_name = ticket_copies)]
//! # #[versioned(dependent, entity = "tickets")]
//! # struct TicketCopy { id: i64, price: i64, version: i64 }
//! use versioned_core::compare::{self, Comparison};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
//! # let (owner, replica) = (&mut SqliteConnection::establish(":memory:")?, &mut SqliteConnection::establish(":memory:")?);
//! # owner.batch_execute("CREATE TABLE tickets (id BIGINT PRIMARY KEY, title TEXT NOT NULL, price BIGINT NOT NULL, version BIGINT NOT NULL)")?;
//! # replica.batch_execute("CREATE TABLE ticket_copies (id BIGINT PRIMARY KEY, price BIGINT NOT NULL, version BIGINT NOT NULL)")?;
//! # owner.run_pending_migrations(versioned_core::MIGRATIONS)?;
//! # replica.run_pending_migrations(versioned_core::MIGRATIONS)?;
//! # Ticket { id: 7, title: "concert".into(), price: 20, version: 0 }.insert(owner)?;
//! # let comparison = |settle| Comparison::<TicketCopy>::new().settle(settle);
//! # let settle = std::time::Duration::ZERO;
//! # let compared = comparison(settle).run(|question| compare::answer::<Ticket, _>(&question, owner), replica)?;
//! # assert_eq!((compared.missing, compared.is_equal()), (1, false));
//! # TicketCopy::apply(&serde_json::from_str(r#"{"entity":"tickets","key":"7","version":1,"op":"created","data":{"id":7,"price":20,"version":1}}"#)?, replica)?;
//! let ask = |question| compare::answer::<Ticket, _>(&question, owner);
//! let compared = Comparison::<TicketCopy>::new().run(ask, replica)?;
//! for difference in &compared.differences {
//!     eprintln!("{difference}");
//! }
//! assert!(compared.is_equal());
//!
//! // The owner sends the records that are behind, different or missing once more.
//! let keys: Vec<String> = compared.to_resend().map(str::to_owned).collect();
//! compare::resend::<Ticket, _>(&keys, owner)?;
//! # Ok(())
//! # }
//! ```
//!
//! # What is compared
//!
//! Versions first. At the same version, the owner's data are read into the replica's model, as those
//! of an event are, and compared with the row. Fields that the replica does not have are therefore
//! not compared, nor are those that no event writes.
//!
//! A record that is not equal counts only after a [second look](Comparison::settle), and only if it
//! was not in flight: a replica is [behind](Verdict::Behind) if it still does not have the version
//! that the owner had at the look before.
//!
//! # What it costs
//!
//! The owner's rows are read once, in pages, and sent to the replica. The replica's rows are looked
//! up by key, 100 in a query, and read once more in pages, whose keys are looked up at the owner.
//! Each query reads one page and is over. There is no transaction, and no lock. The owner's side may
//! therefore run on a standby, whose delay must be shorter than the [time to
//! settle](Comparison::settle). The replica's side must see the rows of the present.
//!
//! The owner and the replica may be in databases of different kinds, which sort keys differently:
//! neither side relies on the order of the other one.

use std::error::Error as StdError;

use diesel::connection::LoadConnection;
#[cfg(feature = "async")]
use diesel_async::AsyncConnection;

pub use crate::compared::{Answer, Compared, Difference, Place, Question, State, Verdict};
pub use crate::comparison::Comparison;
use crate::dependent::Dependent;
use crate::error::{Error, Result};
#[cfg(feature = "async")]
use crate::front::asynchronous::AsyncExecutor;
use crate::front::blocking::{BlockingExecutor, poll_ready};
use crate::model::{FromJson, ReadKey, ToJson, Versioned};
use crate::operation::{self, Ask};
use crate::owner::Owner;
use crate::version::SequentialVersion;

/// Answers a question of a replica about the records of the owner `M`.
///
/// ```sql
/// SELECT id, title, version FROM tickets WHERE (id) > ($1) ORDER BY id LIMIT $2      -- a page
/// SELECT id, title, version FROM tickets WHERE (id = $1) OR (id = $2) OR ..          -- records
/// SELECT version FROM versioned_positions WHERE replica = '' AND entity = 'tickets'
///     AND key = $1 AND deleted_at IS NOT NULL          -- with `tombstones`, for each without a row
/// ```
///
/// A page has at most 10,000 records. The keys are read with `FromStr`. A key that cannot be read is
/// of no record.
///
/// # Errors
///
/// Returns [`Error::Database`] if a query fails, and [`Error::Other`] if a row cannot be serialized
/// or the key before a page cannot be read.
pub fn answer<M, C>(question: &Question, conn: &mut C) -> Result<Answer>
where
    C: LoadConnection,
    M: Owner<C::Backend> + Versioned<Version: SequentialVersion> + ToJson,
    M::Id: ReadKey<M::KeyColumns>,
{
    poll_ready(operation::answer::<M, _>(
        question,
        &mut BlockingExecutor::new(conn),
    ))
}

/// Sends the records with these keys once more, as
/// [`resend`](crate::prelude::OwnerDsl::resend) does, each in a transaction of its own. Returns how
/// many of them the owner knows.
///
/// # Errors
///
/// Returns the errors of [`resend`](crate::prelude::OwnerDsl::resend). The records before are sent
/// then.
pub fn resend<M, C>(keys: &[String], conn: &mut C) -> Result<usize>
where
    C: LoadConnection,
    M: Owner<C::Backend>,
    M::Id: ReadKey<M::KeyColumns>,
{
    poll_ready(operation::resend_each::<M, _>(
        keys,
        &mut BlockingExecutor::new(conn),
    ))
}

impl<M> Comparison<M> {
    /// Compares the replica on `conn` with its owner, which `ask` asks.
    ///
    /// The thread sleeps while the comparison waits until records have settled. A comparison that
    /// fails can be repeated.
    ///
    /// ```sql
    /// SELECT id, price, version FROM ticket_copies WHERE (id = $1) OR (id = $2) OR ..
    /// SELECT id, price, version FROM ticket_copies WHERE (id) > ($1) ORDER BY id LIMIT $2
    /// -- For a record that is looked at again, and with `guard = "position"`:
    /// SELECT version FROM versioned_positions WHERE replica = .. AND entity = .. AND key = $1
    /// ```
    ///
    /// # Errors
    ///
    /// Returns [`Error::Other`] with the error of `ask`, [`Error::Event`] if `ask` answers for
    /// another entity, and [`Error::Database`] if a query fails. With Diesel's
    /// `AlreadyInTransaction`, end the transaction first: it would see the rows of its beginning.
    pub fn run<C, E>(
        &self,
        ask: impl FnMut(Question) -> Result<Answer, E> + Send,
        conn: &mut C,
    ) -> Result<Compared>
    where
        C: LoadConnection,
        M: Dependent<C::Backend> + FromJson,
        E: Into<Box<dyn StdError + Send + Sync>>,
    {
        poll_ready(operation::compare(
            self,
            &mut Blocking(ask),
            &mut BlockingExecutor::new(conn),
        ))
    }
}

struct Blocking<F>(F);

impl<F, E> Ask for Blocking<F>
where
    F: FnMut(Question) -> Result<Answer, E> + Send,
    E: Into<Box<dyn StdError + Send + Sync>>,
{
    fn ask(&mut self, question: Question) -> impl Future<Output = Result<Answer>> + Send {
        std::future::ready((self.0)(question).map_err(Error::other))
    }
}

/// As [`compare::answer`](answer), on a connection of `diesel-async`.
///
/// # Errors
///
/// Returns the errors of [`answer`].
#[cfg(feature = "async")]
#[allow(
    clippy::manual_async_fn,
    reason = "the future must be known to be `Send`"
)]
pub fn answer_async<M, C>(
    question: &Question,
    conn: &mut C,
) -> impl Future<Output = Result<Answer>> + Send
where
    C: AsyncConnection,
    M: Owner<C::Backend> + Versioned<Version: SequentialVersion> + ToJson,
    M::Id: ReadKey<M::KeyColumns>,
{
    async move { operation::answer::<M, _>(question, &mut AsyncExecutor::new(conn)).await }
}

/// As [`compare::resend`](resend), on a connection of `diesel-async`. A future that is dropped before
/// it completes leaves the connection broken, and its next use is an error.
///
/// # Errors
///
/// Returns the errors of [`resend`].
#[cfg(feature = "async")]
#[allow(
    clippy::manual_async_fn,
    reason = "the future must be known to be `Send`"
)]
pub fn resend_async<M, C>(
    keys: &[String],
    conn: &mut C,
) -> impl Future<Output = Result<usize>> + Send
where
    C: AsyncConnection,
    M: Owner<C::Backend>,
    M::Id: ReadKey<M::KeyColumns>,
{
    async move { operation::resend_each::<M, _>(keys, &mut AsyncExecutor::new(conn)).await }
}

#[cfg(feature = "async")]
impl<M> Comparison<M> {
    /// As [`run`](Self::run), on a connection of `diesel-async`.
    ///
    /// ```no_run
    /// # use diesel::prelude::*;
    /// # use versioned_core::async_prelude::*;
    /// # diesel::table! { tickets { id -> BigInt, price -> BigInt, version -> BigInt, } }
    /// # #[derive(Clone, Queryable, Selectable, serde::Serialize, Versioned)]
    /// # #[diesel(table_name = tickets)]
    /// # #[versioned(owner, outbox)]
    /// # struct Ticket { id: i64, price: i64, version: i64 }
    /// # diesel::table! { ticket_copies { id -> BigInt, price -> BigInt, version -> BigInt, } }
    /// # #[derive(Clone, PartialEq, Queryable, Selectable, serde::Deserialize, Versioned)]
    /// # #[diesel(table_name = ticket_copies)]
    /// # #[versioned(dependent, entity = "tickets")]
    /// # struct TicketCopy { id: i64, price: i64, version: i64 }
    /// use diesel_async::{AsyncConnection as _, AsyncPgConnection};
    /// use versioned_core::compare::{self, Compared, Comparison};
    ///
    /// type Failure = Box<dyn std::error::Error + Send + Sync>;
    ///
    /// async fn compare(replica: &mut AsyncPgConnection) -> versioned_core::Result<Compared> {
    ///     let ask = |question| async move {
    ///         // or `pool.get()`, or a request to the owner
    ///         let mut owner = AsyncPgConnection::establish("postgres://localhost/tickets").await?;
    ///         let answer = compare::answer_async::<Ticket, _>(&question, &mut owner).await?;
    ///         Ok::<_, Failure>(answer)
    ///     };
    ///     Comparison::<TicketCopy>::new().run_async(ask, replica).await
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// Returns the errors of [`run`](Self::run).
    #[allow(
        clippy::manual_async_fn,
        reason = "the future must be known to be `Send`"
    )]
    pub fn run_async<C, E, Fut>(
        &self,
        ask: impl FnMut(Question) -> Fut + Send,
        conn: &mut C,
    ) -> impl Future<Output = Result<Compared>> + Send
    where
        C: AsyncConnection,
        M: Dependent<C::Backend> + FromJson,
        E: Into<Box<dyn StdError + Send + Sync>> + Send,
        Fut: Future<Output = Result<Answer, E>> + Send,
    {
        async move {
            let mut ask = Async(ask);
            operation::compare(self, &mut ask, &mut AsyncExecutor::new(conn)).await
        }
    }
}

#[cfg(feature = "async")]
struct Async<F>(F);

#[cfg(feature = "async")]
impl<F, E, Fut> Ask for Async<F>
where
    F: FnMut(Question) -> Fut + Send,
    E: Into<Box<dyn StdError + Send + Sync>> + Send,
    Fut: Future<Output = Result<Answer, E>> + Send,
{
    fn ask(&mut self, question: Question) -> impl Future<Output = Result<Answer>> + Send {
        let answer = (self.0)(question);
        async move { answer.await.map_err(Error::other) }
    }
}
