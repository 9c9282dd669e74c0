//! No statement of the status reads a whole table, however much waits.

use std::sync::{Arc, Mutex};

use diesel::connection::{Connection as _, InstrumentationEvent};
use diesel::prelude::*;
use diesel_migrations::MigrationHarness as _;
use versioned_core::MIGRATIONS;

use super::super::rows::{Look as _, Rows, ago};
use super::backend::{self, Conn, Db};

const MANY: u32 = 200_000;
const MOST: u64 = 100;

/// The statements of a status, with their values.
fn statements(conn: &mut Conn) -> Vec<String> {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&seen);
    conn.set_instrumentation(move |event: InstrumentationEvent<'_>| {
        if let InstrumentationEvent::StartQuery { query, .. } = event {
            heard.lock().unwrap().push(with_values(&query.to_string()));
        }
    });
    let status = conn.status(MOST).unwrap();
    conn.set_instrumentation(|_: InstrumentationEvent<'_>| ());
    let all = [&status.outbox.pending, &status.replicas[0].parked];
    assert!(
        all.iter()
            .all(|count| count.value == MOST && count.at_least)
    );
    assert_eq!(status.replicas.len(), 3);
    std::mem::take(&mut seen.lock().unwrap())
}

/// Puts the values into a statement as Diesel shows it: `SELECT $1 -- binds: ["a"]`.
fn with_values(shown: &str) -> String {
    let (sql, values) = shown.split_once(" -- binds: [").unwrap();
    let values = values.strip_suffix(']').unwrap();
    let mut values = values.split(", ").map(|value| value.replace('"', "'"));
    let mut all = String::new();
    let mut rest = sql;
    while let Some((before, after)) = rest.split_once(['$', '?']) {
        all.push_str(before);
        all.push_str(&values.next().unwrap_or_default());
        rest = after.trim_start_matches(|c: char| c.is_ascii_digit());
    }
    all + rest
}

fn database() -> (Db, Conn) {
    let db = Db::fresh("CREATE TABLE tickets (id BIGINT PRIMARY KEY)");
    let mut conn = db.connect();
    conn.run_pending_migrations(MIGRATIONS).unwrap();
    let count = if backend::NAME == "postgres" {
        MANY
    } else {
        MANY / 10
    };
    let name = backend::NAME;
    let mut rows = Rows {
        conn: &mut conn,
        name,
    };
    rows.pending(count, 0, ago(100));
    rows.pending(count / 100, 3, ago(100));
    // Many of the first, and few of the last.
    for (replica, count) in [("a", count), ("b", 1_000), ("z", 12)] {
        rows.positions(count / 4, replica, "tickets");
        rows.parked(count, replica, "tickets", ago(100));
        rows.letters(count / 4, replica, "tickets", ago(100));
    }
    (db, conn)
}

#[test]
fn no_statement_reads_a_whole_table() {
    let (_db, mut conn) = database();
    let analyze = match backend::NAME {
        "mysql" => {
            "ANALYZE TABLE versioned_outbox, versioned_positions, versioned_parked, versioned_dead_letters"
        }
        _ => "ANALYZE",
    };
    diesel::connection::SimpleConnection::batch_execute(&mut conn, analyze).unwrap();
    let statements = statements(&mut conn);
    // The outbox; each replica, and the end of them.
    assert_eq!(statements.len(), 1 + 3 * 2 + 1);
    for sql in statements {
        checked(&sql, &mut conn);
    }
}

fn checked(sql: &str, conn: &mut Conn) {
    match backend::NAME {
        "postgres" => on_postgres(sql, conn),
        "mysql" => on_mysql(sql, conn),
        _ => on_sqlite(sql, conn),
    }
}

fn on_postgres(sql: &str, conn: &mut Conn) {
    #[derive(QueryableByName)]
    struct Line {
        #[diesel(sql_type = diesel::sql_types::Text, column_name = "QUERY PLAN")]
        line: String,
    }
    let explain = format!("EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) {sql}");
    let plan: Vec<Line> = diesel::sql_query(explain).load(conn).unwrap();
    let plan: Vec<_> = plan.into_iter().map(|line| line.line).collect();
    let text = plan.join("\n");
    assert!(text.contains("Index"), "{sql}\n{text}");
    for line in &plan {
        assert!(!line.contains("Seq Scan"), "{sql}\n{text}");
        assert!(!line.contains("Rows Removed"), "{sql}\n{text}");
        if let Some((_, rest)) = line.split_once("actual rows=") {
            let rows = rest.split([' ', ')']).next().unwrap();
            let rows: f64 = rows.parse().unwrap();
            assert!(rows <= 100.0, "{sql}\n{text}");
        }
    }
}

/// The server counts what it reads.
fn on_mysql(sql: &str, conn: &mut Conn) {
    #[derive(QueryableByName)]
    struct Read {
        #[diesel(sql_type = diesel::sql_types::Text, column_name = "Variable_name")]
        name: String,
        #[diesel(sql_type = diesel::sql_types::Text, column_name = "Value")]
        value: String,
    }
    diesel::sql_query("FLUSH STATUS").execute(conn).unwrap();
    diesel::sql_query(sql).execute(conn).unwrap();
    let reads: Vec<Read> = diesel::sql_query("SHOW SESSION STATUS LIKE 'Handler_read%'")
        .load(conn)
        .unwrap();
    assert!(!reads.is_empty());
    let all: i64 = reads
        .iter()
        .map(|read| read.value.parse::<i64>().unwrap())
        .sum();
    let shown: Vec<_> = reads
        .iter()
        .map(|read| format!("{} {}", read.name, read.value))
        .collect();
    // Each of the two counts also reads what it has found.
    assert!((1..=4 * 100 + 50).contains(&all), "{sql}\n{shown:?}");
}

fn on_sqlite(sql: &str, conn: &mut Conn) {
    #[derive(QueryableByName)]
    struct Step {
        #[diesel(sql_type = diesel::sql_types::Text)]
        detail: String,
    }
    let plan: Vec<Step> = diesel::sql_query(format!("EXPLAIN QUERY PLAN {sql}"))
        .load(conn)
        .unwrap();
    let text: Vec<_> = plan.iter().map(|step| &*step.detail).collect();
    let mut found = 0;
    for step in &text {
        if !step.contains(" versioned_") {
            continue;
        }
        found += 1;
        // The outbox in the order of its ids, up to the limit.
        let is_known = step.starts_with("SEARCH ") || *step == "SCAN versioned_outbox";
        assert!(is_known, "{sql}\n{text:#?}");
    }
    assert!(found >= 2, "{sql}\n{text:#?}");
}
