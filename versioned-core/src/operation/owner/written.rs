//! The outcome of a write for a model. The model in memory shows it only after the whole operation
//! has succeeded.

use diesel::backend::Backend;

use crate::dialect::Conversions;
use crate::error::{Error, Result};
use crate::executor::Executor;
use crate::loadable::Persisted;
use crate::model::{OwnerModel, Versioned, Walk, WriteKind};
use crate::owner::Owner;
use crate::statement::FindAll;
use std::collections::HashMap;

/// The outcome of a write for a model.
pub(crate) enum Written<M: Versioned> {
    /// The row equals the model, at this version.
    AsGiven(M::Version),
    /// The row, which may have values that the model does not have.
    Row(M),
}

impl<M: Versioned> Written<M> {
    /// Makes the model show the write.
    pub(crate) fn show(self, model: &mut M) {
        match self {
            Self::AsGiven(version) => model.set_version(version),
            Self::Row(row) => *model = row,
        }
    }
}

/// Returns whether the row may differ from the written model. The database generates the fields
/// that the write leaves out. With an outbox, values that the database may have rounded count too.
pub(crate) fn reads_row<M, DB>(model: &M) -> Result<bool>
where
    M: OwnerModel + Persisted<DB>,
    DB: Backend,
{
    if !M::COMPLETE || !M::OUTBOX {
        return Ok(!M::COMPLETE);
    }
    let conversions = Conversions::default();
    let mut walk = Walk::<DB>::count(&conversions, WriteKind::Update);
    model.columns(&mut walk)?;
    Ok(walk.may_be_rounded())
}

/// The number of rows that one SELECT reads.
const CHUNK: usize = 100;

/// Reads the rows of models that this transaction has just written, in the order of the models.
pub(crate) async fn read_all<M, C>(models: &[&M], conn: &mut C) -> Result<Vec<M>>
where
    C: Executor,
    M: Owner<C::Backend>,
{
    let mut rows = HashMap::with_capacity(models.len());
    for chunk in models.chunks(CHUNK) {
        let find = FindAll::<M, C::Backend>::new(chunk);
        for row in M::rows(conn, find).await? {
            rows.insert(M::key_text(&row.id()), row);
        }
    }
    models
        .iter()
        .map(|model| {
            let id = M::key_text(&model.id());
            let row = rows.remove(&id);
            let table = M::table_name();
            row.ok_or(Error::NotFound { table, id })
        })
        .collect()
}
