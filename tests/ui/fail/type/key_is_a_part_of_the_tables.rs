use diesel::prelude::*;
use versioned_core::prelude::*;

diesel::table! {
    lines (order_id, number) {
        order_id -> BigInt,
        number -> BigInt,
        version -> BigInt,
    }
}

#[derive(Queryable, Selectable, Versioned)]
#[diesel(table_name = lines, primary_key(order_id))]
#[versioned(owner)]
struct Line {
    order_id: i64,
    number: i64,
    version: i64,
}

fn main() {}
