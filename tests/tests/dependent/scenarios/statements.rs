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
    WHERE replica = ? AND entity = ? AND 'key' = ? AND version BETWEEN ? AND ?";
const UPSERT: &str = "INSERT INTO versioned_positions (replica, entity, 'key', version, deleted_at) \
    VALUES (?, ?, ?, ?, NULLIF(?, 0)) ON CONFLICT (replica, entity, 'key') DO UPDATE SET version = excluded.version, \
    deleted_at = excluded.deleted_at WHERE versioned_positions.version BETWEEN ? AND ?";
const ENTER: &str = "INSERT INTO versioned_positions (replica, entity, 'key', version, deleted_at) VALUES (?, ?, ?, ?, NULLIF(?, 0))";
const INSERT: &str = "INSERT INTO 'copies' ('id', 'price', 'version') VALUES (?, ?, ?)";
const MERGE: &str = "INSERT INTO 'copies' ('id', 'price', 'version') VALUES (?, ?, ?) \
    ON CONFLICT ('id') DO UPDATE SET 'price' = excluded.'price', 'version' = excluded.'version'";
const OVERWRITE: &str = "UPDATE 'copies' SET 'price' = ?, 'version' = ? WHERE 'id' = ?";
const REMOVE: &str = "DELETE FROM 'copies' WHERE 'id' = ?";
/// MySQL, MariaDB.
const FOLLOW: &str = "UPDATE versioned_positions AS held STRAIGHT_JOIN 'copies' AS target \
    SET held.version = ?, held.deleted_at = NULL, target.'price' = ?, target.'version' = ? \
    WHERE held.replica = ? AND held.entity = ? AND held.'key' = ? AND held.version BETWEEN ? AND ? AND target.'id' = ?";

/// PostgreSQL: the position, moved by this statement, and the row.
fn follow(position: &str) -> String {
    format!(
        "WITH moved AS ({position} RETURNING 1), written AS (INSERT INTO 'copies' ('id', 'price', 'version') \
        SELECT ?, ?, ? FROM moved ON CONFLICT ('id') DO UPDATE SET 'price' = excluded.'price', 'version' = excluded.'version') \
        SELECT 1 FROM moved"
    )
}

fn runs<M: Replica>(event: &Event<M>, conn: &mut Conn, log: &Log) -> Vec<String> {
    log.take();
    assert!(M::apply(event, conn).unwrap().should_ack());
    log.take()
}

#[test]
fn an_event_alone_takes_the_fewest_statements() {
    let (_db, mut conn) = replica();
    let log = Log::on(&mut conn);
    type M = SequentialPosition;

    let first = runs::<M>(&created(20), &mut conn, &log);
    let next = runs::<M>(&updated(2, 25), &mut conn, &log);
    let again = runs::<M>(&updated(2, 25), &mut conn, &log);
    let last = runs::<M>(&deleted(3), &mut conn, &log);
    let looked =
        "SELECT version FROM versioned_positions WHERE replica = ? AND entity = ? AND 'key' = ?";
    match backend::NAME {
        "postgres" => {
            assert_eq!(first, [follow(UPSERT)]);
            assert_eq!(next, [follow(ADVANCE)]);
            assert_eq!(again, [&follow(ADVANCE), looked]);
        }
        "mysql" => {
            assert_eq!(first, ["BEGIN", looked, ENTER, INSERT, "COMMIT"]);
            assert_eq!(next, [FOLLOW]);
            let looked = format!("{looked} LOCK IN SHARE MODE");
            assert_eq!(again, [FOLLOW, &looked]);
        }
        _ => {
            assert_eq!(first, ["BEGIN", UPSERT, MERGE, "COMMIT"]);
            assert_eq!(next, ["BEGIN", ADVANCE, MERGE, "COMMIT"]);
            assert_eq!(again, ["BEGIN", ADVANCE, looked, "COMMIT"]);
        }
    }
    assert_eq!(last, ["BEGIN", ADVANCE, REMOVE, "COMMIT"]);
}

/// What else belongs to it shares its transaction, and its savepoint in one of the caller's.
#[test]
fn an_event_with_company_is_guard_and_write_in_a_transaction() {
    let (_db, mut conn) = replica();
    let log = Log::on(&mut conn);
    type M = SequentialPosition;
    let write = if backend::NAME == "mysql" {
        OVERWRITE
    } else {
        MERGE
    };
    assert_eq!(M::apply(&created(20), &mut conn).unwrap(), Outcome::Applied);

    log.take();
    let outcome = M::apply_with(&updated(2, 25), &mut conn, |_, _| Ok(())).unwrap();
    assert_eq!(outcome, Outcome::Applied);
    assert_eq!(log.take(), ["BEGIN", ADVANCE, write, "COMMIT"]);

    let outcome = conn.transaction(|conn| M::apply(&updated(3, 30), conn));
    assert_eq!(outcome.unwrap(), Outcome::Applied);
    let ran = log.take();
    assert_eq!(ran[2..4], [ADVANCE, write]);
    assert!(ran[1].starts_with("SAVEPOINT") && ran[4].starts_with("RELEASE"));
    assert_eq!(row(&mut conn), at(30, 3));
}

#[test]
fn with_the_row_as_guard_an_event_is_one_statement() {
    let (_db, mut conn) = replica();
    let log = Log::on(&mut conn);
    let older = " AND 'version' < ?";
    let merge = format!("{MERGE} WHERE 'copies'.'version' < excluded.'version'");
    let first = runs::<SequentialRow>(&created(20), &mut conn, &log);
    if backend::NAME == "mysql" {
        assert_eq!(
            first,
            ["SELECT 'version' FROM 'copies' WHERE 'id' = ?", INSERT]
        );
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

/// On PostgreSQL three statements for each 2,000 records (one more if some are new and others are not, if there are
/// deletions, and with `park`); elsewhere those of each record.
fn many_events_take_few_statements<M: Replica>() {
    let (_db, mut conn) = replica();
    let log = Log::on(&mut conn);
    let parks = usize::from(M::GAP == Gap::Park);
    // Five chunks on PostgreSQL; elsewhere each is for itself.
    let number = if backend::NAME == "postgres" {
        10_000
    } else {
        1_000
    };
    let of_version = |version| -> Vec<Event<M>> {
        let op = if version == 1 {
            Op::Created
        } else {
            Op::Updated
        };
        (1..=number).map(|id| event(op, id, version, id)).collect()
    };
    let all_applied = |outcomes: Vec<Outcome>| {
        assert!(outcomes.iter().all(|outcome| *outcome == Outcome::Applied));
    };
    all_applied(M::apply_all(&of_version(1), &mut conn).unwrap());
    let created = log.take().len();
    all_applied(M::apply_all(&of_version(2), &mut conn).unwrap());
    let updated = log.take().len();
    match backend::NAME {
        "postgres" => {
            assert_eq!(created, 2 + 5 * (3 + parks));
            assert_eq!(updated, 2 + 5 * (3 + parks));
        }
        // The level, and the transaction. Position and row are one statement; a parking replica also looks for what waits.
        "mysql" => {
            assert_eq!(created, 3 + 1_000 * (3 + 2 * parks));
            assert_eq!(updated, 3 + 1_000 * (1 + 3 * parks));
        }
        _ => {
            assert_eq!(created, 2 + 1_000 * (2 + 2 * parks));
            assert_eq!(updated, 2 + 1_000 * (2 + 2 * parks));
        }
    }
    if backend::NAME != "postgres" {
        return;
    }
    let events = [
        event::<M>(Op::Deleted, 1, 3, 0),
        event(Op::Updated, 2, 3, 20),
        event(Op::Updated, 3, 1, 30),
        event(Op::Created, 0, 1, 0),
    ];
    assert_eq!(
        M::apply_all(&events, &mut conn).unwrap(),
        [
            Outcome::Applied,
            Outcome::Applied,
            Outcome::Duplicate { current: 2 },
            Outcome::Applied,
        ]
    );
    let insert = "INSERT INTO versioned_positions (replica, entity, 'key', version, deleted_at) \
        SELECT ?, ?, unnest(?), unnest(?), NULLIF(unnest(?), 0) ON CONFLICT (replica, entity, 'key') ";
    let of_keys = |table: &str, one: &str| {
        format!(
            "SELECT p.'key', p.version FROM unnest(?) AS g ('key') CROSS JOIN LATERAL (SELECT 'key', version \
            FROM {table} WHERE replica = ? AND entity = ? AND 'key' = g.'key' {one}) AS p"
        )
    };
    let mut expected = vec![
        "BEGIN".to_owned(),
        of_keys("versioned_positions", "FOR UPDATE"),
        of_keys("versioned_parked", "LIMIT 1"),
        format!("{insert}DO UPDATE SET version = excluded.version, deleted_at = excluded.deleted_at"),
        format!("{insert}DO NOTHING RETURNING 'key', version"),
        "WITH given AS (SELECT unnest(?) AS c0) DELETE FROM 'copies' AS target USING given \
            WHERE target.'id' = ANY(ARRAY[given.c0])"
            .to_owned(),
        "WITH given AS (SELECT unnest(?) AS c0, unnest(?) AS c1, unnest(?) AS c2) \
            INSERT INTO 'copies' ('id', 'price', 'version') SELECT c0, c1, c2 FROM given \
            ON CONFLICT ('id') DO UPDATE SET 'price' = excluded.'price', 'version' = excluded.'version'"
            .to_owned(),
        "COMMIT".to_owned(),
    ];
    if M::GAP == Gap::Nack {
        expected.remove(2);
    }
    assert_eq!(log.take(), expected);
}
for_each_replica!(many_events_take_few_statements remembers deletions);

/// Versions of one record become one write, and so do the last ones of many records.
fn a_run_of_versions_is_one_write<M: Replica>() {
    let (_db, mut conn) = replica();
    let mut events: Vec<Event<M>> = (1..=400)
        .map(|version| event(Op::Updated, 7, version, version))
        .collect();
    events[0] = event(Op::Created, 7, 1, 1);
    events.reverse();
    events.push(event(Op::Updated, 8, 2, 2));
    let log = Log::on(&mut conn);
    let outcomes = M::apply_all(&events, &mut conn).unwrap();
    assert_eq!(outcomes[..400], [Outcome::Applied; 400]);
    assert_eq!(
        outcomes[400],
        match M::GAP {
            Gap::Nack => Outcome::Gap {
                current: 0,
                received: 2
            },
            Gap::Park => Outcome::Parked,
        }
    );
    assert_eq!(row(&mut conn), at(400, 400));
    let writes = log.take();
    // The statement with STRAIGHT_JOIN was for the other record, and found nothing.
    let is_read = |text: &str| text.starts_with("SELECT") || text.contains("STRAIGHT_JOIN");
    let writes = writes.iter().filter(|text| text.contains("'copies'"));
    assert_eq!(writes.filter(|text| !is_read(text)).count(), 1);
}
for_each_replica!(a_run_of_versions_is_one_write: sequential_position SequentialPosition, sequential_park SequentialPark);

/// What no retry mends is told at once.
fn an_error_of_the_database_is_not_tried_again<M: Replica>() {
    let (_db, mut conn) = replica();
    diesel::sql_query("DROP TABLE copies")
        .execute(&mut conn)
        .unwrap();
    let log = Log::on(&mut conn);
    let writes = |log: &Log| {
        let text = log.take();
        text.iter().filter(|line| line.contains("'copies'")).count()
    };
    let refused = M::apply(&created(20), &mut conn);
    assert!(matches!(refused, Err(Error::Database(_))), "{refused:?}");
    assert_eq!(writes(&log), 1);
    let refused = M::apply_all(&[created(20)], &mut conn);
    assert!(matches!(refused, Err(Error::Database(_))), "{refused:?}");
    assert_eq!(writes(&log), 1);
}
for_each_replica!(an_error_of_the_database_is_not_tried_again);
