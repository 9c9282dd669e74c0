//! `SELECT count(*) FROM sqlite_master WHERE type = 'view' AND name = ?`, and the same in `sqlite_temp_master`.

use std::marker::PhantomData;

use diesel::backend::Backend;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::result::QueryResult;

use crate::dialect::Flavor;

/// How many views of `SQLite` have this name; `F` knows the backend.
pub(crate) struct Views<F: ?Sized> {
    name: &'static str,
    flavor: PhantomData<fn(&F)>,
}

impl<F: ?Sized> Views<F> {
    pub(crate) fn named(name: &'static str) -> Self {
        Self {
            name,
            flavor: PhantomData,
        }
    }
}

pub(crate) enum ViewsId {}

impl<F: ?Sized> QueryId for Views<F> {
    type QueryId = ViewsId;
}

impl<F, DB> QueryFragment<DB> for Views<F>
where
    F: Flavor<DB> + ?Sized,
    DB: Backend,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql(
            "SELECT count(*) FROM (SELECT type, name FROM sqlite_master UNION ALL \
             SELECT type, name FROM sqlite_temp_master) WHERE type = 'view' AND name = ",
        );
        F::push_text(&mut out, self.name)?;
        out.push_sql(" COLLATE NOCASE");
        Ok(())
    }
}
