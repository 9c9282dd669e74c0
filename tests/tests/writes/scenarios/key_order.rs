//! A key whose columns are in another order than the fields.

use versioned_core::{InScope, Tracked};

use super::*;

diesel::table! {
    pairs (tenant, one, two) {
        tenant -> BigInt,
        one -> BigInt,
        two -> BigInt,
        version -> BigInt,
    }
}

const PAIRS: &str = "CREATE TABLE pairs (
    tenant BIGINT NOT NULL,
    one BIGINT NOT NULL,
    two BIGINT NOT NULL,
    version BIGINT NOT NULL,
    PRIMARY KEY (tenant, one, two)
)";

/// The same operations by a key and by a model, whose statements are the same.
macro_rules! by_key_and_by_model {
    ($model:ident, $key:expr) => {{
        let (_db, mut conn) = fresh(PAIRS);
        let conn = &mut conn;
        let mut pair = $model {
            two: 2,
            tenant: 3,
            one: 1,
            version: 0,
        };
        pair.insert(conn).unwrap();
        for version in [1, 3] {
            assert_eq!(
                $model::at($key, version).touch(conn).unwrap().version,
                version + 1
            );
            pair.reload(conn).unwrap();
            pair.touch(conn).unwrap();
            pair.verify(conn).unwrap();
            let mut tracked = Tracked::new($model::find(&$key, conn).unwrap());
            tracked.verify(conn).unwrap();
            assert_eq!(pair.version, version + 2);
        }
        let last = $model::at($key, 4).touch(conn);
        assert_eq!(
            last.unwrap_err().conflict().map(Conflict::kind),
            Some(ConflictKind::Stale)
        );
        pair.delete(conn).unwrap();
    }};
}

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Versioned)]
#[diesel(table_name = pairs, primary_key(tenant, one, two))]
#[versioned(owner)]
struct Pair {
    two: i64,
    tenant: i64,
    one: i64,
    version: i64,
}

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Versioned)]
#[diesel(table_name = pairs, primary_key(tenant, one, two))]
#[versioned(owner)]
struct Scoped {
    two: i64,
    #[versioned(scope)]
    tenant: i64,
    one: i64,
    version: i64,
}

#[test]
fn the_order_of_the_fields_does_not_matter() {
    by_key_and_by_model!(Pair, (3, 1, 2));
}

#[test]
fn nor_does_it_with_a_scope() {
    by_key_and_by_model!(Scoped, InScope::new(3, (1, 2)));
}
