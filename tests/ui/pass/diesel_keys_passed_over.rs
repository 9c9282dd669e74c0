//! Keys of Diesel's that mean nothing to the derive, also those whose values have commas; a second table for INSERTs.

use diesel::dsl;
use diesel::prelude::*;
use versioned_core::prelude::*;

diesel::table! {
    owners {
        id -> BigInt,
    }
}

diesel::table! {
    tickets {
        id -> BigInt,
        owner_id -> BigInt,
        title -> Nullable<Text>,
        version -> BigInt,
    }
}

diesel::table! {
    archive {
        id -> BigInt,
        version -> BigInt,
    }
}

diesel::joinable!(tickets -> owners (owner_id));
diesel::allow_tables_to_appear_in_same_query!(owners, tickets);

#[derive(Queryable, Selectable, Identifiable)]
#[diesel(table_name = owners)]
struct Holder {
    id: i64,
}

#[derive(Queryable, Selectable, Identifiable, Associations, Insertable, AsChangeset, Versioned)]
#[diesel(table_name = tickets)]
#[diesel(belongs_to(Holder, foreign_key = owner_id), treat_none_as_null = true)]
#[diesel(treat_none_as_default_value = false)]
#[versioned(owner)]
struct Ticket {
    id: i64,
    owner_id: i64,
    #[diesel(treat_none_as_null = true, deserialize_as = Option<String>)]
    title: Option<String>,
    version: i64,
}

#[derive(Queryable, Selectable, Versioned)]
#[diesel(table_name = tickets, check_for_backend(diesel::sqlite::Sqlite))]
#[versioned(owner)]
struct Computed {
    id: i64,
    #[diesel(select_expression = tickets::owner_id.eq(7_i64), select_expression_type = dsl::Eq<tickets::owner_id, i64>)]
    is_mine: bool,
    version: i64,
}

// Diesel's `Insertable` takes several tables. The model is of the first.
#[derive(Insertable, Versioned)]
#[diesel(table_name = tickets)]
#[diesel(table_name = archive)]
#[versioned(owner)]
struct Archived {
    id: i64,
    version: i64,
}

pub(crate) fn main() {
    assert_eq!(<Archived as versioned_core::Versioned>::TABLE, "tickets");
    let archived = Archived { id: 7, version: 3 };
    assert_eq!((archived.id, archived.version), (7, 3));
    let ticket = Ticket {
        id: 7,
        owner_id: 1,
        title: None,
        version: 3,
    };
    assert_eq!(*Identifiable::id(&ticket), 7);
    assert_eq!(versioned_core::Versioned::version(&ticket), 3);
    let _ = |holder: Holder| {
        let _ = Ticket::belonging_to(&holder).count();
        holder.id
    };
    let _ = |computed: Computed| (computed.id, computed.is_mine, computed.version);
}
