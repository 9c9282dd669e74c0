//! The operations of a batch: insert, save, delete.

use std::future::Future;

use crate::error::Result;
use crate::event::Op;
use crate::executor::Executor;
use crate::model::WriteKind;
use crate::operation::owner::tracked::save_columns;
use crate::operation::owner::write::Atomicity;
use crate::operation::owner::written::Written;
use crate::operation::owner::{delete, insert, save};
use crate::owner::Owner;
use crate::statement::{ChangedColumns, Deletes, Fails, Saves, Verb, VersionGuard};

/// The operation that a batch runs on each of its rows, inside its transaction.
pub(crate) trait BatchOp: 'static {
    const OP: Op;
    const BY: WriteKind;
    /// The verb of the statement on PostgreSQL. An INSERT has a statement of its own.
    type Verb: Verb;

    /// Writes one row, in the transaction of the batch. Its version becomes `next`, or a later one if a
    /// tombstone exists. Leaves the model in memory unchanged. An UPDATE of some `columns` emits no
    /// event.
    fn row<M, C>(
        model: &mut M,
        next: &M::Version,
        columns: Option<ChangedColumns>,
        conn: &mut C,
    ) -> impl Future<Output = Result<Written<M>>> + Send
    where
        C: Executor,
        M: Owner<C::Backend>;
}

pub(crate) enum Inserting {}

impl BatchOp for Inserting {
    const OP: Op = Op::Created;
    const BY: WriteKind = WriteKind::Insert;
    type Verb = Saves;

    async fn row<M, C>(
        model: &mut M,
        next: &M::Version,
        _columns: Option<ChangedColumns>,
        conn: &mut C,
    ) -> Result<Written<M>>
    where
        C: Executor,
        M: Owner<C::Backend>,
    {
        insert::insert_row::<Fails, M, C>(model, next, Atomicity::Nested, conn).await
    }
}

pub(crate) enum Saving {}

impl BatchOp for Saving {
    const OP: Op = Op::Updated;
    const BY: WriteKind = WriteKind::Update;
    type Verb = Saves;

    async fn row<M, C>(
        model: &mut M,
        next: &M::Version,
        columns: Option<ChangedColumns>,
        conn: &mut C,
    ) -> Result<Written<M>>
    where
        C: Executor,
        M: Owner<C::Backend>,
    {
        match columns {
            None => save::save_row(model, next, Atomicity::Nested, conn).await,
            Some(columns) => save_columns(model, next, columns, conn).await,
        }
    }
}

pub(crate) enum Deleting {}

impl BatchOp for Deleting {
    const OP: Op = Op::Deleted;
    const BY: WriteKind = WriteKind::Delete;
    type Verb = Deletes;

    async fn row<M, C>(
        model: &mut M,
        next: &M::Version,
        _columns: Option<ChangedColumns>,
        conn: &mut C,
    ) -> Result<Written<M>>
    where
        C: Executor,
        M: Owner<C::Backend>,
    {
        delete::delete_row(
            VersionGuard::of(&*model),
            &(),
            next,
            Atomicity::Nested,
            conn,
        )
        .await?;
        Ok(Written::AsGiven(next.clone()))
    }
}
