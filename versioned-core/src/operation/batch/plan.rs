//! What is known of a batch before any SQL.

use crate::error::{Error, Result};
use crate::model::{Versioned, WriteKind};
use crate::operation::owner::written::Written;
use crate::operation::row_count::next_version;
use crate::statement::{BatchRows, VersionGuard};

/// The order in which the rows are locked, and the version that each of them gets.
pub(crate) struct Plan<V> {
    /// Which model comes when: in the order of the keys' text, which is the same for every batch.
    pub(crate) order: Vec<usize>,
    /// By model.
    pub(crate) next: Vec<V>,
}

impl<V> Plan<V> {
    /// For rows that are there.
    pub(crate) fn of_loaded<M: Versioned<Version = V>>(models: &[M]) -> Result<Self> {
        let next = models
            .iter()
            .map(|model| next_version(VersionGuard::of(model)));
        Ok(Self {
            order: order(models)?,
            next: next.collect::<Result<_>>()?,
        })
    }

    /// For rows that are not there yet.
    pub(crate) fn of_new<M: Versioned<Version = V>>(models: &[M]) -> Result<Self> {
        Ok(Self {
            order: order(models)?,
            next: models.iter().map(|_| M::initial_version()).collect(),
        })
    }

    /// What becomes of the models if their rows are as they are.
    pub(crate) fn of_next<M: Versioned<Version = V>>(&self) -> Vec<Written<M>>
    where
        V: Clone,
    {
        self.next.iter().cloned().map(Written::AsGiven).collect()
    }

    /// A chunk of the order, for a statement.
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
        }
    }
}

/// The models in the order of their keys; an error if two of them are the same row.
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
