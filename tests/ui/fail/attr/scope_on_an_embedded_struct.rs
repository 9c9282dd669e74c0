use diesel::prelude::*;
use versioned_core::prelude::*;

diesel::table! {
    tickets {
        id -> BigInt,
        tenant -> BigInt,
        version -> BigInt,
    }
}

#[derive(Queryable, Selectable, Versioned)]
#[diesel(table_name = tickets)]
#[versioned(embedded)]
struct Place {
    #[versioned(scope)]
    tenant: i64,
}

fn main() {}
