//! Whatever comes in as an event: no panic, and nothing written but by an event that was applied.

use std::cell::{Cell, RefCell};

use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestRunner};
use serde_json::{Value, json};

use versioned_tests::random;

use super::*;

/// Any small JSON.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[a-z0-9,\\\\\u{0}'\"é-]{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(2, 8, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::btree_map("[a-z]{1,8}", inner, 0..3)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// An event that is nearly right: a few versions of few records, sometimes with a field taken away or replaced.
fn nearly_an_event() -> impl Strategy<Value = String> {
    let event = (1_i64..4, -1_i64..6, 0_usize..5).prop_map(|(id, version, op)| {
        json!({
            "entity": "tickets",
            "key": id.to_string(),
            "version": version,
            "op": (["created", "updated", "deleted", "snapshot", "updated"][op]),
            "at": "2026-11-23T05:10:00Z",
            "data": { "id": id, "price": version * 10, "version": version },
            "more": true,
        })
    });
    let fields = || {
        prop::sample::select(vec![
            "entity",
            "key",
            "version",
            "op",
            "at",
            "data",
            "trace",
            "data/id",
            "data/price",
        ])
    };
    let change = prop_oneof![
        3 => Just(None),
        1 => fields().prop_map(|field| Some((field, None))),
        2 => (fields(), any_json()).prop_map(|(field, value)| Some((field, Some(value)))),
    ];
    (event, change).prop_map(|(mut event, change)| {
        if let Some((field, value)) = change {
            let (object, field) = match field.split_once('/') {
                Some((outer, inner)) => (event.get_mut(outer).unwrap(), inner),
                None => (&mut event, field),
            };
            match value {
                Some(value) => object[field] = value,
                None => drop(object.as_object_mut().unwrap().remove(field)),
            }
        }
        event.to_string()
    })
}

type Content = (Vec<Row>, Vec<(i64, String)>);

/// The rows and, of each record, its position.
fn content(conn: &mut Conn) -> Content {
    #[derive(QueryableByName)]
    struct Position {
        #[diesel(sql_type = diesel::sql_types::BigInt)]
        version: i64,
        #[diesel(sql_type = diesel::sql_types::Text)]
        record: String,
    }

    let quote = if backend::NAME == "mysql" { '`' } else { '"' };
    let cast = if backend::NAME == "mysql" {
        "CHAR"
    } else {
        "TEXT"
    };
    let positions = diesel::sql_query(format!(
        "SELECT version, CAST({quote}key{quote} AS {cast}) AS record FROM versioned_positions ORDER BY 2"
    ));
    (
        copies::table.order(copies::id).load(conn).unwrap(),
        positions
            .load::<Position>(conn)
            .unwrap()
            .into_iter()
            .map(|row| (row.version, row.record))
            .collect(),
    )
}

fn fuzzed_events<M: Replica + serde::de::DeserializeOwned>() {
    let (_db, conn) = replica();
    let conn = RefCell::new(conn);
    let applied = Cell::new(0);
    let input = prop_oneof![8 => nearly_an_event(), 1 => any_json().prop_map(|value| value.to_string()), 1 => ".{0,40}"];
    let config = Config {
        cases: random::cases(1_500),
        rng_seed: RngSeed::Fixed(random::seed()),
        failure_persistence: None,
        ..Config::default()
    };
    let result = TestRunner::new(config).run(&input, |json| {
        let conn = &mut *conn.borrow_mut();
        let Ok(event) = serde_json::from_str::<Event<M>>(&json) else {
            return Ok(());
        };
        let before = content(conn);
        let outcome = M::apply(&event, conn);
        let after = content(conn);
        match outcome {
            Ok(Outcome::Applied) => applied.set(applied.get() + 1),
            Ok(Outcome::Parked) => prop_assert_eq!(&before.0, &after.0),
            Ok(_) => prop_assert_eq!(&before, &after),
            Err(error) => {
                prop_assert!(
                    matches!(error, Error::Event(_) | Error::Database(_)),
                    "{:?}",
                    error
                );
                prop_assert_eq!(&before, &after);
            }
        }
        if M::GUARD == Guard::Position {
            for (id, _, version, _) in &after.0 {
                prop_assert!(after.1.contains(&(*version, id.to_string())), "{:?}", after);
            }
        }
        Ok(())
    });
    result.unwrap_or_else(|error| panic!("{error}"));
    // The last one may have been a deletion.
    assert!(applied.get() > 0, "some of the events were good ones");
}
for_each_replica!(fuzzed_events);
