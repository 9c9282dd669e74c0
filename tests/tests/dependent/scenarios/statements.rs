//! The exact SQL of `apply`, and how many statements it takes.

use std::sync::{Arc, Mutex};

use diesel::connection::{Instrumentation, InstrumentationEvent};

use super::*;

/// What a connection was asked since the last look.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    fn on(conn: &mut Conn) -> Self {
        let log = Self::default();
        conn.set_instrumentation(log.clone());
        log
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

impl Instrumentation for Log {
    fn on_connection_event(&mut self, event: InstrumentationEvent<'_>) {
        if let InstrumentationEvent::StartQuery { query, .. } = event {
            let text = query.to_string();
            let text = text.split(" -- binds").next().unwrap();
            self.0.lock().unwrap().push(normal(text));
        }
    }
}

/// The statement with `'` around identifiers and `?` for parameters, whatever the backend.
fn normal(text: &str) -> String {
    let mut normal = String::new();
    let mut characters = text
        .replace(['`', '"'], "'")
        .chars()
        .collect::<Vec<_>>()
        .into_iter()
        .peekable();
    while let Some(character) = characters.next() {
        normal.push(if character == '$' { '?' } else { character });
        while character == '$' && characters.next_if(char::is_ascii_digit).is_some() {}
    }
    normal
}

const ADVANCE: &str = "UPDATE versioned_positions SET version = ?, deleted_at = NULLIF(?, 0) \
    WHERE entity = ? AND 'key' = ? AND version BETWEEN ? AND ?";
const UPSERT: &str = "INSERT INTO versioned_positions (entity, 'key', version, deleted_at) \
    VALUES (?, ?, ?, NULLIF(?, 0)) ON CONFLICT (entity, 'key') DO UPDATE SET version = excluded.version, \
    deleted_at = excluded.deleted_at WHERE versioned_positions.version BETWEEN ? AND ?";
const ENTER: &str = "INSERT INTO versioned_positions (entity, 'key', version, deleted_at) VALUES (?, ?, ?, NULLIF(?, 0))";
const INSERT: &str = "INSERT INTO 'copies' ('id', 'price', 'version') VALUES (?, ?, ?)";
const MERGE: &str = "INSERT INTO 'copies' ('id', 'price', 'version') VALUES (?, ?, ?) \
    ON CONFLICT ('id') DO UPDATE SET 'price' = excluded.'price', 'version' = excluded.'version'";
const OVERWRITE: &str = "UPDATE 'copies' SET 'price' = ?, 'version' = ? WHERE 'id' = ?";
const REMOVE: &str = "DELETE FROM 'copies' WHERE 'id' = ?";

fn runs<M: Replica>(event: &Event<M>, conn: &mut Conn, log: &Log) -> Vec<String> {
    log.take();
    assert!(M::apply(event, conn).unwrap().should_ack());
    log.take()
}

#[test]
fn an_event_is_guard_and_write_in_a_transaction() {
    let (_db, mut conn) = replica();
    let log = Log::on(&mut conn);
    let mysql = backend::NAME == "mysql";
    type M = SequentialPosition;

    let first = runs::<M>(&created(20), &mut conn, &log);
    if mysql {
        assert_eq!(
            first,
            ["BEGIN", ADVANCE, ENTER, OVERWRITE, INSERT, "COMMIT"]
        );
    } else {
        assert_eq!(first, ["BEGIN", UPSERT, MERGE, "COMMIT"]);
    }
    let next = runs::<M>(&updated(2, 25), &mut conn, &log);
    assert_eq!(
        next,
        [
            "BEGIN",
            ADVANCE,
            if mysql { OVERWRITE } else { MERGE },
            "COMMIT"
        ]
    );
    let lock = if mysql { " LOCK IN SHARE MODE" } else { "" };
    let asked =
        format!("SELECT version FROM versioned_positions WHERE entity = ? AND 'key' = ?{lock}");
    assert_eq!(
        runs::<M>(&updated(2, 25), &mut conn, &log),
        ["BEGIN", ADVANCE, &asked, "COMMIT"]
    );
    assert_eq!(
        runs::<M>(&deleted(3), &mut conn, &log),
        ["BEGIN", ADVANCE, REMOVE, "COMMIT"]
    );
}

#[test]
fn with_the_row_as_guard_an_event_is_one_statement() {
    let (_db, mut conn) = replica();
    let log = Log::on(&mut conn);
    let older = " AND 'version' < ?";
    let merge = format!("{MERGE} WHERE 'copies'.'version' < excluded.'version'");
    let first = runs::<SequentialRow>(&created(20), &mut conn, &log);
    if backend::NAME == "mysql" {
        assert_eq!(first, [format!("{OVERWRITE}{older}").as_str(), INSERT]);
    } else {
        assert_eq!(first, [merge.as_str()]);
    }
    let next = runs::<SequentialRow>(&updated(2, 25), &mut conn, &log);
    assert_eq!(next, [format!("{OVERWRITE} AND 'version' = ?")]);
    let latest = runs::<LatestRow>(&updated(3, 30), &mut conn, &log);
    if backend::NAME == "mysql" {
        assert_eq!(latest, [format!("{OVERWRITE}{older}")]);
    } else {
        assert_eq!(latest, [merge.as_str()]);
    }
}

/// Two statements for each 250 records (three with deletions, one more where events were late), whatever their number.
#[test]
fn many_events_take_a_constant_number_of_statements_per_chunk() {
    let (_db, mut conn) = replica();
    let log = Log::on(&mut conn);
    let events: Vec<Event<LatestPosition>> = (1..=10_000)
        .map(|id| event(Op::Created, id, 1, id))
        .collect();
    assert!(
        LatestPosition::apply_all(&events, &mut conn)
            .unwrap()
            .iter()
            .all(|outcome| *outcome == Outcome::Applied)
    );
    let statements = log.take().len();
    if backend::NAME == "mysql" {
        assert_eq!(statements, 2 + 10_000 * 4);
    } else {
        assert_eq!(statements, 2 + 40 * 2);
    }
}
