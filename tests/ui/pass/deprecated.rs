//! What is deprecated is still a model, and its expansion does not warn.

#![deny(deprecated)]

mod schema {
    diesel::table! {
        tickets {
            id -> BigInt,
            title -> Text,
            street -> Text,
            version -> BigInt,
        }
    }
}

// Diesel's derives and `serde`'s are left out: some of them warn.
mod models {
    use versioned_core::{SequentialVersion, Versioned};

    use super::schema::tickets;

    #[deprecated]
    #[derive(Debug, Clone, PartialEq, Versioned)]
    #[diesel(table_name = tickets)]
    #[versioned(embedded)]
    pub struct Address {
        pub street: String,
    }

    #[deprecated(note = "use `NewTicket`")]
    #[derive(Debug, Clone, Versioned)]
    #[diesel(table_name = tickets)]
    #[versioned(owner)]
    pub struct OldTicket {
        pub id: i64,
        pub title: String,
        pub version: i64,
    }

    #[derive(Debug, Clone, Versioned)]
    #[diesel(table_name = tickets)]
    #[versioned(owner)]
    pub struct Ticket {
        pub id: i64,
        #[deprecated = "a ticket has no title any more"]
        pub title: String,
        #[allow(clippy::all, deprecated)]
        #[diesel(embed)]
        pub address: Address,
        #[deprecated]
        pub version: i64,
    }

    #[deprecated]
    #[derive(Debug, Clone, PartialEq, Versioned)]
    #[diesel(table_name = tickets)]
    #[versioned(dependent)]
    pub struct Copy {
        #[deprecated]
        pub id: i64,
        pub version: i64,
    }

    #[deprecated]
    #[derive(Debug, Clone, PartialEq, SequentialVersion)]
    pub struct Revision(i64);

    #[derive(Debug, Clone, PartialEq, SequentialVersion)]
    pub struct Count {
        #[deprecated]
        pub count: i64,
    }
}

#[forbid(deprecated)]
mod forbidden {
    use super::schema::tickets;

    #[derive(Debug, Clone, versioned_core::Versioned)]
    #[diesel(table_name = tickets)]
    #[versioned(owner)]
    pub struct Ticket {
        pub id: i64,
        pub version: i64,
    }
}

pub(crate) fn main() {}
