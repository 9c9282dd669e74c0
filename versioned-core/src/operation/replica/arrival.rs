//! Whether a replica has applied a version of a record.

use std::ops::ControlFlow;

use crate::arrival::Arrival;
use crate::dependent::Dependent;
use crate::dialect::SqlFor;
use crate::error::Result;
use crate::executor::Executor;
use crate::model::Policy;
use crate::operation::replica::current::version_of;
use crate::operation::replica::positions::on;
use crate::outbox::SupportedBackend;
use crate::runner::Runner;
use crate::statement::{FirstLetter, Letters, OnLetters, Peek, Position};

type Sql<C> = <<C as Runner>::Backend as SupportedBackend>::Sql;

/// Looks whether the replica has applied this version of a record. Continues with the version that
/// it has if the event may still arrive.
pub(crate) async fn arrival<M, C>(
    key: &str,
    version: i64,
    conn: &mut C,
) -> Result<ControlFlow<Arrival, Option<i64>>>
where
    C: Executor,
    M: Dependent<C::Backend>,
{
    let current = version_of::<Peek, M, C>(key, conn).await?;
    let of_record = Letters {
        key,
        ..Letters::of::<M, C::Backend>()
    };
    arrived::<M::Sql, C>(of_record, version, current, M::POLICY, conn).await
}

/// As [`arrival`], by the names in the tables. The position counts, whatever the guard is, and the
/// policy is `sequential`.
pub(crate) async fn arrival_at<C>(
    of_record: Letters<'_>,
    version: i64,
    conn: &mut C,
) -> Result<ControlFlow<Arrival, Option<i64>>>
where
    C: Executor<Backend: SupportedBackend>,
{
    let position = Position {
        key: of_record.key,
        ..Position::named(of_record.replica, of_record.entity)
    };
    let current = Sql::<C>::number(conn, on::<Peek, Sql<C>, C>(position)).await?;
    arrived::<Sql<C>, C>(of_record, version, current, Policy::Sequential, conn).await
}

async fn arrived<F, C>(
    of_record: Letters<'_>,
    version: i64,
    current: Option<i64>,
    policy: Policy,
    conn: &mut C,
) -> Result<ControlFlow<Arrival, Option<i64>>>
where
    F: SqlFor<C::Backend> + ?Sized,
    C: Executor,
{
    match current {
        Some(i64::MAX) if version < i64::MAX => return Ok(ControlFlow::Break(Arrival::Forgotten)),
        Some(current) if current >= version => {
            return Ok(ControlFlow::Break(Arrival::Reached { version: current }));
        }
        _ => {}
    }
    // Without an older event, a replica with `policy = "latest"` applies the newer ones.
    let older = match policy {
        Policy::Sequential => current.unwrap_or(i64::MIN),
        Policy::Latest => version.saturating_sub(1),
    };
    let letters = Letters {
        version,
        limit: older,
        ..of_record
    };
    let letter = F::number(conn, OnLetters::<FirstLetter, F>::new(letters)).await?;
    Ok(match letter {
        Some(id) => ControlFlow::Break(Arrival::DeadLetter { id }),
        None => ControlFlow::Continue(current),
    })
}
