//! `create_all`: inserts many rows whose keys and defaults the database generates.

use diesel::backend::Backend;

use crate::dialect::{Dialect, SqlFor};
use crate::error::{Error, Result};
use crate::event::Op;
use crate::executor::Executor;
use crate::loadable::Loadable;
use crate::operation::outbox::event::event_of_row;
use crate::operation::owner::create::{create_row, prepared, suppressed};
use crate::operation::row_count::version_assigned;
use crate::operation::transaction::finish;
use crate::owner::Owner;
use crate::statement::{
    Assigned, Batch, CreateAll, InsertEvents, NewEvents, NewRow, NewRows, Unwritten,
};

/// The number of rows that one statement inserts. Diesel's largest table has 128 columns, and a
/// statement of PostgreSQL has at most 65,535 values.
const CHUNK: usize = 500;

/// Inserts all rows at their first version, or none. Returns them in their order.
pub(crate) async fn create_all<M, N, C>(rows: Vec<N>, conn: &mut C) -> Result<Vec<M>>
where
    C: Executor,
    M: Owner<C::Backend>,
    N: NewRows<M, C::Backend> + Send,
{
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let dialect = conn.dialect::<M::Sql>().await?;
    if <<M as Loadable<C::Backend>>::Sql as SqlFor<C::Backend>>::KNOWN != Some(Dialect::Postgres) {
        conn.begin().await?;
        let done = one_by_one(rows, dialect, conn).await;
        return finish(done, conn).await;
    }
    let batches = batches::<M, N, C::Backend>(rows)?;
    if batches.len() == 1 && !M::OUTBOX && !conn.in_transaction() {
        return many(batches, conn).await;
    }
    conn.begin().await?;
    let done = many(batches, conn).await;
    finish(done, conn).await
}

/// Inserts the rows one by one, in the open transaction. `MySQL` returns no rows and does not say
/// which keys it generated for several, and `SQLite` may return rows in any order.
async fn one_by_one<M, N, C>(rows: Vec<N>, dialect: Dialect, conn: &mut C) -> Result<Vec<M>>
where
    C: Executor,
    M: Owner<C::Backend>,
    N: NewRow<M, C::Backend> + Send,
{
    let mut created = Vec::with_capacity(rows.len());
    for row in rows {
        let insert = prepared::<M, N, C>(row, dialect)?;
        created.push(create_row(insert, dialect, conn).await?);
    }
    Ok(created)
}

/// The values of a statement, and the number of its rows.
type Values<N, M, DB> = (Batch<N, M, DB>, usize);

/// Divides the rows among statements.
fn batches<M, N, DB>(rows: Vec<N>) -> Result<Vec<Values<N, M, DB>>>
where
    DB: Backend,
    M: Owner<DB>,
    N: NewRows<M, DB>,
{
    let mut rest = rows.into_iter();
    let mut batches = Vec::new();
    loop {
        let chunk: Vec<N> = rest.by_ref().take(CHUNK).collect();
        let count = chunk.len();
        if count == 0 {
            return Ok(batches);
        }
        let batch = Batch::new(chunk);
        // All rows have the same columns, some of them with DEFAULT.
        if batches.is_empty() && Assigned::by::<M, DB>(&batch)?.has_version_twice::<M>() {
            return Err(version_assigned::<M>());
        }
        batches.push((batch, count));
    }
}

/// Inserts the rows by statements for many rows. Several statements need an open transaction.
async fn many<M, N, C>(batches: Vec<Values<N, M, C::Backend>>, conn: &mut C) -> Result<Vec<M>>
where
    C: Executor,
    M: Owner<C::Backend>,
    N: NewRows<M, C::Backend>,
{
    let mut created = Vec::new();
    for (values, count) in batches {
        let rows = i64::try_from(count).unwrap_or(i64::MAX);
        let insert = CreateAll::<_, M, C::Backend>::new(values, rows);
        let rows = match M::rows(conn, insert).await {
            Ok(rows) if rows.len() == count => rows,
            Ok(_) => return Err(suppressed::<M>()),
            Err(error) if Unwritten::is_why(&error) => return Err(suppressed::<M>()),
            Err(error) => return Err(error.into()),
        };
        if M::OUTBOX {
            announce_all(&rows, conn).await?;
        }
        created.extend(rows);
    }
    Ok(created)
}

/// Inserts the events of the rows, in their order.
async fn announce_all<M, C>(rows: &[M], conn: &mut C) -> Result<()>
where
    C: Executor,
    M: Owner<C::Backend>,
{
    let mut events = NewEvents {
        entity: M::ENTITY,
        op: Op::Created.name(),
        keys: Vec::with_capacity(rows.len()),
        versions: Vec::with_capacity(rows.len()),
        payloads: Vec::with_capacity(rows.len()),
    };
    for row in rows {
        if let Some(event) = event_of_row(Op::Created, row)? {
            events.push(event);
        }
    }
    let inserted = conn.execute(InsertEvents::<M::Sql>::new(&events)).await;
    inserted.map(drop).map_err(Error::from)
}
