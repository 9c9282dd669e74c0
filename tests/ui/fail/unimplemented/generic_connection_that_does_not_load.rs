use diesel::prelude::*;
use versioned_core::prelude::*;

diesel::table! {
    tickets {
        id -> BigInt,
        title -> Text,
        version -> BigInt,
    }
}

#[derive(Queryable, Selectable, Versioned)]
#[diesel(table_name = tickets)]
#[versioned(owner)]
struct Ticket {
    id: i64,
    title: String,
    version: i64,
}

fn save<C: Connection>(ticket: &mut Ticket, conn: &mut C) -> versioned_core::Result<()>
where
    Ticket: Owner<C::Backend>,
{
    ticket.save(conn)?;
    Ok(())
}

fn main() {}
