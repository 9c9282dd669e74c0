//! The plan of a batch, made before any SQL.

use crate::error::{Error, Result};
use crate::model::{Versioned, WriteKind};
use crate::operation::owner::written::Written;
use crate::operation::row_count::next_version;
use crate::statement::{BatchRows, ChangedColumns, VersionGuard};

/// The order in which the rows are locked, and the next version of each row.
pub(crate) struct Plan<V> {
    /// Indexes of the models, in the order of the text of their keys. Every batch uses this order.
    /// It may have a part of the models only.
    pub(crate) order: Vec<usize>,
    /// The next version of each model, by its index.
    pub(crate) next: Vec<V>,
    /// The columns that an UPDATE writes, if it does not write all.
    pub(crate) columns: Option<ChangedColumns>,
}

impl<V> Plan<V> {
    /// Plans writes to existing rows.
    pub(crate) fn of_loaded<M: Versioned<Version = V>>(models: &[M]) -> Result<Self> {
        let next = models
            .iter()
            .map(|model| next_version(VersionGuard::of(model)));
        Ok(Self {
            order: order(models)?,
            next: next.collect::<Result<_>>()?,
            columns: None,
        })
    }

    /// Plans inserts.
    pub(crate) fn of_new<M: Versioned<Version = V>>(models: &[M]) -> Result<Self> {
        Ok(Self {
            order: order(models)?,
            next: models.iter().map(|_| M::initial_version()).collect(),
            columns: None,
        })
    }

    /// Plans the writes to the rows of these models. The others get no next version.
    pub(crate) fn of_some<M: Versioned<Version = V>>(
        models: &[M],
        is_written: impl Fn(usize) -> bool,
    ) -> Result<Self>
    where
        V: Clone,
    {
        let next = models.iter().enumerate().map(|(row, model)| {
            if is_written(row) {
                next_version(VersionGuard::of(model))
            } else {
                Ok(model.loaded().clone())
            }
        });
        Ok(Self {
            order: order(models)?,
            next: next.collect::<Result<_>>()?,
            columns: None,
        })
    }

    /// Splits the plan of an upsert: the models that are new, at their first version, and the
    /// others.
    pub(crate) fn split<M: Versioned<Version = V>>(&self) -> (Self, Self)
    where
        V: Clone + PartialEq,
    {
        let first = M::initial_version();
        let is_new = |row: &usize| self.next.get(*row) == Some(&first);
        let part = |new| Self {
            order: self
                .order
                .iter()
                .copied()
                .filter(|row| is_new(row) == new)
                .collect(),
            next: self.next.clone(),
            columns: None,
        };
        (part(true), part(false))
    }

    /// Returns the outcome of each model, if its row equals the model.
    pub(crate) fn of_next<M: Versioned<Version = V>>(&self) -> Vec<Written<M>>
    where
        V: Clone,
    {
        self.next.iter().cloned().map(Written::AsGiven).collect()
    }

    /// Returns the rows of a chunk of `order`, for a statement.
    pub(crate) fn given<'a, M: Versioned<Version = V>>(
        &'a self,
        by: WriteKind,
        models: &'a [M],
        chunk: &[usize],
    ) -> BatchRows<'a, M> {
        BatchRows {
            models: chunk.iter().filter_map(|&row| models.get(row)).collect(),
            next: chunk.iter().filter_map(|&row| self.next.get(row)).collect(),
            by,
            columns: self.columns.filter(|_| by == WriteKind::Update),
        }
    }
}

/// Returns the indexes of the models in the order of their keys. Returns `Error::TwiceInBatch` if
/// two models have the same key.
fn order<M: Versioned>(models: &[M]) -> Result<Vec<usize>> {
    let mut keys: Vec<(String, usize)> = models
        .iter()
        .enumerate()
        .map(|(place, model)| (M::key_text(&model.id()), place))
        .collect();
    keys.sort_unstable();
    let twice = keys
        .iter()
        .zip(keys.iter().skip(1))
        .find(|((key, _), (next, _))| key == next);
    match twice {
        Some(((key, _), _)) => Err(Error::TwiceInBatch {
            table: M::table_name(),
            id: key.clone(),
        }),
        None => Ok(keys.into_iter().map(|(_, place)| place).collect()),
    }
}
