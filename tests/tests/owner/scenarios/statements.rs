//! The exact SQL of each operation, how many statements it runs, and that none is prepared twice.

use std::sync::{Arc, Mutex};

use diesel::connection::{Instrumentation, InstrumentationEvent};

use super::*;

/// What a connection did since the last look.
#[derive(Clone, Default)]
pub(super) struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    pub(super) fn on(conn: &mut Conn) -> Self {
        let log = Self::default();
        conn.set_instrumentation(log.clone());
        log
    }

    pub(super) fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

impl Instrumentation for Log {
    fn on_connection_event(&mut self, event: InstrumentationEvent<'_>) {
        let line = match event {
            InstrumentationEvent::StartQuery { query, .. } => {
                let text = query.to_string();
                text.split(" -- binds").next().unwrap().to_owned()
            }
            InstrumentationEvent::CacheQuery { sql, .. } => format!("prepare {sql}"),
            _ => return,
        };
        self.0.lock().unwrap().push(line);
    }
}

/// The statement as the backend spells it: identifiers quoted with `'` here, parameters as `?`, and the time as `{now}`.
pub(super) fn sql(text: &str) -> String {
    let now = match backend::NAME {
        "postgres" => "(extract(epoch FROM statement_timestamp()) * 1000000)::bigint",
        "sqlite" => "CAST(ROUND((julianday('now') - 2440587.5) * 86400000) AS INTEGER) * 1000",
        _ => "TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6))",
    };
    let sql = match backend::NAME {
        "postgres" => {
            let mut number = 0;
            let numbered: String = text
                .chars()
                .map(|c| {
                    if c == '?' {
                        number += 1;
                        format!("${number}")
                    } else {
                        c.to_string()
                    }
                })
                .collect();
            numbered.replace('\'', "\"")
        }
        _ => text.replace('\'', "`"),
    };
    sql.replace("{now}", now)
}

const COLUMNS: &str =
    "'tickets'.'id', 'tickets'.'title', 'tickets'.'price', 'tickets'.'note', 'tickets'.'version'";

/// Runs `operation` twice: it must run exactly `statements`, prepared at the first time only.
#[track_caller]
pub(super) fn assert_runs(log: &Log, statements: &[&str], mut operation: impl FnMut()) {
    let statements: Vec<String> = statements.iter().map(|text| sql(text)).collect();
    log.take();
    operation();
    let first = log.take();
    let (prepared, run): (Vec<_>, Vec<_>) = first
        .into_iter()
        .partition(|line| line.starts_with("prepare "));
    assert_eq!(run, statements);
    let guarded: Vec<_> = statements
        .iter()
        .filter(|text| !is_transaction(text))
        .collect();
    assert!(prepared.len() <= guarded.len(), "{prepared:?}");
    operation();
    assert_eq!(
        log.take(),
        statements,
        "the second time nothing is prepared"
    );
}

fn is_transaction(text: &str) -> bool {
    ["BEGIN", "COMMIT", "ROLLBACK"].contains(&text)
}

#[test]
fn s02_each_operation_is_one_cached_statement() {
    let (_db, mut conn, _) = two_sessions();
    let log = Log::on(&mut conn);

    let mut id = 0;
    assert_runs(
        &log,
        &[
            "INSERT INTO 'tickets' ('id', 'title', 'price', 'note', 'version') VALUES (?, ?, ?, ?, ?)",
        ],
        || {
            id += 1;
            let mut ticket = Ticket {
                id,
                title: format!("show {id}"),
                ..Ticket::concert()
            };
            ticket.insert(&mut conn).unwrap();
        },
    );
    assert_runs(
        &log,
        &[
            "INSERT INTO 'tickets' ('id', 'title', 'price', 'note', 'version') VALUES (?, ?, ?, ?, ?)",
        ],
        || {
            id += 1;
            let ticket = Ticket {
                id,
                title: format!("show {id}"),
                version: 5,
                ..Ticket::concert()
            };
            ticket.import(&mut conn).unwrap();
        },
    );
    let find = format!("SELECT {COLUMNS} FROM 'tickets' WHERE 'id' = ?");
    assert_runs(&log, &[&find], || {
        Ticket::find(&1, &mut conn).unwrap();
    });
    let mut ticket = Ticket::find(&1, &mut conn).unwrap();
    assert_runs(
        &log,
        &[
            "UPDATE 'tickets' SET 'title' = ?, 'price' = ?, 'note' = ?, 'version' = ? WHERE 'id' = ? AND 'version' = ?",
        ],
        || {
            ticket.save(&mut conn).unwrap();
        },
    );
    // The change is the row's, not that of the model.
    let touch = "UPDATE 'tickets' SET 'version' = ? WHERE 'id' = ? AND 'version' = ?";
    let returning = format!("{touch} RETURNING {COLUMNS}");
    let read = format!("{find} FOR UPDATE");
    let touches: &[&str] = match backend::NAME {
        "mysql" => &["BEGIN", touch, &read, "COMMIT"],
        _ => &[&returning],
    };
    assert_runs(&log, touches, || {
        ticket.touch(&mut conn).unwrap();
    });
    let lock = match backend::NAME {
        "postgres" => " FOR SHARE",
        "mysql" => " LOCK IN SHARE MODE",
        _ => "",
    };
    assert_runs(
        &log,
        &[&format!(
            "SELECT 'version' FROM 'tickets' WHERE 'id' = ?{lock}"
        )],
        || {
            ticket.verify(&mut conn).unwrap();
        },
    );
    let current = if backend::NAME == "mysql" {
        " FOR UPDATE"
    } else {
        ""
    };
    assert_runs(&log, &[&format!("{find}{current}")], || {
        ticket.reload(&mut conn).unwrap();
    });
    let mut rows: Vec<_> = [1, 2]
        .map(|id| Ticket::find(&id, &mut conn).unwrap())
        .into();
    assert_runs(
        &log,
        &["DELETE FROM 'tickets' WHERE 'id' = ? AND 'version' = ?"],
        || {
            rows.pop().unwrap().delete(&mut conn).unwrap();
        },
    );
}

#[test]
fn a_refused_write_takes_one_look_at_the_row() {
    let (_db, mut conn, _) = two_sessions();
    let mut ticket = Ticket::inserted(&mut conn);
    ticket.version = 9;
    let log = Log::on(&mut conn);
    let current = if backend::NAME == "mysql" {
        " FOR UPDATE"
    } else {
        ""
    };
    assert_runs(
        &log,
        &[
            "UPDATE 'tickets' SET 'title' = ?, 'price' = ?, 'note' = ?, 'version' = ? WHERE 'id' = ? AND 'version' = ?",
            &format!("SELECT 'version' FROM 'tickets' WHERE 'id' = ?{current}"),
        ],
        || assert_stale(ticket.save(&mut conn), 9, 1),
    );
}

#[test]
fn a_handle_answers_with_the_row_in_as_few_statements_as_the_backend_can() {
    let (_db, mut conn, _) = two_sessions();
    let mut version = Ticket::inserted(&mut conn).version;
    let log = Log::on(&mut conn);
    let touch = "UPDATE 'tickets' SET 'version' = ? WHERE 'id' = ? AND 'version' = ?";
    let update = "UPDATE 'tickets' SET 'price' = ?, 'version' = ? WHERE 'id' = ? AND 'version' = ?";
    let read = format!("SELECT {COLUMNS} FROM 'tickets' WHERE 'id' = ? FOR UPDATE");
    let returning = |write: &str| format!("{write} RETURNING {COLUMNS}");
    let expected = |write: &str| match backend::NAME {
        "mysql" => vec![
            "BEGIN".to_owned(),
            write.to_owned(),
            read.clone(),
            "COMMIT".to_owned(),
        ],
        _ => vec![returning(write)],
    };
    let statements = expected(touch);
    assert_runs(
        &log,
        &statements.iter().map(String::as_str).collect::<Vec<_>>(),
        || {
            version = Ticket::at(7, version).touch(&mut conn).unwrap().version;
        },
    );
    let statements = expected(update);
    assert_runs(
        &log,
        &statements.iter().map(String::as_str).collect::<Vec<_>>(),
        || {
            version = Ticket::at(7, version)
                .update(tickets::price.eq(1), &mut conn)
                .unwrap()
                .version;
        },
    );
}

#[test]
fn update_with_is_a_select_and_a_save() {
    let (_db, mut conn, _) = two_sessions();
    Ticket::inserted(&mut conn);
    let log = Log::on(&mut conn);
    assert_runs(
        &log,
        &[
            &format!("SELECT {COLUMNS} FROM 'tickets' WHERE 'id' = ?"),
            "UPDATE 'tickets' SET 'title' = ?, 'price' = ?, 'note' = ?, 'version' = ? WHERE 'id' = ? AND 'version' = ?",
        ],
        || {
            Ticket::update_with(&7, &mut conn, |ticket| {
                ticket.price += 1;
                Ok(())
            })
            .unwrap();
        },
    );
}
