//! Statements about many positions, on PostgreSQL. Keys and versions are arrays, so that the text
//! does not depend on their number.

use std::marker::PhantomData;

use diesel::backend::Backend;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::result::QueryResult;

use crate::dialect::SqlFor;
use crate::statement::replica::position::Position;

/// The positions with these keys, of a replica.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Positions<'a> {
    pub(crate) replica: &'static str,
    pub(crate) entity: &'static str,
    pub(crate) keys: &'a [String],
}

/// What a statement looks up for each key.
pub(crate) trait OfKey: 'static {
    const TABLE: &'static str;
    /// The end of the look-up.
    const END: &'static str;
}

/// The position, which is locked.
pub(crate) enum Locked {}

impl OfKey for Locked {
    const TABLE: &'static str = "versioned_positions";
    const END: &'static str = "FOR UPDATE";
}

/// The position, if the record is deleted.
pub(crate) enum Deleted {}

impl OfKey for Deleted {
    const TABLE: &'static str = "versioned_positions";
    const END: &'static str = "AND deleted_at IS NOT NULL";
}

/// One of the parked events.
pub(crate) enum AnyParked {}

impl OfKey for AnyParked {
    const TABLE: &'static str = "versioned_parked";
    const END: &'static str = "LIMIT 1";
}

/// Selects a key and a version for each key that has something:
///
/// ```sql
/// SELECT p.key, p.version FROM unnest($1) AS g (key) CROSS JOIN LATERAL (
///     SELECT key, version FROM versioned_positions
///     WHERE replica = $2 AND entity = $3 AND key = g.key FOR UPDATE
/// ) AS p
/// ```
///
/// One subquery for each key cannot be planned as anything but a look-up in the index. With `key =
/// ANY($1)`, PostgreSQL may read all positions of the replica instead, and compare each with each
/// key: it does so before the table is analyzed.
pub(crate) struct OnEach<'a, T, F: ?Sized> {
    positions: Positions<'a>,
    of_key: PhantomData<fn() -> T>,
    flavor: PhantomData<fn(&F)>,
}

/// Locks positions, in the order of the keys, and selects their versions. The keys must be sorted,
/// so that concurrent statements never deadlock.
pub(crate) type LockEach<'a, F> = OnEach<'a, Locked, F>;

/// Selects the positions whose records are deleted.
pub(crate) type DeletedOf<'a, F> = OnEach<'a, Deleted, F>;

/// Selects the keys that have parked events.
pub(crate) type ParkedOf<'a, F> = OnEach<'a, AnyParked, F>;

impl<'a, T, F: ?Sized> OnEach<'a, T, F> {
    pub(crate) fn new(positions: Positions<'a>) -> Self {
        Self {
            positions,
            of_key: PhantomData,
            flavor: PhantomData,
        }
    }
}

pub(crate) enum OnEachId {}

impl<T: OfKey, F: ?Sized> QueryId for OnEach<'_, T, F> {
    type QueryId = (OnEachId, T);
}

impl<T, F, DB> QueryFragment<DB> for OnEach<'_, T, F>
where
    T: OfKey,
    F: SqlFor<DB> + ?Sized,
    DB: Backend,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        let Positions {
            replica,
            entity,
            keys,
        } = &self.positions;
        out.push_sql("SELECT p.\"key\", p.version FROM unnest(");
        F::push_texts(&mut out, keys)?;
        out.push_sql(") AS g (\"key\") CROSS JOIN LATERAL (SELECT \"key\", version FROM ");
        out.push_sql(T::TABLE);
        out.push_sql(" WHERE replica = ");
        F::push_text(&mut out, replica)?;
        out.push_sql(" AND entity = ");
        F::push_text(&mut out, entity)?;
        out.push_sql(" AND \"key\" = g.\"key\" ");
        out.push_sql(T::END);
        out.push_sql(") AS p");
        Ok(())
    }
}

/// The versions to which the positions of a replica move.
#[derive(Debug)]
pub(crate) struct Moves {
    replica: String,
    entity: String,
    keys: Vec<String>,
    versions: Vec<i64>,
    /// The time of the deletion in microseconds since 1970 if the record is deleted, otherwise 0.
    deleted_at: Vec<i64>,
}

impl Moves {
    /// The positions must be of one replica.
    pub(crate) fn new<'a>(positions: impl Iterator<Item = Position<'a>>) -> Self {
        let mut all = Self {
            replica: String::new(),
            entity: String::new(),
            keys: Vec::new(),
            versions: Vec::new(),
            deleted_at: Vec::new(),
        };
        for position in positions {
            position.replica.clone_into(&mut all.replica);
            position.entity.clone_into(&mut all.entity);
            all.keys.push(position.key.to_owned());
            all.versions.push(position.version);
            all.deleted_at.push(position.at);
        }
        all
    }
}

/// What to do with a position that exists.
pub(crate) trait IfTaken: 'static {
    const TEXT: &'static str;
}

/// It moves. It must be locked.
pub(crate) enum Moved {}

impl IfTaken for Moved {
    const TEXT: &'static str =
        "DO UPDATE SET version = excluded.version, deleted_at = excluded.deleted_at";
}

/// It stays as it is. The others are returned.
pub(crate) enum Kept {}

impl IfTaken for Kept {
    const TEXT: &'static str = "DO NOTHING RETURNING \"key\", version";
}

/// Writes positions, in the order of their keys:
///
/// ```sql
/// INSERT INTO versioned_positions (replica, entity, key, version, deleted_at)
///     SELECT $1, $2, unnest($3), unnest($4), NULLIF(unnest($5), 0)
///     ON CONFLICT (replica, entity, key) DO UPDATE
///     SET version = excluded.version, deleted_at = excluded.deleted_at
/// ```
pub(crate) struct InsertPositions<'a, T, F: ?Sized> {
    moves: &'a Moves,
    if_taken: PhantomData<fn() -> T>,
    flavor: PhantomData<fn(&F)>,
}

/// Moves positions that are locked.
pub(crate) type MoveAll<'a, F> = InsertPositions<'a, Moved, F>;

/// Creates the positions that are still missing, and returns them.
pub(crate) type EnterAll<'a, F> = InsertPositions<'a, Kept, F>;

impl<'a, T, F: ?Sized> InsertPositions<'a, T, F> {
    pub(crate) fn new(moves: &'a Moves) -> Self {
        Self {
            moves,
            if_taken: PhantomData,
            flavor: PhantomData,
        }
    }
}

pub(crate) enum InsertPositionsId {}

impl<T: IfTaken, F: ?Sized> QueryId for InsertPositions<'_, T, F> {
    type QueryId = (InsertPositionsId, T);
}

impl<T, F, DB> QueryFragment<DB> for InsertPositions<'_, T, F>
where
    T: IfTaken,
    F: SqlFor<DB> + ?Sized,
    DB: Backend,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        let Moves {
            replica,
            entity,
            keys,
            versions,
            deleted_at,
        } = self.moves;
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
        out.push_sql("), 0) ON CONFLICT (replica, entity, \"key\") ");
        out.push_sql(T::TEXT);
        Ok(())
    }
}
