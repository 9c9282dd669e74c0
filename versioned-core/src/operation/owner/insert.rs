//! `insert` and `import`: insert a model at the initial version, or at its own.

use crate::change::Change;
use crate::dialect::Dialect;
use crate::error::{Error, Result};
use crate::event::Op;
use crate::executor::Executor;
use crate::model::{OwnerModel, Versioned};
use crate::operation::outbox::event::{announce_row, event_of, event_of_row};
use crate::operation::owner::returning::{read_back, returns_row};
use crate::operation::owner::tombstone::first_version;
use crate::operation::owner::write::{Atomicity, write_with_event};
use crate::operation::owner::written::{Written, reads_row};
use crate::operation::row_count::{failed, not_inserted};
use crate::operation::transaction::finish;
use crate::operation::zero_key::has_zero;
use crate::owner::Owner;
use crate::statement::{Current, Fails, FindVersion, IfTaken, Insert, NewEvent, Record, Returning};

/// Inserts the model at the initial version.
pub(crate) async fn insert<'m, M, C>(model: &'m mut M, conn: &mut C) -> Result<Change<'m, M>>
where
    C: Executor,
    M: Owner<C::Backend>,
{
    let first = M::initial_version();
    insert_whole::<Fails, M, C>(model, &first, Atomicity::Own, conn)
        .await?
        .show(model);
    Ok(Change::new(Op::Created, model))
}

/// Inserts the row, with `tombstones` in a transaction or savepoint.
pub(crate) async fn insert_whole<T, M, C>(
    model: &mut M,
    first: &M::Version,
    unit: Atomicity,
    conn: &mut C,
) -> Result<Written<M>>
where
    C: Executor,
    M: Owner<C::Backend>,
    T: IfTaken,
{
    if !M::TOMBSTONES {
        return insert_row::<T, M, C>(model, first, unit, conn).await;
    }
    conn.begin().await?;
    let done = insert_row::<T, M, C>(model, first, Atomicity::Nested, conn).await;
    finish(done, conn).await
}

/// Inserts the row. With `tombstones`, a transaction must be open. The version is `first`, or the
/// one after a remembered deletion. Leaves the model in memory unchanged. A taken key that `T` skips
/// is a conflict of kind `Suppressed`, as a row that the database suppressed is.
pub(crate) async fn insert_row<T, M, C>(
    model: &mut M,
    first: &M::Version,
    unit: Atomicity,
    conn: &mut C,
) -> Result<Written<M>>
where
    C: Executor,
    M: Owner<C::Backend>,
    T: IfTaken,
{
    let first = if M::TOMBSTONES {
        first_version(&*model, conn).await?
    } else {
        first.clone()
    };
    let reads = reads_row(&*model)?;
    if reads {
        // An event that cannot be built is reported before anything is written.
        event_of(Op::Created, model, &first)?;
    }
    if reads || makes_another_key(&*model, conn).await? {
        let row = insert_then_read::<T, M, C>(Op::Created, model, &first, unit, conn).await?;
        return Ok(Written::Row(row));
    }
    let event = event_of(Op::Created, model, &first)?;
    insert_with::<T, M, C>(event, model, &first, unit, conn).await?;
    Ok(Written::AsGiven(first))
}

/// Inserts the model at its own version.
pub(crate) async fn import<M, C>(model: &M, conn: &mut C) -> Result<()>
where
    C: Executor,
    M: Owner<C::Backend>,
{
    let version = model.loaded();
    let another = makes_another_key(model, conn).await?;
    if M::OUTBOX && (another || reads_row(model)?) || (another && has_zero(model)) {
        let unit = Atomicity::Own;
        let row = insert_then_read::<Fails, M, C>(Op::Snapshot, model, version, unit, conn).await;
        return row.map(drop);
    }
    let event = event_of_row(Op::Snapshot, model)?;
    insert_with::<Fails, M, C>(event, model, version, Atomicity::Own, conn).await
}

/// Returns whether the row may get another key than the model's, which then must be read. MySQL and
/// MariaDB generate a key for 0. An event or a tombstone depends on the exact key, which a column
/// may round, truncate or pad.
async fn makes_another_key<M, C>(model: &M, conn: &mut C) -> Result<bool>
where
    C: Executor,
    M: Owner<C::Backend>,
{
    let told = M::OUTBOX || M::TOMBSTONES;
    if told && M::may_change_key() {
        return Ok(true);
    }
    Ok(conn.dialect::<M::Sql>().await? == Dialect::Mysql && has_zero(model))
}

/// Looks for the inserted row. Returns `Error::KeyGenerated` if it has another key.
pub(crate) async fn has_its_key<M, C>(model: &M, conn: &mut C) -> Result<()>
where
    C: Executor,
    M: Owner<C::Backend>,
{
    let look = FindVersion::<Current, M, C::Backend>::new(Record::Of(model));
    match M::row_version(conn, look).await {
        Ok(Some(_)) => Ok(()),
        Ok(None) => Err(key_generated(Record::Of(model))),
        Err(error) => Err(failed(Record::Of(model), None, error)),
    }
}

/// The error for a row that has another key than the model.
fn key_generated<M: Versioned>(record: Record<'_, M>) -> Error {
    Error::KeyGenerated {
        table: M::table_name(),
        id: record.key_text(),
    }
}

/// Returns whether a new row has the key of its model. Without events and tombstones nothing depends on
/// that: the row is committed, and the model becomes the row, with its key.
fn keeps_key<M: OwnerModel>(row: &M, record: Record<'_, M>) -> bool {
    !(M::OUTBOX || M::TOMBSTONES) || M::key_text(&row.id()) == record.key_text()
}

async fn insert_with<T, M, C>(
    event: Option<NewEvent>,
    model: &M,
    version: &M::Version,
    unit: Atomicity,
    conn: &mut C,
) -> Result<()>
where
    C: Executor,
    M: Owner<C::Backend>,
    T: IfTaken,
{
    let insert = Insert::<_, _, T>::or(model, version);
    match write_with_event::<M, _, _>(insert, event, unit, conn).await {
        Ok(0) => Err(not_inserted(Record::Of(model), conn).await),
        Ok(_) => Ok(()),
        Err(error) => Err(failed(Record::Of(model), None, error)),
    }
}

/// Inserts the row and returns it: by one statement with RETURNING, or by the INSERT and a SELECT
/// in a transaction. With an outbox, the transaction also inserts the row's event.
async fn insert_then_read<T, M, C>(
    op: Op,
    model: &M,
    version: &M::Version,
    unit: Atomicity,
    conn: &mut C,
) -> Result<M>
where
    C: Executor,
    M: Owner<C::Backend>,
    T: IfTaken,
{
    let dialect = conn.dialect::<M::Sql>().await?;
    // A tombstone depends on the key, which an AFTER trigger of SQLite may still change after
    // RETURNING.
    let may_change = dialect == Dialect::Sqlite && M::TOMBSTONES;
    let returns = returns_row::<M, _>(dialect) && !may_change;
    if unit == Atomicity::Nested || (returns && !M::OUTBOX) {
        return insert_read_announce::<T, M, C>(op, model, version, returns, conn).await;
    }
    conn.begin().await?;
    let done = insert_read_announce::<T, M, C>(op, model, version, returns, conn).await;
    finish(done, conn).await
}

async fn insert_read_announce<T, M, C>(
    op: Op,
    model: &M,
    version: &M::Version,
    returns: bool,
    conn: &mut C,
) -> Result<M>
where
    C: Executor,
    M: Owner<C::Backend>,
    T: IfTaken,
{
    let record = Record::Of(model);
    let row = if returns {
        let insert = Insert::<_, _, T>::or(model, version);
        let insert = Returning::<_, M, C::Backend>::new(insert);
        match M::row(conn, insert).await {
            Ok(Some(row)) if keeps_key(&row, record) => row,
            Ok(Some(_)) => return Err(key_generated(record)),
            Ok(None) => return Err(not_inserted(record, conn).await),
            Err(error) => return Err(failed(record, None, error)),
        }
    } else {
        insert_with::<T, M, C>(None, model, version, Atomicity::Nested, conn).await?;
        match read_back(record, None, conn).await {
            Err(Error::NotFound { .. }) if makes_another_key(model, conn).await? => {
                return Err(key_generated(record));
            }
            row => row?,
        }
    };
    announce_row(op, &row, conn).await?;
    Ok(row)
}
