//! What a batch does to each of its rows.

use std::future::Future;

use crate::error::Result;
use crate::event::Op;
use crate::executor::Executor;
use crate::model::By;
use crate::operation::announce::Unit;
use crate::operation::written::Written;
use crate::operation::{delete, insert, save};
use crate::owner::Owner;
use crate::statement::{Deletes, Guard, Saves, Verb};

/// What a batch does to each of its rows, inside of its transaction.
pub(crate) trait Work: 'static {
    const OP: Op;
    const BY: By;
    /// The statement on PostgreSQL; an INSERT has one of its own.
    type Verb: Verb;

    /// Writes one row, whose version becomes `next`, or another one if a deletion is remembered; the model in memory stays.
    fn row<M, X>(
        model: &mut M,
        next: &M::Version,
        unit: Unit,
        x: &mut X,
    ) -> impl Future<Output = Result<Written<M>>> + Send
    where
        X: Executor,
        M: Owner<X::Backend>;
}

pub(crate) enum Inserting {}

impl Work for Inserting {
    const OP: Op = Op::Created;
    const BY: By = By::Insert;
    type Verb = Saves;

    async fn row<M, X>(
        model: &mut M,
        next: &M::Version,
        unit: Unit,
        x: &mut X,
    ) -> Result<Written<M>>
    where
        X: Executor,
        M: Owner<X::Backend>,
    {
        insert::insert_row(model, next, unit, x).await
    }
}

pub(crate) enum Saving {}

impl Work for Saving {
    const OP: Op = Op::Updated;
    const BY: By = By::Update;
    type Verb = Saves;

    async fn row<M, X>(
        model: &mut M,
        next: &M::Version,
        unit: Unit,
        x: &mut X,
    ) -> Result<Written<M>>
    where
        X: Executor,
        M: Owner<X::Backend>,
    {
        save::save_row(model, next, unit, x).await
    }
}

pub(crate) enum Deleting {}

impl Work for Deleting {
    const OP: Op = Op::Deleted;
    const BY: By = By::Delete;
    type Verb = Deletes;

    async fn row<M, X>(
        model: &mut M,
        next: &M::Version,
        unit: Unit,
        x: &mut X,
    ) -> Result<Written<M>>
    where
        X: Executor,
        M: Owner<X::Backend>,
    {
        delete::delete_row(Guard::of(&*model), next, unit, x).await?;
        Ok(Written::AsGiven(next.clone()))
    }
}
