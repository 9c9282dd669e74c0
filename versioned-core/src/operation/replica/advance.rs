//! Guard and row in one statement, for an event that shares its transaction with nothing else.

use crate::dependent::Dependent;
use crate::dialect::Dialect;
use crate::error::Result;
use crate::event::Op;
use crate::executor::Executor;
use crate::operation::replica::incoming::{Incoming, Reached, Write};
use crate::operation::replica::positions;
use crate::outcome::Outcome;
use crate::statement::{
    Advance, AdvanceAndUpdate, AdvanceAndUpsert, Unwritten, Upsert, UpsertLive,
};

/// Applies an event in one statement, or returns why it cannot be applied. Returns `None` if the
/// event needs a transaction: a deletion, an event for which MySQL finds no row, and every event on
/// `SQLite`, where a second statement costs no round trip.
pub(crate) async fn follow<M, C>(
    incoming: &Incoming<'_, M>,
    dialect: Dialect,
    conn: &mut C,
) -> Result<Option<Outcome>>
where
    C: Executor,
    M: Dependent<C::Backend>,
{
    let Write::Put(model, version) = &incoming.write else {
        return Ok(None);
    };
    let position = incoming.position();
    let written = match dialect {
        Dialect::Postgres if position.only_live => {
            conn.execute(AdvanceAndUpsert::<UpsertLive, M, _>::new(
                position, model, version,
            ))
            .await
        }
        Dialect::Postgres if incoming.may_be_first() => {
            conn.execute(AdvanceAndUpsert::<Upsert, M, _>::new(
                position, model, version,
            ))
            .await
        }
        Dialect::Postgres => {
            conn.execute(AdvanceAndUpsert::<Advance, M, _>::new(
                position, model, version,
            ))
            .await
        }
        // Other kinds of events rarely find a row.
        Dialect::Mysql if incoming.event.op == Op::Updated => {
            conn.execute(AdvanceAndUpdate::<M, _>::new(position, model, version))
                .await
        }
        Dialect::Mysql | Dialect::Sqlite => return Ok(None),
    };
    match written {
        Ok(0) => {}
        Ok(_) => return Ok(Some(Outcome::Applied)),
        // The separate statements report the reason.
        Err(error) if Unwritten::is_why(&error) => return Ok(None),
        Err(error) => return Err(incoming.failed(error)),
    }
    let current = positions::look::<M::Sql, C>(position, conn).await;
    let current = current
        .map_err(|error| incoming.failed(error))?
        .map(Reached::at);
    Ok((!incoming.follows(current)).then(|| incoming.refused(current)))
}
