//! `UPDATE "tickets" SET "price" = $1, "version" = $2 WHERE "id" = $3 AND "version" = $4`, for some
//! columns of a model.

use diesel::backend::Backend;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::result::QueryResult;

use crate::dialect::Conversions;
use crate::loadable::Persisted;
use crate::model::{Clause, ColumnSet, Diff, Walk};
use crate::statement::VersionGuard;
use crate::statement::cache::TEXTS;

/// The columns that an UPDATE writes, if it does not write all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ChangedColumns {
    pub(crate) set: ColumnSet,
    /// Whether the statement for this set is kept prepared.
    pub(crate) cached: bool,
}

impl ChangedColumns {
    pub(crate) fn of(diff: &Diff) -> Self {
        let set = diff.changed.and(diff.excluded);
        Self {
            set,
            cached: set.len() <= cached_changes(diff.columns),
        }
    }

    pub(crate) fn all() -> Self {
        Self {
            set: ColumnSet::all(),
            cached: false,
        }
    }
}

pub(crate) struct SaveChanges<'a, M: Persisted<DB>, DB: Backend> {
    source: M::Source,
    model: &'a M,
    /// `None` if only excluded columns changed. The version is then neither moved nor compared.
    next: Option<&'a M::Version>,
    guard: VersionGuard<'a, M>,
    columns: ChangedColumns,
    conversions: Conversions,
}

impl<'a, M: Persisted<DB>, DB: Backend> SaveChanges<'a, M, DB> {
    pub(crate) fn new(model: &'a M, columns: ChangedColumns, next: Option<&'a M::Version>) -> Self {
        Self {
            source: M::source(),
            model,
            next,
            guard: VersionGuard::of(model),
            columns,
            conversions: Conversions::default(),
        }
    }
}

/// Returns the largest number of changed columns for which the statement is kept prepared, so that
/// there are at most [`TEXTS`] different sets of columns.
fn cached_changes(columns: usize) -> usize {
    let mut sets = 0;
    let mut of_this_size = 1;
    for size in 1..=columns {
        of_this_size = of_this_size * (columns + 1 - size) / size;
        sets += of_this_size;
        if sets > TEXTS {
            return size - 1;
        }
    }
    columns
}

/// Cached under its text, because the columns are known only at run time.
impl<M: Persisted<DB>, DB: Backend> QueryId for SaveChanges<'_, M, DB> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<M: Persisted<DB>, DB: Backend> QueryFragment<DB> for SaveChanges<'_, M, DB> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        if !self.columns.cached {
            out.unsafe_to_cache_prepared();
        }
        out.push_sql("UPDATE ");
        self.source.walk_ast(out.reborrow())?;
        out.push_sql(" SET ");
        let mut walk = Walk::new(
            out.reborrow(),
            &self.conversions,
            Clause::Changes(self.columns.set),
        );
        self.model.columns(&mut walk)?;
        match self.next {
            Some(next) => {
                M::version_column(next, &mut walk)?;
                self.guard.condition(&self.conversions, out)
            }
            None => self.guard.record.condition(&self.conversions, out),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cache_is_bounded() {
        for (columns, expected) in [
            (0, 0),
            (1, 1),
            (8, 8),
            (9, 4),
            (10, 3),
            (12, 2),
            (20, 2),
            (64, 1),
            (128, 1),
        ] {
            assert_eq!(cached_changes(columns), expected, "{columns}");
        }
    }
}
