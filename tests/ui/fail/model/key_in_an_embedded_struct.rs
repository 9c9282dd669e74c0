use diesel::prelude::*;
use versioned_core::prelude::*;

diesel::table! {
    parts (part, number) {
        part -> BigInt,
        number -> BigInt,
        price -> BigInt,
        version -> BigInt,
    }
}

#[derive(Queryable, Selectable, Versioned)]
#[diesel(table_name = parts)]
#[versioned(embedded)]
struct Place {
    part: i64,
    number: i64,
}

#[derive(Queryable, Selectable, Versioned)]
#[diesel(table_name = parts, primary_key(part, number))]
#[versioned(owner)]
struct Part {
    #[diesel(embed)]
    place: Place,
    price: i64,
    version: i64,
}

fn main() {}
