//! Many positions at once, for PostgreSQL: keys and versions are arrays, so that the text does not depend on their number.

use std::marker::PhantomData;

use diesel::backend::Backend;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::result::QueryResult;

use super::position::Position;
use crate::dialect::Flavor;

/// Where the positions of an entity move to.
#[derive(Debug)]
pub(crate) struct Positions {
    entity: &'static str,
    keys: Vec<String>,
    versions: Vec<i64>,
    /// Microseconds since 1970 if the record is deleted, else 0.
    deleted_at: Vec<i64>,
}

impl Positions {
    pub(crate) fn new<'a>(
        entity: &'static str,
        positions: impl Iterator<Item = Position<'a>>,
    ) -> Self {
        let mut all = Self {
            entity,
            keys: Vec::new(),
            versions: Vec::new(),
            deleted_at: Vec::new(),
        };
        for position in positions {
            all.keys.push(position.key.to_owned());
            all.versions.push(position.version);
            all.deleted_at.push(position.deleted_at);
        }
        all
    }
}

/// Moves the positions that are older, makes those that are missing, and answers with those that moved. They must be
/// ordered by key, so that two that do this never wait for each other in a circle.
///
/// ```sql
/// INSERT INTO versioned_positions (entity, key, version, deleted_at)
///     SELECT $1, unnest($2), unnest($3), NULLIF(unnest($4), 0)
///     ON CONFLICT (entity, key) DO UPDATE SET version = excluded.version, deleted_at = excluded.deleted_at
///     WHERE versioned_positions.version < excluded.version RETURNING key, version
/// ```
pub(crate) struct UpsertAll<'a, F: ?Sized> {
    positions: &'a Positions,
    flavor: PhantomData<fn(&F)>,
}

impl<'a, F: ?Sized> UpsertAll<'a, F> {
    pub(crate) fn new(positions: &'a Positions) -> Self {
        Self {
            positions,
            flavor: PhantomData,
        }
    }
}

pub(crate) enum UpsertAllId {}

impl<F: ?Sized> QueryId for UpsertAll<'_, F> {
    type QueryId = UpsertAllId;
}

impl<F, DB> QueryFragment<DB> for UpsertAll<'_, F>
where
    F: Flavor<DB> + ?Sized,
    DB: Backend,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        let Positions {
            entity,
            keys,
            versions,
            deleted_at,
        } = self.positions;
        out.push_sql(
            "INSERT INTO versioned_positions (entity, \"key\", version, deleted_at) SELECT ",
        );
        F::push_text(&mut out, entity)?;
        out.push_sql(", unnest(");
        F::push_texts(&mut out, keys)?;
        out.push_sql("), unnest(");
        F::push_numbers(&mut out, versions)?;
        out.push_sql("), NULLIF(unnest(");
        F::push_numbers(&mut out, deleted_at)?;
        out.push_sql(
            "), 0) ON CONFLICT (entity, \"key\") \
            DO UPDATE SET version = excluded.version, deleted_at = excluded.deleted_at \
            WHERE versioned_positions.version < excluded.version RETURNING \"key\", version",
        );
        Ok(())
    }
}

/// The versions of positions: `SELECT key, version FROM versioned_positions WHERE entity = $1 AND key = ANY($2)`
pub(crate) struct LookAll<'a, F: ?Sized> {
    entity: &'static str,
    keys: &'a [String],
    flavor: PhantomData<fn(&F)>,
}

impl<'a, F: ?Sized> LookAll<'a, F> {
    pub(crate) fn new(entity: &'static str, keys: &'a [String]) -> Self {
        Self {
            entity,
            keys,
            flavor: PhantomData,
        }
    }
}

pub(crate) enum LookAllId {}

impl<F: ?Sized> QueryId for LookAll<'_, F> {
    type QueryId = LookAllId;
}

impl<F, DB> QueryFragment<DB> for LookAll<'_, F>
where
    F: Flavor<DB> + ?Sized,
    DB: Backend,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql("SELECT \"key\", version FROM versioned_positions WHERE entity = ");
        F::push_text(&mut out, self.entity)?;
        out.push_sql(" AND \"key\" = ANY(");
        F::push_texts(&mut out, self.keys)?;
        out.push_sql(")");
        Ok(())
    }
}
