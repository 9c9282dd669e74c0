//! The guard in the database: hand-written SQL cannot go round it, and what goes through this crate does not feel it.

use diesel::connection::SimpleConnection as _;
use versioned_core::{Tracked, guard_trigger};
use versioned_tests::pages::{PAGES, Page};

use super::backend::Backend;
use super::*;

pub(super) fn run(statements: &[String], conn: &mut Conn) {
    for statement in statements {
        conn.batch_execute(statement)
            .unwrap_or_else(|error| panic!("{statement}: {error}"));
    }
}

/// A name as this database quotes it.
pub(super) fn quoted(name: &str) -> String {
    let quote = if backend::NAME == "mysql" { "`" } else { "\"" };
    format!("{quote}{}{quote}", name.replace(quote, &quote.repeat(2)))
}

pub(super) fn make_schema(schema: &str, conn: &mut Conn) {
    conn.batch_execute(&match backend::NAME {
        "sqlite" => format!("ATTACH ':memory:' AS {schema}"),
        "mysql" => {
            format!("DROP DATABASE IF EXISTS {schema}; CREATE DATABASE {schema}")
        }
        _ => format!("CREATE SCHEMA {schema}"),
    })
    .unwrap();
}

#[test]
fn what_does_not_move_the_version_by_one_is_rejected() {
    let (_db, mut conn, _) = two_sessions();
    let trigger = guard_trigger::<Ticket, Backend>().unwrap();
    run(&trigger.up, &mut conn);
    let mut ticket = Ticket::inserted(&mut conn);
    ticket.price = 25;
    ticket.save(&mut conn).unwrap();
    ticket.touch(&mut conn).unwrap();
    Ticket::at(7, 3)
        .update(tickets::price.eq(26_i64), &mut conn)
        .unwrap();
    diesel::update(tickets::table)
        .set((tickets::price.eq(27_i64), Ticket::bump()))
        .execute(&mut conn)
        .unwrap();
    ticket.reload(&mut conn).unwrap();
    Ticket::save_all(std::slice::from_mut(&mut ticket), &mut conn).unwrap();
    let mut tracked = Tracked::new(ticket);
    tracked.price = 28;
    tracked.save(&mut conn).unwrap();
    let before = Ticket::row(7, &mut conn).unwrap();
    assert_eq!((before.price, before.version), (28, 7));

    for by_hand in [
        "price = 0",
        "version = version",
        "price = 0, version = version + 2",
        "version = version - 1",
        "version = 1",
    ] {
        let refused = diesel::sql_query(format!("UPDATE tickets SET {by_hand} WHERE id = 7"))
            .execute(&mut conn);
        let text = refused.unwrap_err().to_string();
        assert!(
            text.contains("tickets: an update must move the version by one"),
            "{by_hand}: {text}"
        );
    }
    assert_eq!(Ticket::row(7, &mut conn), Some(before));
    run(&trigger.down, &mut conn);
    conn.batch_execute("UPDATE tickets SET price = 0 WHERE id = 7")
        .unwrap();
}

#[test]
fn what_is_excluded_goes_through() {
    let db = Db::fresh(PAGES);
    let mut conn = db.connect();
    run(&guard_trigger::<Page, Backend>().unwrap().up, &mut conn);
    let mut page = Page::hello();
    page.insert(&mut conn).unwrap();
    let mut page = Tracked::new(page);
    page.hits = 5;
    page.save(&mut conn).unwrap();
    page.body = "bye".into();
    page.hits = 6;
    page.save(&mut conn).unwrap();
    assert_eq!(Page::find(&1, &mut conn).unwrap(), *page);
    for by_hand in ["body = 'x', hits = 7", "version = 9"] {
        assert!(
            conn.batch_execute(&format!("UPDATE pages SET {by_hand} WHERE id = 1"))
                .is_err()
        );
    }
    conn.batch_execute("UPDATE pages SET hits = 7 WHERE id = 1")
        .unwrap();
}

/// Two schemas with one table's name, and columns whose names have quotes, dots and commas.
mod schemas {
    use super::*;

    macro_rules! in_schema {
        ($schema:ident.$table:ident $model:ident) => {
            diesel::table! {
                #[sql_name = "it's a \"log\", of `x`.y"]
                $schema.$table (id) {
                    id -> BigInt,
                    #[sql_name = "a.b, \"c\" `d` 'e'"]
                    body -> VarChar,
                    #[sql_name = "hits, 'all'.`x` \"y\""]
                    hits -> BigInt,
                    #[sql_name = "ver\"si`on"]
                    version -> BigInt,
                }
            }

            #[derive(Debug, Clone, PartialEq, Queryable, Selectable, Versioned)]
            #[diesel(table_name = $table)]
            #[versioned(owner)]
            struct $model {
                id: i64,
                body: String,
                #[versioned(excluded)]
                hits: i64,
                version: i64,
            }
        };
    }

    in_schema!(guard_one.first First);
    in_schema!(guard_two.second Second);

    fn make(schema: &str, conn: &mut Conn) {
        let [table, body, hits, version] = [
            "it's a \"log\", of `x`.y",
            "a.b, \"c\" `d` 'e'",
            "hits, 'all'.`x` \"y\"",
            "ver\"si`on",
        ]
        .map(quoted);
        make_schema(schema, conn);
        conn.batch_execute(&format!(
            "CREATE TABLE {schema}.{table} (id BIGINT PRIMARY KEY, {body} VARCHAR(50) NOT NULL, \
             {hits} BIGINT NOT NULL, {version} BIGINT NOT NULL)"
        ))
        .unwrap();
    }

    #[track_caller]
    fn assert_guarded(written: QueryResult<usize>, schema: &str) {
        let text = written.unwrap_err().to_string();
        let says =
            format!("{schema}.it's a \"log\", of `x`.y: an update must move the version by one");
        assert!(text.contains(&says), "{text}");
    }

    #[test]
    fn each_schema_has_its_own_trigger() {
        let db = Db::fresh("");
        let mut conn = db.connect();
        make("guard_one", &mut conn);
        make("guard_two", &mut conn);
        let one = guard_trigger::<First, Backend>().unwrap();
        let two = guard_trigger::<Second, Backend>().unwrap();
        run(&one.up, &mut conn);
        run(&two.up, &mut conn);
        let mut first = Tracked::new(First {
            id: 1,
            body: "hello".into(),
            hits: 0,
            version: 1,
        });
        first.clone().into_inner().import(&mut conn).unwrap();
        first.hits = 5;
        first.save(&mut conn).unwrap();
        first.body = "bye".into();
        first.save(&mut conn).unwrap();
        let mut second = Second {
            id: 1,
            body: "hello".into(),
            hits: 0,
            version: 0,
        };
        second.insert(&mut conn).unwrap();
        second.save(&mut conn).unwrap();

        let by_hand = diesel::update(first::table).set(first::body.eq("x"));
        assert_guarded(by_hand.execute(&mut conn), "guard_one");
        let by_hand = diesel::update(second::table).set(second::body.eq("x"));
        assert_guarded(by_hand.execute(&mut conn), "guard_two");
        let excluded = diesel::update(first::table).set(first::hits.eq(7_i64));
        assert_eq!(excluded.execute(&mut conn), Ok(1));
        let found = First::find(&1, &mut conn).unwrap();
        assert_eq!(
            (found.body.as_str(), found.hits, found.version),
            ("bye", 7, 2)
        );
        assert_eq!(Second::find(&1, &mut conn).unwrap(), second);

        run(&one.down, &mut conn);
        let by_hand = diesel::update(first::table).set(first::body.eq("x"));
        assert_eq!(by_hand.execute(&mut conn), Ok(1));
        let by_hand = diesel::update(second::table).set(second::body.eq("x"));
        assert_guarded(by_hand.execute(&mut conn), "guard_two");
        run(&two.down, &mut conn);
        let by_hand = diesel::update(second::table).set(second::body.eq("x"));
        assert_eq!(by_hand.execute(&mut conn), Ok(1));
        if backend::NAME == "mysql" {
            conn.batch_execute("DROP DATABASE guard_one; DROP DATABASE guard_two")
                .unwrap();
        }
    }
}

/// Tables whose triggers' names are too long, and the same as far as they go.
mod long_names {
    use super::*;

    macro_rules! long {
        ($module:ident, $sql_name:literal) => {
            mod $module {
                use super::*;

                diesel::table! {
                    #[sql_name = $sql_name]
                    long {
                        id -> BigInt,
                        version -> BigInt,
                    }
                }

                #[derive(Debug, Clone, PartialEq, Queryable, Selectable, Versioned)]
                #[diesel(table_name = long)]
                #[versioned(owner)]
                pub(super) struct Long {
                    pub(super) id: i64,
                    pub(super) version: i64,
                }

                pub(super) const DDL: &str = concat!(
                    "CREATE TABLE ",
                    $sql_name,
                    " (id BIGINT PRIMARY KEY, version BIGINT NOT NULL)"
                );
            }
        };
    }

    long!(
        one,
        "a_table_whose_name_is_nearly_as_long_as_any_of_them_may_be_1"
    );
    long!(
        two,
        "a_table_whose_name_is_nearly_as_long_as_any_of_them_may_be_2"
    );

    #[test]
    fn each_table_has_its_own_trigger() {
        let db = Db::fresh("");
        let mut conn = db.connect();
        for ddl in [one::DDL, two::DDL] {
            conn.batch_execute(ddl).unwrap();
        }
        let one = guard_trigger::<one::Long, Backend>().unwrap();
        let two = guard_trigger::<two::Long, Backend>().unwrap();
        run(&one.up, &mut conn);
        run(&two.up, &mut conn);
        let mut long = two::Long { id: 1, version: 0 };
        long.insert(&mut conn).unwrap();
        long.save(&mut conn).unwrap();
        let by_hand = diesel::update(two::long::table).set(two::long::version.eq(9_i64));
        let text = by_hand.execute(&mut conn).unwrap_err().to_string();
        assert!(
            text.contains("of_them_may_be_2: an update must move the version by one"),
            "{text}"
        );
        assert_eq!(two::Long::find(&1, &mut conn).unwrap(), long);
        run(&one.down, &mut conn);
        run(&two.down, &mut conn);
    }
}
