use super::settle::settle;
use crate::dialect::Dialect;
use crate::error::{Error, Result};
use crate::executor::Executor;
use crate::model::KeyColumns;
use crate::owner::Owner;
use crate::statement::{Create, Created, ForgetKey, NewRow, Returning};

/// Inserts a row whose key and defaults the database makes, at the initial version.
pub(crate) async fn create<M, N, X>(new: N, x: &mut X) -> Result<M>
where
    X: Executor,
    M: Owner<X::Backend>,
    N: NewRow<M, X::Backend>,
{
    let insert = Create::<_, M, X::Backend>::new(new.values(M::initial_version()));
    let dialect = x.dialect::<M::On>().await?;
    if dialect.returns_rows(M::in_schema()) {
        let row = M::row(x, Returning::<_, M, X::Backend>::new(insert)).await?;
        // Only a trigger or a rule that swallows the row gets here.
        return row.ok_or(Error::Database(diesel::result::Error::NotFound));
    }
    if dialect == Dialect::Mysql && M::KeyColumns::NAMES.len() > 1 {
        return Err(Error::KeyNotGenerated { table: M::TABLE });
    }
    x.begin().await?;
    let done = insert_then_read(insert, dialect, x).await;
    settle(done, x).await
}

async fn insert_then_read<M, V, X>(
    insert: Create<V, M, X::Backend>,
    dialect: Dialect,
    x: &mut X,
) -> Result<M>
where
    X: Executor,
    M: Owner<X::Backend>,
    V: diesel::query_builder::QueryFragment<X::Backend> + diesel::query_builder::QueryId + Send,
{
    if dialect == Dialect::Mysql {
        x.execute(ForgetKey).await?;
    }
    x.execute(insert).await?;
    M::row(x, Created::<M, X::Backend>::new())
        .await?
        .ok_or(Error::KeyNotGenerated { table: M::TABLE })
}
