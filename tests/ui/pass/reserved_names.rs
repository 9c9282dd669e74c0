//! Columns whose names are reserved in SQL or in Rust, and one that only `#[sql_name]` can write.

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use versioned_core::prelude::*;

diesel::table! {
    orders (r#ref) {
        r#ref -> BigInt,
        order -> BigInt,
        #[sql_name = "type"]
        type_ -> Text,
        r#match -> BigInt,
        #[sql_name = "say \"hi\""]
        say_hi -> Bool,
        #[sql_name = "_version%id"]
        version_id -> BigInt,
    }
}

#[derive(Queryable, Selectable, Versioned)]
#[diesel(table_name = orders, primary_key(r#ref))]
#[versioned(owner)]
struct Order {
    r#ref: i64,
    order: i64,
    #[diesel(column_name = "type_")]
    r#type: String,
    #[diesel(column_name = r#match)]
    fit: i64,
    say_hi: bool,
    #[versioned(version)]
    #[diesel(column_name = version_id)]
    r#move: i64,
}

#[derive(Queryable, Selectable, Versioned)]
#[diesel(table_name = orders, primary_key(order))]
#[versioned(owner)]
struct ByString {
    order: i64,
    #[diesel(column_name = "match")]
    fit: i64,
    #[diesel(column_name = "version_id")]
    version: i64,
}

pub(crate) fn main() -> versioned_core::Result<()> {
    let conn = &mut SqliteConnection::establish(":memory:").unwrap();
    conn.batch_execute(
        r#"CREATE TABLE orders ("ref" BIGINT PRIMARY KEY, "order" BIGINT, "type" TEXT, "match" BIGINT,
           "say ""hi""" BOOLEAN, "_version%id" BIGINT)"#,
    )?;

    let mut order = Order {
        r#ref: 7,
        order: 1,
        r#type: "a".into(),
        fit: 2,
        say_hi: false,
        r#move: 0,
    };
    order.insert(conn)?;
    order.r#type = "b".into();
    order.say_hi = true;
    order.save(conn)?;
    let order = Order::find(&7, conn)?;
    assert_eq!(
        (order.r#type.as_str(), order.say_hi, order.r#move),
        ("b", true, 2)
    );

    let mut order = ByString::find(&1, conn)?;
    order.fit = 3;
    order.save(conn)?;
    assert_eq!(Order::find(&7, conn)?.fit, 3);
    Ok(())
}
