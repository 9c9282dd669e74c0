//! What waits at the replicas of a database.

use crate::backlog::{Count, ReplicaBacklog, age};
use crate::dialect::SqlFor as _;
use crate::error::Result;
use crate::event::duration_of;
use crate::executor::Executor;
use crate::outbox::SupportedBackend;
use crate::statement::{BacklogOfReplica, NextReplica, OnReplica, OneReplica};

/// Counts what waits at each replica with a position, a parked event or a dead letter, at most
/// `most` of each kind, in the order of their names.
pub(crate) async fn backlogs<C>(most: u64, conn: &mut C) -> Result<Vec<ReplicaBacklog>>
where
    C: Executor<Backend: SupportedBackend>,
{
    let mut all = Vec::new();
    let (mut replica, mut entity) = (String::new(), String::new());
    loop {
        let one = OneReplica {
            replica: &replica,
            entity: &entity,
            most: i64::try_from(most).unwrap_or(i64::MAX),
        };
        let next = on::<NextReplica, C>(one);
        let Some(found) = <C::Backend as SupportedBackend>::Sql::names(conn, next).await? else {
            return Ok(all);
        };
        let one = OneReplica {
            replica: &found.0,
            entity: &found.1,
            ..one
        };
        let counted = on::<BacklogOfReplica, C>(one);
        let counted = <C::Backend as SupportedBackend>::Sql::figures(conn, counted).await?;
        let (parked, since, letters, kept) = counted.unwrap_or_default();
        let parked = Count::up_to(most, parked);
        let dead_letters = Count::up_to(most, letters);
        all.push(ReplicaBacklog {
            replica: found.0.clone(),
            entity: found.1.clone(),
            parked,
            oldest_parked: age(parked, duration_of(since)),
            dead_letters,
            oldest_dead_letter: age(dead_letters, duration_of(kept)),
        });
        (replica, entity) = found;
    }
}

fn on<T, C>(one: OneReplica<'_>) -> OnReplica<'_, T, <C::Backend as SupportedBackend>::Sql>
where
    C: Executor<Backend: SupportedBackend>,
    T: crate::statement::SqlTemplate<crate::statement::ReplicaValue>,
{
    OnReplica::new(one)
}
