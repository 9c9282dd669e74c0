//! The replica's own row as the guard: for records that are never deleted.

use super::incoming::{Incoming, Write};
use crate::dependent::Dependent;
use crate::dialect::Dialect;
use crate::error::Result;
use crate::executor::Executor;
use crate::outcome::Outcome;
use crate::statement::{Current, FindVersion, Insert, Merge, Older, Overwrite, Record, Save};
use crate::version::SequentialVersion;
use diesel::result::{DatabaseErrorKind, Error as DieselError};

/// Writes the row, if it is at a version that the event may follow.
pub(super) async fn replace_row<M, X>(
    incoming: &Incoming<'_, M>,
    dialect: Dialect,
    x: &mut X,
) -> Result<Outcome>
where
    X: Executor,
    M: Dependent<X::Backend>,
{
    let (model, version) = match &incoming.write {
        Write::Put(model) => (*model, &incoming.version),
        // `Incoming::check` refuses a deletion for this guard.
        Write::Remove(_) => return Ok(incoming.refused(None)),
    };
    let before = M::Version::from_number(incoming.event.version - 1);
    let written = match (before, dialect) {
        (Some(before), _) if !incoming.may_be_first() => {
            x.execute(Save::onto(model, version, &before)).await
        }
        (_, Dialect::Postgres | Dialect::Sqlite) => {
            x.execute(Merge::<Older, M, _>::new(model, version)).await
        }
        (_, Dialect::Mysql) => overtake(model, version, x).await,
    };
    if written.map_err(|error| incoming.failed(error))? > 0 {
        return Ok(Outcome::Applied);
    }
    let look = FindVersion::<Current, M, X::Backend>::new(Record::Of(model));
    let found = M::row_version(x, look)
        .await
        .map_err(|error| incoming.failed(error))?;
    Ok(incoming.refused(found.map(|version| version.number())))
}

/// MySQL, MariaDB: an UPDATE of an older row, an INSERT where there is none, and the UPDATE again, because somebody may
/// have inserted an older one between the two.
async fn overtake<M, X>(model: &M, version: &M::Version, x: &mut X) -> diesel::QueryResult<usize>
where
    X: Executor,
    M: Dependent<X::Backend>,
{
    let updated = x
        .execute(Overwrite::<Older, M, _>::new(model, version))
        .await?;
    if updated > 0 {
        return Ok(updated);
    }
    match x.execute(Insert::new(model, version)).await {
        Err(taken @ DieselError::DatabaseError(DatabaseErrorKind::UniqueViolation, _)) => {
            let updated = x
                .execute(Overwrite::<Older, M, _>::new(model, version))
                .await?;
            let look = FindVersion::<Current, M, X::Backend>::new(Record::Of(model));
            // No such row: then it is another unique key that is taken, and no business of versions.
            if updated == 0 && M::row_version(x, look).await?.is_none() {
                return Err(taken);
            }
            Ok(updated)
        }
        inserted => inserted,
    }
}
