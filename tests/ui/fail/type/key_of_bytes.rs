use diesel::prelude::*;
use versioned_core::prelude::*;

diesel::table! {
    files {
        id -> Binary,
        version -> BigInt,
    }
}

#[derive(Queryable, Selectable, Versioned)]
#[diesel(table_name = files)]
#[versioned(owner)]
struct File {
    id: Vec<u8>,
    version: i64,
}

fn main() {}
