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
#[versioned(embedded)]
struct Title {
    title: String,
}

fn save(title: &mut Title, conn: &mut SqliteConnection) -> versioned_core::Result<()> {
    title.save(conn)?;
    Ok(())
}

fn main() {}
