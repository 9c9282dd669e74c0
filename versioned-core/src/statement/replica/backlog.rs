//! What waits at the replicas of a database, for operators. None of the statements reads a whole
//! table.

use diesel::backend::Backend;
use diesel::query_builder::AstPass;
use diesel::result::QueryResult;

use crate::dialect::SqlFor;
use crate::statement::outbox::now::now;
use crate::statement::replica::dead_letters::by_id;
use crate::statement::template::{Templated, Values, texts};

/// The values that a statement about a replica can bind.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OneReplica<'a> {
    pub(crate) replica: &'a str,
    pub(crate) entity: &'a str,
    /// How far to count.
    pub(crate) most: i64,
}

/// Names a value of a replica.
#[derive(Debug, Clone, Copy)]
pub(crate) enum ReplicaValue {
    Replica,
    Entity,
    Most,
}

impl Values for OneReplica<'_> {
    type Value = ReplicaValue;

    fn bind<'b, F, DB>(
        &'b self,
        value: ReplicaValue,
        out: &mut AstPass<'_, 'b, DB>,
    ) -> QueryResult<()>
    where
        F: SqlFor<DB> + ?Sized,
        DB: Backend,
    {
        match value {
            ReplicaValue::Replica => F::push_text(out, self.replica),
            ReplicaValue::Entity => F::push_text(out, self.entity),
            ReplicaValue::Most => F::push_number(out, &self.most),
        }
    }
}

/// The statement `T` about a replica. `F` determines the backend.
pub(crate) type OnReplica<'a, T, F> = Templated<OneReplica<'a>, T, F>;

texts! {
    ReplicaValue;

    /// Selects the first replica after one, by name and entity. The owner's tombstones are of no
    /// replica.
    ///
    /// MySQL and MariaDB look up no range in an index for a comparison of tuples, and PostgreSQL
    /// none for an OR. Each subquery therefore looks for one row in an index.
    NextReplica = [
        "SELECT replica, entity FROM (\
            SELECT * FROM (SELECT replica, entity FROM versioned_positions WHERE replica = ", Replica,
        " AND replica > '' AND entity > ", Entity, " ORDER BY entity LIMIT 1) AS a \
            UNION ALL SELECT * FROM (SELECT replica, entity FROM versioned_positions WHERE replica > ", Replica,
        " ORDER BY replica, entity LIMIT 1) AS b \
            UNION ALL SELECT * FROM (SELECT replica, entity FROM versioned_parked WHERE replica = ", Replica,
        " AND entity > ", Entity, " ORDER BY entity LIMIT 1) AS c \
            UNION ALL SELECT * FROM (SELECT replica, entity FROM versioned_parked WHERE replica > ", Replica,
        " ORDER BY replica, entity LIMIT 1) AS d \
            UNION ALL SELECT * FROM (SELECT replica, entity FROM versioned_dead_letters WHERE replica = ", Replica,
        " AND entity > ", Entity, " ORDER BY entity LIMIT 1) AS e \
            UNION ALL SELECT * FROM (SELECT replica, entity FROM versioned_dead_letters WHERE replica > ", Replica,
        " ORDER BY replica, entity LIMIT 1) AS f\
            ) AS n ORDER BY replica, entity LIMIT 1",
    ];

    /// Counts the parked events and the dead letters of a replica, at most `most` each, and selects
    /// the ages of the oldest in microseconds.
    BacklogOfReplica = [
        "SELECT p.events, COALESCE(", (now), " - p.oldest, 0), d.letters, COALESCE(", (now), " - d.oldest, 0) \
            FROM (SELECT COUNT(*) AS events, MIN(at) AS oldest FROM (\
                SELECT at FROM versioned_parked WHERE replica = ", Replica, " AND entity = ", Entity,
        " ORDER BY at LIMIT ", Most, ") AS e) AS p CROSS JOIN (\
                SELECT COUNT(*) AS letters, MIN(first_at) AS oldest FROM (\
                SELECT first_at FROM versioned_dead_letters", (by_id), " WHERE replica = ", Replica, " AND entity = ", Entity,
        " ORDER BY id LIMIT ", Most, ") AS l) AS d",
    ];
}
