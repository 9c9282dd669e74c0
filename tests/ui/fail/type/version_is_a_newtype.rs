use diesel::prelude::*;
use versioned_core::prelude::*;

diesel::table! {
    tickets {
        id -> BigInt,
        title -> Text,
        version -> BigInt,
    }
}

#[derive(Debug, Clone, PartialEq)]
struct Rev(i64);

#[derive(Queryable, Selectable, Versioned)]
#[diesel(table_name = tickets)]
#[versioned(owner)]
struct Ticket {
    id: i64,
    title: String,
    version: Rev,
}

fn main() {}
