use diesel::prelude::*;
use versioned_core::prelude::*;

diesel::table! {
    tickets {
        id -> BigInt,
        tenant -> BigInt,
        title -> Text,
        version -> BigInt,
    }
}

#[derive(Queryable, Selectable, Versioned)]
#[diesel(table_name = tickets)]
#[versioned(dependent)]
struct TicketCopy {
    id: i64,
    #[versioned(scope)]
    tenant: i64,
    title: String,
    version: i64,
}

fn is_dependent<M: versioned_core::model::DependentModel>() {}

// Nothing is said about this: the mistake is above.
fn check() {
    is_dependent::<TicketCopy>();
}

fn main() {}
