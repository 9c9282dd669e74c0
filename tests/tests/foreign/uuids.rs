//! Keys that are UUIDs, which only PostgreSQL has.

use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::backend::Conn;
use super::backend::prelude::*;
use super::scenarios::database;
use super::scenarios::ours::{published, read_back};

diesel::table! {
    parcels (id) {
        id -> Uuid,
        sender -> Nullable<Uuid>,
        version -> BigInt,
    }
}

const TABLE: &str =
    "CREATE TABLE parcels (id UUID PRIMARY KEY, sender UUID, version BIGINT NOT NULL)";

macro_rules! parcels {
    ($($name:ident($($keys:tt)*);)*) => {$(
        #[derive(Debug, Clone, PartialEq, Queryable, Selectable, Serialize, Deserialize, Versioned)]
        #[diesel(table_name = parcels)]
        #[versioned($($keys)*)]
        struct $name {
            id: Uuid,
            sender: Option<Uuid>,
            version: i64,
        }
    )*};
}

parcels! {
    Parcel(owner, outbox, entity = "record");
    Copied(dependent, entity = "record");
}

fn rows(conn: &mut Conn) -> Vec<(Uuid, Option<Uuid>, i64)> {
    parcels::table.order(parcels::id).load(conn).unwrap()
}

#[test]
fn keys_that_are_uuids() {
    let (_db, mut conn) = database(TABLE);
    let conn = &mut conn;
    for bits in [0, 7, u128::MAX, 0x1111_2222_3333_4444_5555_6666_7777_8888] {
        let mut model = Parcel {
            id: Uuid::from_u128(bits),
            sender: None,
            version: 0,
        };
        model.insert(conn).unwrap();
        model.sender = Some(Uuid::from_u128(bits ^ 1));
        model.save(conn).unwrap();
        if bits == 7 {
            model.delete(conn).unwrap();
        }
    }
    let held = rows(conn);
    assert_eq!(held.len(), 3);
    let outbox = published(conn);
    assert_eq!(outbox.len(), 9);
    read_back::<Copied, _>(&outbox, (TABLE, "parcels"), rows, &held);
}
