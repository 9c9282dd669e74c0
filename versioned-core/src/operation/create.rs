use super::announce::announce_row;
use super::outcome::version_assigned;
use super::settle::{read_back, returns_row, settle};
use crate::dialect::{Dialect, Kind};
use crate::error::{Conflict, Error, Result, Target};
use crate::event::Op;
use crate::executor::Executor;
use crate::model::{KeyColumns, Versioned};
use crate::owner::Owner;
use diesel::query_builder::{QueryFragment, QueryId};

use crate::dialect::Flavor as _;
use crate::statement::{
    Assigned, Create, CreateKey, Created, ForgetKey, Generated, NewRow, Record, Returning,
};

/// Inserts a row whose key and defaults the database makes, at the initial version.
pub(crate) async fn create<M, N, X>(new: N, x: &mut X) -> Result<M>
where
    X: Executor,
    M: Owner<X::Backend>,
    N: NewRow<M, X::Backend>,
{
    let values = new.values(M::initial_version());
    let assigned = Assigned::by::<M, X::Backend>(&values)?;
    if assigned.has_version_twice::<M>() {
        return Err(version_assigned::<M>());
    }
    let insert = Create::<_, M, X::Backend>::new(values, &assigned);
    let dialect = x.dialect::<M::On>().await?;
    let returns = dialect == Dialect::Postgres || (dialect == Dialect::Sqlite && !M::in_schema());
    // Where RETURNING does not show all of it, the row is read again.
    let again = returns && !returns_row::<M, _>(dialect);
    // SQLite takes NULL for a key that is not the rowid, and then the row that is there cannot be read.
    if dialect == Dialect::Postgres && !M::OUTBOX {
        return insert_returning(insert, x).await;
    }
    // What is no integer would be compared with the number that the database made last, whatever column that is in.
    let counted = M::KeyColumns::NAMES.len() == 1 && M::key_kind() == Kind::Integer;
    // Nor is a key that is given the one that the database made last, in whatever column.
    if dialect == Dialect::Mysql && (!counted || assigned.gives_key::<M>()) {
        return Err(Error::KeyNotGenerated {
            table: M::table_name(),
        });
    }
    x.begin().await?;
    let done = if again {
        insert_then_read_again(insert, x).await
    } else if returns {
        insert_returning(insert, x).await
    } else if dialect == Dialect::Mysql {
        insert_then_read(insert, x).await
    } else {
        insert_then_read_key(insert, x).await
    };
    let done = announced(done, x).await;
    settle(done, x).await
}

async fn announced<M, X>(done: Result<M>, x: &mut X) -> Result<M>
where
    X: Executor,
    M: Owner<X::Backend>,
{
    let row = done?;
    announce_row(Op::Created, &row, x).await?;
    Ok(row)
}

async fn insert_returning<M, V, X>(insert: Create<V, M, X::Backend>, x: &mut X) -> Result<M>
where
    X: Executor,
    M: Owner<X::Backend>,
    V: QueryFragment<X::Backend> + QueryId + Send,
{
    let row = M::row(x, Returning::<_, M, X::Backend>::new(insert)).await?;
    row.ok_or_else(suppressed::<M>)
}

async fn insert_then_read_again<M, V, X>(insert: Create<V, M, X::Backend>, x: &mut X) -> Result<M>
where
    X: Executor,
    M: Owner<X::Backend>,
    V: QueryFragment<X::Backend> + QueryId + Send,
{
    let row = insert_returning(insert, x).await?;
    read_back(Record::Of(&row), None, x).await
}

/// The database wrote no row, whose key it would have made.
fn suppressed<M: Versioned>() -> Error {
    let target = Target {
        table: M::table_name(),
        id: String::new(),
        expected: None,
    };
    Conflict::suppressed(target, None).into()
}

/// MySQL and MariaDB.
async fn insert_then_read<M, V, X>(insert: Create<V, M, X::Backend>, x: &mut X) -> Result<M>
where
    X: Executor,
    M: Owner<X::Backend>,
    V: QueryFragment<X::Backend> + QueryId + Send,
{
    x.execute(ForgetKey).await?;
    if x.execute(insert).await? == 0 {
        return Err(suppressed::<M>());
    }
    created(Generated::LastId, x).await
}

/// An attached database of `SQLite`.
async fn insert_then_read_key<M, V, X>(insert: Create<V, M, X::Backend>, x: &mut X) -> Result<M>
where
    X: Executor,
    M: Owner<X::Backend>,
    V: QueryFragment<X::Backend> + QueryId + Send,
{
    match M::On::text(x, CreateKey(insert)).await? {
        Some(key) => created(Generated::Key(key), x).await,
        None => Err(suppressed::<M>()),
    }
}

/// The row that was inserted.
async fn created<M, X>(key: Generated, x: &mut X) -> Result<M>
where
    X: Executor,
    M: Owner<X::Backend>,
{
    let row = M::row(x, Created::<M, X::Backend>::new(key)).await?;
    row.ok_or(Error::KeyNotGenerated {
        table: M::table_name(),
    })
}
