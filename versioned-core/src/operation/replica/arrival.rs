//! Whether a replica has applied a version of a record.

use std::ops::ControlFlow;

use crate::arrival::Arrival;
use crate::dependent::Dependent;
use crate::dialect::SqlFor as _;
use crate::error::Result;
use crate::executor::Executor;
use crate::model::Policy;
use crate::operation::replica::current::version_of;
use crate::statement::{FirstLetter, Letters, OnLetters, Peek};

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
    match current {
        Some(i64::MAX) if version < i64::MAX => return Ok(ControlFlow::Break(Arrival::Forgotten)),
        Some(current) if current >= version => {
            return Ok(ControlFlow::Break(Arrival::Reached { version: current }));
        }
        _ => {}
    }
    // Without an older event, a replica with `policy = "latest"` applies the newer ones.
    let older = match M::POLICY {
        Policy::Sequential => current.unwrap_or(i64::MIN),
        Policy::Latest => version.saturating_sub(1),
    };
    let letters = Letters {
        key,
        version,
        limit: older,
        ..Letters::of::<M, C::Backend>()
    };
    let letter = M::Sql::number(conn, OnLetters::<FirstLetter, M::Sql>::new(letters)).await?;
    Ok(match letter {
        Some(id) => ControlFlow::Break(Arrival::DeadLetter { id }),
        None => ControlFlow::Continue(current),
    })
}
