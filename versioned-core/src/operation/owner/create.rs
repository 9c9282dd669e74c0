//! `create`: inserts a row whose key and defaults the database generates.

use crate::dialect::{Dialect, Kind};
use crate::error::{Conflict, Error, Result, Target};
use crate::event::Op;
use crate::executor::Executor;
use crate::model::{KeyColumns, Versioned};
use crate::operation::outbox::event::announce_row;
use crate::operation::owner::returning::{read_back, returns_row};
use crate::operation::row_count::version_assigned;
use crate::operation::transaction::finish;
use crate::owner::Owner;
use diesel::query_builder::{QueryFragment, QueryId};

use crate::dialect::SqlFor as _;
use crate::statement::{
    Assigned, Create, CreateKey, Created, ForgetKey, Generated, NewRow, Record, Returning,
};

/// Inserts a row at the initial version. The database generates its key and its defaults.
pub(crate) async fn create<M, N, C>(new: N, conn: &mut C) -> Result<M>
where
    C: Executor,
    M: Owner<C::Backend>,
    N: NewRow<M, C::Backend>,
{
    let dialect = conn.dialect::<M::Sql>().await?;
    let insert = prepared::<M, N, C>(new, dialect)?;
    // SQLite needs a transaction too. It accepts NULL for a key that is not the rowid, and then the
    // row cannot be read.
    if dialect == Dialect::Postgres && !M::OUTBOX {
        return insert_returning(insert, conn).await;
    }
    conn.begin().await?;
    let done = create_row(insert, dialect, conn).await;
    finish(done, conn).await
}

/// The statement of a new row, whose version and key are not the caller's.
pub(crate) fn prepared<M, N, C>(
    new: N,
    dialect: Dialect,
) -> Result<Create<N::Values, M, C::Backend>>
where
    C: Executor,
    M: Owner<C::Backend>,
    N: NewRow<M, C::Backend>,
{
    let values = new.values(M::initial_version());
    let assigned = Assigned::by::<M, C::Backend>(&values)?;
    if assigned.has_version_twice::<M>() {
        return Err(version_assigned::<M>());
    }
    // The row is found by the last generated number. A key of another kind would be compared with a
    // number that may belong to any column.
    let counted = M::KeyColumns::NAMES.len() == 1 && M::key_kind() == Kind::Integer;
    // A key that the caller assigns is not the last generated number either.
    if dialect == Dialect::Mysql && (!counted || assigned.gives_key::<M>()) {
        return Err(Error::KeyNotGenerated {
            table: M::table_name(),
        });
    }
    Ok(Create::new(values, &assigned))
}

/// Inserts the row and its event, and reads the row, in the open transaction.
pub(crate) async fn create_row<M, V, C>(
    insert: Create<V, M, C::Backend>,
    dialect: Dialect,
    conn: &mut C,
) -> Result<M>
where
    C: Executor,
    M: Owner<C::Backend>,
    V: QueryFragment<C::Backend> + QueryId + Send,
{
    let returns = dialect == Dialect::Postgres || (dialect == Dialect::Sqlite && !M::in_schema());
    // The row is read again if RETURNING may not show all of it.
    let again = returns && !returns_row::<M, _>(dialect);
    let row = if again {
        insert_then_read_again(insert, conn).await?
    } else if returns {
        insert_returning(insert, conn).await?
    } else if dialect == Dialect::Mysql {
        insert_then_read(insert, conn).await?
    } else {
        insert_then_read_key(insert, conn).await?
    };
    announce_row(Op::Created, &row, conn).await?;
    Ok(row)
}

async fn insert_returning<M, V, C>(insert: Create<V, M, C::Backend>, conn: &mut C) -> Result<M>
where
    C: Executor,
    M: Owner<C::Backend>,
    V: QueryFragment<C::Backend> + QueryId + Send,
{
    let row = M::row(conn, Returning::<_, M, C::Backend>::new(insert)).await?;
    row.ok_or_else(suppressed::<M>)
}

async fn insert_then_read_again<M, V, C>(
    insert: Create<V, M, C::Backend>,
    conn: &mut C,
) -> Result<M>
where
    C: Executor,
    M: Owner<C::Backend>,
    V: QueryFragment<C::Backend> + QueryId + Send,
{
    let row = insert_returning(insert, conn).await?;
    read_back(Record::Of(&row), None, conn).await
}

/// The error for an INSERT that wrote no row. The key is unknown, because the database would have
/// generated it.
pub(crate) fn suppressed<M: Versioned>() -> Error {
    let target = Target {
        table: M::table_name(),
        id: String::new(),
        expected: None,
    };
    Conflict::unwritten(target, None).into()
}

/// Inserts a row on MySQL and MariaDB, and reads it by the last generated key.
async fn insert_then_read<M, V, C>(insert: Create<V, M, C::Backend>, conn: &mut C) -> Result<M>
where
    C: Executor,
    M: Owner<C::Backend>,
    V: QueryFragment<C::Backend> + QueryId + Send,
{
    conn.execute(ForgetKey).await?;
    if conn.execute(insert).await? == 0 {
        return Err(suppressed::<M>());
    }
    created(Generated::LastId, conn).await
}

/// Inserts a row into an attached database of `SQLite`, and reads it by the key that RETURNING
/// reports.
async fn insert_then_read_key<M, V, C>(insert: Create<V, M, C::Backend>, conn: &mut C) -> Result<M>
where
    C: Executor,
    M: Owner<C::Backend>,
    V: QueryFragment<C::Backend> + QueryId + Send,
{
    match M::Sql::text(conn, CreateKey(insert)).await? {
        Some(key) => created(Generated::Key(key), conn).await,
        None => Err(suppressed::<M>()),
    }
}

/// Reads the inserted row.
async fn created<M, C>(key: Generated, conn: &mut C) -> Result<M>
where
    C: Executor,
    M: Owner<C::Backend>,
{
    let row = M::row(conn, Created::<M, C::Backend>::new(key)).await?;
    row.ok_or(Error::KeyNotGenerated {
        table: M::table_name(),
    })
}
