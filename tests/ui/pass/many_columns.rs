//! As many columns as Diesel has tuples for by default.

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use versioned_core::prelude::*;

diesel::table! {
    wide {
        id -> BigInt,
        c1 -> Integer,
        c2 -> Integer,
        c3 -> Integer,
        c4 -> Integer,
        c5 -> Integer,
        c6 -> Integer,
        c7 -> Integer,
        c8 -> Integer,
        c9 -> Integer,
        c10 -> Integer,
        c11 -> Integer,
        c12 -> Integer,
        c13 -> Integer,
        c14 -> Integer,
        c15 -> Integer,
        c16 -> Integer,
        c17 -> Integer,
        c18 -> Integer,
        c19 -> Integer,
        c20 -> Integer,
        c21 -> Integer,
        c22 -> Integer,
        c23 -> Integer,
        c24 -> Integer,
        c25 -> Integer,
        c26 -> Integer,
        c27 -> Integer,
        c28 -> Integer,
        c29 -> Integer,
        c30 -> Integer,
        version -> BigInt,
    }
}

#[derive(Default, Queryable, Selectable, Versioned)]
#[diesel(table_name = wide)]
#[versioned(owner)]
struct Wide {
    id: i64,
    c1: i32,
    c2: i32,
    c3: i32,
    c4: i32,
    c5: i32,
    c6: i32,
    c7: i32,
    c8: i32,
    c9: i32,
    c10: i32,
    c11: i32,
    c12: i32,
    c13: i32,
    c14: i32,
    c15: i32,
    c16: i32,
    c17: i32,
    c18: i32,
    c19: i32,
    c20: i32,
    c21: i32,
    c22: i32,
    c23: i32,
    c24: i32,
    c25: i32,
    c26: i32,
    c27: i32,
    c28: i32,
    c29: i32,
    c30: i32,
    version: i64,
}

pub(crate) fn main() -> versioned_core::Result<()> {
    let conn = &mut SqliteConnection::establish(":memory:").unwrap();
    let columns: String = (1..=30)
        .map(|number| format!("c{number} INTEGER NOT NULL, "))
        .collect();
    conn.batch_execute(&format!(
        "CREATE TABLE wide (id BIGINT PRIMARY KEY, {columns} version BIGINT NOT NULL)"
    ))?;

    let mut wide = Wide {
        id: 7,
        c1: 1,
        ..Wide::default()
    };
    wide.insert(conn)?;
    wide.c30 = 40;
    wide.save(conn)?;
    let wide = Wide::find(&7, conn)?;
    assert_eq!((wide.c1, wide.c2, wide.c30, wide.version), (1, 0, 40, 2));
    Ok(())
}
