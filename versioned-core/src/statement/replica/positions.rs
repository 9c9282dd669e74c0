//! Statements about many positions, on PostgreSQL. Keys and versions are arrays, so that the text
//! does not depend on their number.

use std::marker::PhantomData;

use diesel::backend::Backend;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::result::QueryResult;

use crate::dialect::SqlFor;
use crate::statement::replica::position::Position;

/// The versions to which the positions of an entity move.
#[derive(Debug)]
pub(crate) struct Positions {
    replica: &'static str,
    entity: &'static str,
    /// Whether a position may repeat its version.
    again: bool,
    keys: Vec<String>,
    versions: Vec<i64>,
    /// The time of the deletion in microseconds since 1970 if the record is deleted, otherwise 0.
    deleted_at: Vec<i64>,
}

impl Positions {
    pub(crate) fn new<'a>(
        replica: &'static str,
        entity: &'static str,
        again: bool,
        positions: impl Iterator<Item = Position<'a>>,
    ) -> Self {
        let mut all = Self {
            replica,
            entity,
            again,
            keys: Vec::new(),
            versions: Vec::new(),
            deleted_at: Vec::new(),
        };
        for position in positions {
            all.keys.push(position.key.to_owned());
            all.versions.push(position.version);
            all.deleted_at.push(position.at);
        }
        all
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }
}

/// Moves older positions, creates missing ones, and returns those that moved. The positions must be
/// ordered by key, so that concurrent statements never deadlock.
///
/// ```sql
/// INSERT INTO versioned_positions (replica, entity, key, version, deleted_at)
///     SELECT $1, $2, unnest($3), unnest($4), NULLIF(unnest($5), 0)
///     ON CONFLICT (replica, entity, key) DO UPDATE
///     SET version = excluded.version, deleted_at = excluded.deleted_at
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

/// Cached under its text, because there are two.
impl<F: ?Sized> QueryId for UpsertAll<'_, F> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<F, DB> QueryFragment<DB> for UpsertAll<'_, F>
where
    F: SqlFor<DB> + ?Sized,
    DB: Backend,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        let Positions {
            replica,
            entity,
            again,
            keys,
            versions,
            deleted_at,
        } = self.positions;
        out.push_sql(
            "INSERT INTO versioned_positions (replica, entity, \"key\", version, deleted_at) SELECT ",
        );
        F::push_text(&mut out, replica)?;
        out.push_sql(", ");
        F::push_text(&mut out, entity)?;
        out.push_sql(", unnest(");
        F::push_texts(&mut out, keys)?;
        out.push_sql("), unnest(");
        F::push_numbers(&mut out, versions)?;
        out.push_sql("), NULLIF(unnest(");
        F::push_numbers(&mut out, deleted_at)?;
        out.push_sql(
            "), 0) ON CONFLICT (replica, entity, \"key\") \
            DO UPDATE SET version = excluded.version, deleted_at = excluded.deleted_at \
            WHERE versioned_positions.version ",
        );
        out.push_sql(if *again { "<=" } else { "<" });
        out.push_sql(" excluded.version RETURNING \"key\", version");
        Ok(())
    }
}

/// Selects the versions of positions:
///
/// ```sql
/// SELECT key, version FROM versioned_positions
/// WHERE replica = $1 AND entity = $2 AND key = ANY($3)
/// ```
pub(crate) struct LookAll<'a, F: ?Sized> {
    replica: &'static str,
    entity: &'static str,
    keys: &'a [String],
    flavor: PhantomData<fn(&F)>,
}

impl<'a, F: ?Sized> LookAll<'a, F> {
    pub(crate) fn new(replica: &'static str, entity: &'static str, keys: &'a [String]) -> Self {
        Self {
            replica,
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
    F: SqlFor<DB> + ?Sized,
    DB: Backend,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql("SELECT \"key\", version FROM versioned_positions WHERE replica = ");
        F::push_text(&mut out, self.replica)?;
        out.push_sql(" AND entity = ");
        F::push_text(&mut out, self.entity)?;
        out.push_sql(" AND \"key\" = ANY(");
        F::push_texts(&mut out, self.keys)?;
        out.push_sql(")");
        Ok(())
    }
}
