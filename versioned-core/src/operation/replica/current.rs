//! The version of a replica, whatever its guard is.

use crate::dependent::Dependent;
use crate::dialect::SqlFor as _;
use crate::error::Result;
use crate::executor::Executor;
use crate::model::Guard;
use crate::operation::replica::incoming::read_key;
use crate::operation::replica::positions::on;
use crate::statement::{Current, FindVersion, Position, PositionValue, Record, SqlTemplate};
use crate::version::SequentialVersion as _;

/// Returns the version of the replica, if it has the record: that of the position, which `T` selects,
/// or that of the row, as the guard is.
pub(crate) async fn version_of<T, M, C>(key: &str, conn: &mut C) -> Result<Option<i64>>
where
    T: SqlTemplate<PositionValue>,
    C: Executor,
    M: Dependent<C::Backend>,
{
    if M::GUARD == Guard::Position {
        let position = Position {
            key,
            ..Position::of::<M, C::Backend>()
        };
        return Ok(M::Sql::number(conn, on::<T, M::Sql, C>(position)).await?);
    }
    let Some(id) = read_key::<M>(key) else {
        return Ok(None);
    };
    let look = FindVersion::<Current, M, C::Backend>::new(Record::At(&id));
    let found = M::row_version(conn, look).await?;
    Ok(found.map(|version| version.number()))
}
