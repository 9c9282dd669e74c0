//! T19: names, keys and shapes of models.

use std::borrow::Cow;

use diesel::deserialize::FromSqlRow;
use diesel::expression::AsExpression;
use diesel::sql_types::BigInt;

use super::statements::Log;
use super::*;

/// Reserved words, a column that is no identifier, and a version that is a newtype under another name.
mod names {
    use super::*;

    diesel::table! {
        #[sql_name = "order"]
        orders (key) {
            #[sql_name = "group"]
            key -> VarChar,
            #[sql_name = "select"]
            r#select -> BigInt,
            #[sql_name = "_version%id"]
            revision -> BigInt,
        }
    }

    #[derive(
        Debug,
        Clone,
        Copy,
        PartialEq,
        Eq,
        AsExpression,
        FromSqlRow,
        versioned_core::SequentialVersion,
    )]
    #[diesel(sql_type = BigInt)]
    struct Revision(i64);

    impl<DB> diesel::serialize::ToSql<BigInt, DB> for Revision
    where
        DB: diesel::backend::Backend,
        i64: diesel::serialize::ToSql<BigInt, DB>,
    {
        fn to_sql<'b>(
            &'b self,
            out: &mut diesel::serialize::Output<'b, '_, DB>,
        ) -> diesel::serialize::Result {
            self.0.to_sql(out)
        }
    }

    impl<DB> diesel::deserialize::FromSql<BigInt, DB> for Revision
    where
        DB: diesel::backend::Backend,
        i64: diesel::deserialize::FromSql<BigInt, DB>,
    {
        fn from_sql(bytes: DB::RawValue<'_>) -> diesel::deserialize::Result<Self> {
            i64::from_sql(bytes).map(Self)
        }
    }

    #[derive(Debug, Clone, PartialEq, Queryable, Selectable, Versioned)]
    #[diesel(table_name = orders, primary_key(key))]
    #[versioned(owner)]
    struct Order<'a> {
        #[diesel(column_name = "key")]
        name: Cow<'a, str>,
        r#select: i64,
        #[versioned(version)]
        #[diesel(column_name = revision)]
        rev: Revision,
    }

    #[test]
    fn t19_reserved_words_string_keys_lifetimes_and_newtypes() {
        let quote = if backend::NAME == "mysql" { '`' } else { '"' };
        let db = Db::fresh(
            &"CREATE TABLE 'order' ('group' VARCHAR(50) PRIMARY KEY, 'select' BIGINT NOT NULL, '_version%id' BIGINT NOT NULL)"
                .replace('\'', &quote.to_string()),
        );
        let mut conn = db.connect();
        let mut order = Order {
            name: "a,b".into(),
            r#select: 1,
            rev: Revision(0),
        };
        order.insert(&mut conn).unwrap();
        let mut copy = order.clone();
        order.r#select = 2;
        order.save(&mut conn).unwrap();
        order.touch(&mut conn).unwrap();
        assert_eq!(order.rev, Revision(3));
        let stale = conflict(copy.save(&mut conn));
        assert_eq!((stale.table(), stale.id()), (Some("order"), Some("a,b")));
        assert!(stale.to_string().starts_with("order a,b is stale: "));
        assert_eq!(
            (stale.expected(), stale.found()),
            (Some(Token::Number(1)), Some(Token::Number(3)))
        );
        let key: Cow<'_, str> = "a,b".into();
        assert_eq!(Order::find(&key, &mut conn).unwrap(), order);
        let updated = Order::at("a,b", Revision(3))
            .update(orders::r#select.eq(9), &mut conn)
            .unwrap();
        assert_eq!((updated.r#select, updated.rev), (9, Revision(4)));
        order.reload(&mut conn).unwrap();
        order.delete(&mut conn).unwrap();

        let mut batch = ["b", "a"].map(|name| Order {
            name: name.into(),
            ..order.clone()
        });
        Order::insert_all(&mut batch, &mut conn).unwrap();
        batch[0].r#select = 7;
        Order::save_all(&mut batch, &mut conn).unwrap();
        for order in &batch {
            assert_eq!(order.rev, Revision(2));
            assert_eq!(&Order::find(&order.name, &mut conn).unwrap(), order);
        }
        Order::delete_all(&mut batch, &mut conn).unwrap();
    }
}

/// Composite keys, an embedded struct, a converted column, a tuple struct, a generic model.
mod parts {
    use super::*;

    diesel::table! {
        seats (hall, number) {
            hall -> VarChar,
            number -> Integer,
            street -> VarChar,
            city -> Nullable<VarChar>,
            state -> BigInt,
            version -> SmallInt,
        }
    }

    const SEATS: &str = "CREATE TABLE seats (
        hall VARCHAR(50) NOT NULL,
        number INTEGER NOT NULL,
        street VARCHAR(50) NOT NULL,
        city VARCHAR(50),
        state BIGINT NOT NULL,
        version SMALLINT NOT NULL,
        PRIMARY KEY (hall, number)
    )";

    #[derive(Debug, Clone, PartialEq, Queryable, Selectable, Versioned)]
    #[diesel(table_name = seats)]
    #[versioned(embedded)]
    struct Address {
        street: String,
        city: Option<String>,
    }

    /// Stored as a number.
    #[derive(Debug, Clone, Copy, PartialEq)]
    enum State {
        Free,
        Sold,
    }

    impl From<State> for i64 {
        fn from(state: State) -> Self {
            match state {
                State::Free => 0,
                State::Sold => 1,
            }
        }
    }

    impl From<i64> for State {
        fn from(number: i64) -> Self {
            if number == 0 { Self::Free } else { Self::Sold }
        }
    }

    #[derive(Debug, Clone, PartialEq, Queryable, Selectable, Versioned)]
    #[diesel(table_name = seats, primary_key(hall, number))]
    #[versioned(owner)]
    struct Seat {
        hall: String,
        number: i32,
        #[diesel(embed)]
        address: Address,
        #[diesel(serialize_as = i64, deserialize_as = i64)]
        state: State,
        version: i16,
    }

    fn seat(number: i32) -> Seat {
        Seat {
            hall: "main, left".into(),
            number,
            address: Address {
                street: "Elm".into(),
                city: Some("Ghent".into()),
            },
            state: State::Free,
            version: 0,
        }
    }

    #[test]
    fn t19_a_composite_key_with_an_embedded_struct_and_a_converted_column() {
        let db = Db::fresh(SEATS);
        let mut conn = db.connect();
        let mut one = seat(1);
        let mut two = seat(2);
        one.insert(&mut conn).unwrap();
        two.insert(&mut conn).unwrap();
        let mut copy = one.clone();
        one.state = State::Sold;
        one.address.city = None;
        one.save(&mut conn).unwrap();
        assert_eq!(
            Seat::find(&("main, left".into(), 1), &mut conn).unwrap(),
            one
        );
        assert_eq!(
            Seat::find(&("main, left".into(), 2), &mut conn).unwrap(),
            two,
            "the other seat is as it was"
        );
        let stale = conflict(copy.save(&mut conn));
        assert_eq!(stale.id(), Some("main\\, left,1"));
        assert_eq!(
            (stale.expected(), stale.found()),
            (Some(Token::Number(1)), Some(Token::Number(2)))
        );
        let updated = Seat::at(("main, left".to_owned(), 2), 1_i16)
            .update(seats::city.eq("Bruges"), &mut conn)
            .unwrap();
        assert_eq!(updated.address.city.as_deref(), Some("Bruges"));
        two.reload(&mut conn).unwrap();
        two.delete(&mut conn).unwrap();
        assert_eq!(
            seats::table.count().get_result::<i64>(&mut conn).unwrap(),
            1
        );

        let mut batch = [seat(4), seat(3), seat(10)];
        Seat::insert_all(&mut batch, &mut conn).unwrap();
        batch[1].state = State::Sold;
        batch[2].address.city = None;
        Seat::save_all(&mut batch, &mut conn).unwrap();
        for seat in &batch {
            let key = (seat.hall.clone(), seat.number);
            assert_eq!(&Seat::find(&key, &mut conn).unwrap(), seat);
        }
        batch[0].version = 1;
        let refused = Seat::delete_all(&mut batch, &mut conn)
            .map(drop)
            .unwrap_err();
        assert_eq!(refused.conflict().unwrap().id(), Some("main\\, left,4"));
        batch[0].version = 2;
        Seat::delete_all(&mut batch, &mut conn).unwrap();
    }

    #[test]
    fn t19_create_with_a_composite_key() {
        let db = Db::fresh(SEATS);
        let mut conn = db.connect();
        let new = (
            seats::hall.eq("x"),
            seats::number.eq(1),
            seats::street.eq("Elm"),
            seats::state.eq(1),
        );
        let log = Log::on(&mut conn);
        let created = Seat::create(new, &mut conn);
        if backend::NAME == "mysql" {
            assert!(
                matches!(created, Err(Error::KeyNotGenerated { table: "seats" })),
                "{created:?}"
            );
            assert_eq!(log.take(), Vec::<String>::new(), "found before any SQL");
            assert_eq!(
                seats::table.count().get_result::<i64>(&mut conn).unwrap(),
                0
            );
        } else {
            let created = created.unwrap();
            assert_eq!((created.state, created.version), (State::Sold, 1));
        }
    }

    #[derive(Debug, Clone, PartialEq, Queryable, Selectable, Versioned)]
    #[diesel(table_name = seats, primary_key(hall, number))]
    #[versioned(owner)]
    struct Tuple(
        #[diesel(column_name = hall)] String,
        #[diesel(column_name = number)] i32,
        #[diesel(column_name = street)] String,
        #[diesel(column_name = state)] i64,
        #[versioned(version)]
        #[diesel(column_name = version)]
        i16,
    );

    #[test]
    fn t19_a_tuple_struct() {
        let db = Db::fresh(SEATS);
        let mut conn = db.connect();
        let mut seat = Tuple("x".into(), 1, "Elm".into(), 0, 0);
        seat.insert(&mut conn).unwrap();
        seat.3 = 1;
        seat.save(&mut conn).unwrap();
        assert_eq!(
            Tuple::find(&("x".into(), 1), &mut conn).unwrap(),
            Tuple("x".into(), 1, "Elm".into(), 1, 2)
        );
    }
}

mod generics {
    use super::*;

    diesel::table! {
        boxes {
            id -> Integer,
            content -> VarChar,
            version -> Integer,
        }
    }

    #[derive(Debug, Clone, PartialEq, Queryable, Selectable, Versioned)]
    #[diesel(table_name = boxes)]
    #[versioned(owner)]
    struct Crate<T> {
        id: i32,
        content: T,
        version: i32,
    }

    #[test]
    fn t19_a_generic_model() {
        let db = Db::fresh(
            "CREATE TABLE boxes (id INTEGER PRIMARY KEY, content VARCHAR(50) NOT NULL, version INTEGER NOT NULL)",
        );
        let mut conn = db.connect();
        let mut model = Crate {
            id: 1,
            content: "a".to_owned(),
            version: 0,
        };
        model.insert(&mut conn).unwrap();
        model.content = "b".to_owned();
        model.save(&mut conn).unwrap();
        assert_eq!(Crate::<String>::find(&1, &mut conn).unwrap(), model);
    }
}

/// A table in a schema: a database beside the connection's own on MySQL, an attached file on `SQLite`.
mod schema {
    use diesel::connection::SimpleConnection;

    use super::*;

    diesel::table! {
        billing.invoices (id) {
            id -> BigInt,
            total -> BigInt,
            version -> BigInt,
        }
    }

    #[derive(Debug, Clone, PartialEq, Queryable, Selectable, Versioned)]
    #[diesel(table_name = invoices)]
    #[versioned(owner)]
    struct Invoice {
        id: i64,
        total: i64,
        version: i64,
    }

    #[test]
    fn t19_a_table_in_a_schema() {
        let db = Db::fresh("");
        let mut conn = db.connect();
        let schema = match backend::NAME {
            "sqlite" => "ATTACH ':memory:' AS billing",
            "mysql" => "DROP DATABASE IF EXISTS billing; CREATE DATABASE billing",
            _ => "CREATE SCHEMA billing",
        };
        conn.batch_execute(schema).unwrap();
        conn.batch_execute("CREATE TABLE billing.invoices (id BIGINT PRIMARY KEY, total BIGINT NOT NULL, version BIGINT NOT NULL)")
            .unwrap();
        let mut invoice = Invoice {
            id: 1,
            total: 10,
            version: 0,
        };
        invoice.insert(&mut conn).unwrap();
        let mut copy = invoice.clone();
        invoice.total = 11;
        invoice.save(&mut conn).unwrap();
        let stale = conflict(copy.touch(&mut conn));
        assert_eq!(
            (stale.table(), stale.found()),
            (Some("billing.invoices"), Some(Token::Number(2)))
        );
        let updated = Invoice::at(1, 2)
            .update(invoices::total.eq(12), &mut conn)
            .unwrap();
        assert_eq!(
            updated,
            Invoice {
                id: 1,
                total: 12,
                version: 3
            }
        );
        invoice.reload(&mut conn).unwrap();
        Invoice::save_all(std::slice::from_mut(&mut invoice), &mut conn).unwrap();
        Invoice::delete_all(std::slice::from_mut(&mut invoice), &mut conn).unwrap();
        Invoice::insert_all(std::slice::from_mut(&mut invoice), &mut conn).unwrap();
        invoice.delete(&mut conn).unwrap();
        let created = Invoice::create((invoices::id.eq(5), invoices::total.eq(1)), &mut conn);
        if backend::NAME == "mysql" {
            assert!(
                matches!(
                    created,
                    Err(Error::KeyNotGenerated {
                        table: "billing.invoices"
                    })
                ),
                "{created:?}"
            );
        } else {
            assert_eq!(
                created.unwrap(),
                Invoice {
                    id: 5,
                    total: 1,
                    version: 1
                }
            );
        }
        if backend::NAME == "mysql" {
            conn.batch_execute("DROP DATABASE billing").unwrap();
        }
    }
    diesel::table! {
        #[sql_name = "it's a \"view\""]
        billing.lines (id) {
            id -> BigInt,
            total -> BigInt,
            version -> BigInt,
        }
    }

    #[derive(Debug, Clone, PartialEq, Queryable, Selectable, Versioned)]
    #[diesel(table_name = lines)]
    #[versioned(owner)]
    struct Line {
        id: i64,
        total: i64,
        version: i64,
    }

    /// SQLite counts nothing that a view's triggers write: it is found by its own name, in its own schema.
    #[test]
    fn a_view_in_an_attached_database_says_that_it_counts_nothing() {
        if backend::NAME != "sqlite" {
            return;
        }
        let db = Db::fresh("");
        let mut conn = db.connect();
        conn.batch_execute(
            "ATTACH ':memory:' AS billing;
            CREATE TABLE billing.behind (id BIGINT PRIMARY KEY, total BIGINT NOT NULL, version BIGINT NOT NULL);
            INSERT INTO billing.behind VALUES (1, 10, 1);
            CREATE VIEW billing.\"it's a \"\"view\"\"\" AS SELECT id, total, version FROM behind;
            CREATE TRIGGER billing.changes INSTEAD OF UPDATE ON \"it's a \"\"view\"\"\" BEGIN
                UPDATE behind SET total = NEW.total, version = NEW.version WHERE id = OLD.id;
            END;
            CREATE TABLE billing.invoices (id BIGINT PRIMARY KEY, total BIGINT NOT NULL, version BIGINT NOT NULL);
            CREATE VIEW main.invoices AS SELECT * FROM (SELECT 1 AS id);",
        )
        .unwrap();
        let mut line = Line::find(&1, &mut conn).unwrap();
        match line.save(&mut conn).map(drop) {
            Err(Error::View { table, id }) => {
                assert_eq!((table, id.as_str()), ("billing.it's a \"view\"", "1"));
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(line.version, 1);
        // A view elsewhere has nothing to do with a table of its name.
        let mut missing = Invoice {
            id: 1,
            total: 10,
            version: 1,
        };
        let gone = conflict(missing.save(&mut conn));
        assert_eq!(
            (gone.kind(), gone.table()),
            (ConflictKind::Deleted, Some("billing.invoices"))
        );
    }
}
