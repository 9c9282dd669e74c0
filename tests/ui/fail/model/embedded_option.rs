use diesel::prelude::*;
use versioned_core::prelude::*;

diesel::table! {
    people {
        id -> BigInt,
        city -> Text,
        version -> BigInt,
    }
}

#[derive(Queryable, Selectable, Versioned)]
#[diesel(table_name = people)]
#[versioned(embedded)]
struct Address {
    city: String,
}

#[derive(Queryable, Selectable, Versioned)]
#[diesel(table_name = people)]
#[versioned(owner)]
struct Person {
    id: i64,
    #[diesel(embed)]
    address: Option<Address>,
    version: i64,
}

fn main() {}
