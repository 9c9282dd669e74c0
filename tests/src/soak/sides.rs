//! How the two sides of the soak stand.

use diesel::prelude::*;

use super::schema::{copies, tickets};

/// How both sides stand.
#[derive(Debug, PartialEq, Eq)]
pub struct Sides {
    /// `(id, price, version)` of the owner's rows.
    pub owner: Vec<(i64, i64, i64)>,
    /// The same of the replica's.
    pub replica: Vec<(i64, i64, i64)>,
    /// `(key, version)` of each record at the owner, deleted ones too.
    pub versions: Vec<(String, i64)>,
    /// The same at the replica.
    pub positions: Vec<(String, i64)>,
    /// `(key, version)` of each time that an event was applied.
    pub applied: Vec<(String, i64)>,
    /// How many events are parked.
    pub parked: i64,
    /// How many dead letters there are.
    pub letters: i64,
}

impl Sides {
    /// Reads them.
    ///
    /// # Panics
    ///
    /// When that fails.
    pub fn read(tickets: &mut PgConnection, orders: &mut PgConnection) -> Self {
        #[derive(QueryableByName)]
        struct Row {
            #[diesel(sql_type = diesel::sql_types::Text)]
            key: String,
            #[diesel(sql_type = diesel::sql_types::BigInt)]
            version: i64,
        }
        let pairs = |sql: &str, conn: &mut PgConnection| -> Vec<(String, i64)> {
            let rows: Vec<Row> = diesel::sql_query(sql).load(conn).expect(sql);
            let mut pairs: Vec<_> = rows.into_iter().map(|row| (row.key, row.version)).collect();
            pairs.sort_unstable();
            pairs
        };
        let number = |table: &str, conn: &mut PgConnection| {
            let count = format!("SELECT COUNT(*) FROM {table}");
            diesel::dsl::sql::<diesel::sql_types::BigInt>(&count)
                .get_result(conn)
                .expect(table)
        };
        Self {
            owner: tickets::table
                .order(tickets::id)
                .load(tickets)
                .expect("tickets"),
            replica: copies::table
                .order(copies::id)
                .load(orders)
                .expect("copies"),
            versions: pairs(
                "SELECT id::text AS key, version FROM tickets UNION ALL \
                 SELECT key, version FROM versioned_positions WHERE deleted_at IS NOT NULL \
                 AND key NOT IN (SELECT id::text FROM tickets)",
                tickets,
            ),
            positions: pairs("SELECT key, version FROM versioned_positions", orders),
            applied: pairs("SELECT key, version FROM applied", orders),
            parked: number("versioned_parked", orders),
            letters: number("versioned_dead_letters", orders),
        }
    }

    /// How many events were applied: each moves its record by one version.
    pub fn through(&self) -> i64 {
        self.positions.iter().map(|(_, version)| version).sum()
    }
}
