//! What is missing for the work of an operator.

use std::marker::PhantomData;

use crate::dialect::SqlFor as _;
use crate::error::{Cause, Result};
use crate::executor::Executor;
use crate::outbox::SupportedBackend;
use crate::runner::Runner;
use crate::statement::probe::{ReadNothing, TABLES, WRITES, WriteNothing};

type Sql<C> = <<C as Runner>::Backend as SupportedBackend>::Sql;

/// A table, the right that it lacks, the cause, and the text of the database.
pub(crate) type Lacking = (&'static str, &'static str, Cause, String);

/// Tries to read each table, and with `writes`, to write those that operators write.
pub(crate) async fn missing<C>(writes: bool, conn: &mut C) -> Result<Vec<Lacking>>
where
    C: Executor<Backend: SupportedBackend>,
{
    let mut lacking = Vec::new();
    for &(table, columns) in TABLES {
        let flavor = PhantomData;
        let statement = ReadNothing::<Sql<C>> {
            table,
            columns,
            flavor,
        };
        // On PostgreSQL, an error ends the innermost transaction.
        conn.begin().await?;
        let done = Sql::<C>::number(conn, statement).await;
        conn.rollback().await?;
        if let Err(error) = done {
            let error = error.into();
            lacking.push((table, "SELECT", Cause::of(&error), error.to_string()));
        }
    }
    for &(table, right, sql) in WRITES.iter().filter(|_| writes) {
        if lacking
            .iter()
            .any(|(name, _, cause, _)| *name == table && *cause == Cause::Missing)
        {
            continue;
        }
        conn.begin().await?;
        let done = conn.execute(WriteNothing(sql)).await;
        conn.rollback().await?;
        if let Err(error) = done {
            let error = error.into();
            lacking.push((table, right, Cause::of(&error), error.to_string()));
        }
    }
    Ok(lacking)
}
