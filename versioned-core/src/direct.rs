//! Replicas without a broker: the relay applies the events itself. See the
//! [guide](crate::guide::how_to::direct).

mod target;

use std::collections::HashSet;
use std::fmt;
#[cfg(feature = "async")]
use std::future::Future;

use diesel::connection::LoadConnection;
#[cfg(feature = "async")]
use diesel_async::AsyncConnection;

#[cfg(feature = "async")]
use self::target::Async;
use self::target::{Answer, Blocking, Connected, Target};
use crate::dependent::Dependent;
use crate::model::FromJson;
use crate::outbox::{OutboxRow, PublishError, Publisher};

/// Applies the events of a [`Relay`](crate::outbox::Relay) to replicas, for services that begin
/// without a broker.
///
/// Each replica may be in a database of its own. An event is published when every replica of its
/// entity has applied it, or was already at its version. Events are applied as by
/// [`apply_all`](crate::prelude::DependentDsl::apply_all), a batch of the relay in one transaction
/// for each replica. A batch that fails is split, until the event that fails is alone.
///
/// | result at one of the replicas | result of the event |
/// | --- | --- |
/// | applied, parked, or a duplicate | published, if the other replicas say so too |
/// | a gap, an error of the event or of its row | [rejected](PublishError::Rejected), with the reason. Other events go on |
/// | the database is unreachable | rejected, so that the events of other replicas go on; [unavailable](PublishError::Unavailable) if that is so of all replicas of the batch |
///
/// The relay retries rejected events with its [backoff](crate::outbox::Relay::backoff), so the
/// longest pause is also the longest time until a replica that is back receives its events. An
/// [ordered](crate::outbox::Relay::ordered) relay causes no gaps.
///
/// An event of an entity without a replica is rejected, unless the entity is
/// [ignored](Self::ignore).
///
/// ```
/// # use diesel::prelude::*;
/// # use versioned_core::prelude::*;
/// # diesel::table! { ticket_copies { id -> BigInt, price -> BigInt, version -> BigInt, } }
/// # #[derive(Clone, Queryable, Selectable, serde::Deserialize, Versioned)]
/// # #[diesel(table_name = ticket_copies)]
/// # #[versioned(dependent, entity = "tickets")]
/// # struct TicketCopy { id: i64, price: i64, version: i64 }
/// use versioned_core::direct::DirectPublisher;
/// use versioned_core::outbox::Relay;
///
/// let publisher = DirectPublisher::new()
///     .replica::<TicketCopy, _, _>(|| SqliteConnection::establish("orders.db"));
/// let relay = Relay::new(publisher).ordered();
/// ```
#[derive(Default)]
pub struct DirectPublisher {
    replicas: Vec<Box<dyn Target>>,
    ignored: HashSet<String>,
}

impl DirectPublisher {
    /// Creates a publisher without replicas.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the replica `M`, on a blocking connection. The connection is opened when it is needed,
    /// used again, and closed after an error.
    ///
    /// The work is done on the thread of the relay. On an asynchronous relay, use
    /// [`replica_async`](Self::replica_async) instead, if there is an asynchronous connection.
    #[must_use]
    pub fn replica<M, C, E>(
        mut self,
        connect: impl Fn() -> Result<C, E> + Send + Sync + 'static,
    ) -> Self
    where
        C: LoadConnection + Send + 'static,
        E: fmt::Display + 'static,
        M: Dependent<C::Backend> + FromJson + 'static,
    {
        let target = Connected::<Blocking, M, _, _>::new(connect);
        self.replicas.push(Box::new(target));
        self
    }

    /// Adds the replica `M`, on a connection of `diesel-async`. The connection is opened when it is
    /// needed, used again, and closed after an error.
    #[cfg(feature = "async")]
    #[must_use]
    pub fn replica_async<M, C, E, Fut>(
        mut self,
        connect: impl Fn() -> Fut + Send + Sync + 'static,
    ) -> Self
    where
        C: AsyncConnection + 'static,
        E: fmt::Display + Send + 'static,
        Fut: Future<Output = Result<C, E>> + Send + 'static,
        M: Dependent<C::Backend> + FromJson + 'static,
    {
        let target = Connected::<Async, M, _, _>::new(connect);
        self.replicas.push(Box::new(target));
        self
    }

    /// Publishes the events of an entity without applying them: they are deleted from the outbox.
    #[must_use]
    pub fn ignore(mut self, entity: impl Into<String>) -> Self {
        self.ignored.insert(entity.into());
        self
    }
}

impl Publisher for DirectPublisher {
    fn transport(&self) -> &'static str {
        "direct"
    }

    async fn publish(&self, batch: &[OutboxRow]) -> Vec<Result<(), PublishError>> {
        let mut answers: Vec<Option<Answer>> = vec![None; batch.len()];
        let (mut reached, mut away) = (false, None);
        for replica in &self.replicas {
            let own = |(_, row): &(usize, &OutboxRow)| row.entity == replica.entity();
            let (places, rows): (Vec<usize>, Vec<&OutboxRow>) =
                batch.iter().enumerate().filter(own).unzip();
            if rows.is_empty() {
                continue;
            }
            for (place, answer) in places.into_iter().zip(replica.apply(rows).await) {
                match &answer {
                    Answer::Away(reason) => away = Some(reason.clone()),
                    Answer::Done | Answer::Rejected(_) => reached = true,
                }
                if let Some(own) = answers.get_mut(place) {
                    *own = Some(own.take().map_or(answer.clone(), |own| own.worse(answer)));
                }
            }
        }
        let all_away = away.filter(|_| !reached);
        let rows = batch.iter().zip(answers);
        rows.map(|(row, answer)| match (answer, &all_away) {
            (Some(Answer::Done), _) => Ok(()),
            (Some(Answer::Away(_)), Some(reason)) => Err(PublishError::unavailable(reason)),
            (Some(Answer::Away(reason) | Answer::Rejected(reason)), _) => {
                Err(PublishError::rejected(reason))
            }
            (None, _) if self.ignored.contains(&row.entity) => Ok(()),
            (None, _) => Err(PublishError::rejected(format_args!(
                "add a replica of `{0}` to the publisher, or ignore `{0}`",
                row.entity
            ))),
        })
        .collect()
    }
}

impl fmt::Debug for DirectPublisher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let entities = self.replicas.iter().map(|replica| replica.entity());
        f.debug_struct("DirectPublisher")
            .field("replicas", &entities.collect::<Vec<_>>())
            .field("ignored", &self.ignored)
            .finish()
    }
}
