//! `#[versioned(outbox)]`: each write has its event, in its transaction.

mod resend;

use std::panic::{AssertUnwindSafe, catch_unwind};

use diesel::connection::SimpleConnection as _;
use diesel_migrations::MigrationHarness as _;
use serde::ser::Error as _;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Value, json};
use versioned_core::outbox::Context;
use versioned_core::{Event, MIGRATIONS, Op, Tracked};

use super::statements::{Log, assert_runs};
use super::*;

diesel::table! {
    versioned_outbox {
        id -> BigInt,
        entity -> VarChar,
        key -> VarChar,
        version -> BigInt,
        op -> VarChar,
        payload -> Text,
        attempts -> Integer,
        due -> BigInt,
    }
}

diesel::table! {
    shows {
        id -> BigInt,
        title -> VarChar,
        made_by -> VarChar,
        version -> BigInt,
    }
}

fn shows() -> String {
    let key = match backend::NAME {
        "postgres" => "BIGSERIAL PRIMARY KEY",
        "sqlite" => "INTEGER PRIMARY KEY",
        _ => "BIGINT AUTO_INCREMENT PRIMARY KEY",
    };
    format!(
        "CREATE TABLE shows (
            id {key},
            title VARCHAR(100) NOT NULL UNIQUE,
            made_by VARCHAR(100) NOT NULL DEFAULT 'the database',
            version BIGINT NOT NULL
        )"
    )
}

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Serialize, Deserialize, Versioned)]
#[diesel(table_name = tickets)]
#[versioned(owner, outbox)]
struct Announced {
    id: i64,
    title: String,
    price: i64,
    note: Option<String>,
    version: i64,
}

impl Announced {
    fn concert() -> Self {
        let Ticket {
            id,
            title,
            price,
            note,
            version,
        } = Ticket::concert();
        Self {
            id,
            title,
            price,
            note,
            version,
        }
    }

    fn row(conn: &mut Conn) -> Self {
        tickets::table
            .select(Self::as_select())
            .first(conn)
            .unwrap()
    }
}

/// A save does not write all of it.
#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Serialize, Deserialize, Versioned)]
#[diesel(table_name = shows)]
#[versioned(owner, outbox, tombstones)]
struct Show {
    id: i64,
    title: String,
    #[diesel(skip_insertion, skip_update)]
    made_by: String,
    version: i64,
}

fn database(ddl: &str) -> (Db, Conn) {
    let db = Db::fresh(ddl);
    let mut conn = db.connect();
    conn.run_pending_migrations(MIGRATIONS).unwrap();
    (db, conn)
}

/// The events that wait, as they will be sent; each is asserted to say in its columns what it says in its payload.
fn waiting(conn: &mut Conn) -> Vec<Value> {
    use versioned_outbox::dsl;
    let rows: Vec<(String, String, i64, String, String, i32, i64)> = dsl::versioned_outbox
        .select((
            dsl::entity,
            dsl::key,
            dsl::version,
            dsl::op,
            dsl::payload,
            dsl::attempts,
            dsl::due,
        ))
        .order(dsl::id)
        .load(conn)
        .unwrap();
    rows.into_iter()
        .map(|(entity, key, version, op, payload, attempts, due)| {
            assert_eq!((attempts, due), (0, 0));
            let event: Value = serde_json::from_str(&payload).unwrap();
            assert_eq!(event["entity"], entity);
            assert_eq!(event["key"], key);
            assert_eq!(event["version"], version);
            assert_eq!(event["op"], op);
            assert!(event["at"].as_str().unwrap().ends_with('Z'), "{event}");
            event
        })
        .collect()
}

/// `(op, version, data)` of each event that waits.
fn told<M: serde::de::DeserializeOwned>(conn: &mut Conn) -> Vec<(Op, i64, Option<M>)> {
    waiting(conn)
        .into_iter()
        .map(|event| serde_json::from_value(event).unwrap())
        .map(|event: Event<M>| (event.op, event.version, event.data))
        .collect()
}

fn clear(conn: &mut Conn) {
    diesel::delete(versioned_outbox::table)
        .execute(conn)
        .unwrap();
}

#[test]
fn every_write_has_its_event_and_the_event_is_the_row() {
    let (_db, mut conn) = database(TICKETS);
    let mut ticket = Announced::concert();
    ticket.insert(&mut conn).unwrap();
    assert_eq!(
        told(&mut conn),
        [(Op::Created, 1, Some(Announced::row(&mut conn)))]
    );
    clear(&mut conn);

    ticket.price = 25;
    ticket.save(&mut conn).unwrap();
    assert_eq!(ticket.version, 2);
    assert_eq!(told(&mut conn), [(Op::Updated, 2, Some(ticket.clone()))]);
    assert_eq!(Announced::row(&mut conn), ticket);
    clear(&mut conn);

    // What is changed in memory, and not written, is no news.
    ticket.price = 99;
    ticket.touch(&mut conn).unwrap();
    assert_eq!((ticket.version, ticket.price), (3, 99));
    assert_eq!(Announced::row(&mut conn).price, 25);
    assert_eq!(
        told(&mut conn),
        [(Op::Updated, 3, Some(Announced::row(&mut conn)))]
    );
    clear(&mut conn);

    Announced::at(7, 3)
        .update(tickets::price.eq(30_i64), &mut conn)
        .unwrap();
    assert_eq!(
        told(&mut conn),
        [(Op::Updated, 4, Some(Announced::row(&mut conn)))]
    );
    assert_eq!(Announced::row(&mut conn).price, 30);
    clear(&mut conn);

    Announced::at(7, 4).touch(&mut conn).unwrap();
    Announced::update_with(&7, &mut conn, |ticket| {
        ticket.price += 1;
        Ok(())
    })
    .unwrap();
    let versions: Vec<_> = told::<Announced>(&mut conn)
        .into_iter()
        .map(|(op, version, _)| (op, version))
        .collect();
    assert_eq!(versions, [(Op::Updated, 5), (Op::Updated, 6)]);
    clear(&mut conn);

    let mut ticket = Announced::find(&7, &mut conn).unwrap();
    ticket.delete(&mut conn).unwrap();
    assert_eq!(told::<Announced>(&mut conn), [(Op::Deleted, 7, None)]);
    clear(&mut conn);

    let moved = Announced {
        version: 40,
        ..Announced::concert()
    };
    moved.import(&mut conn).unwrap();
    assert_eq!(told(&mut conn), [(Op::Snapshot, 40, Some(moved))]);
    clear(&mut conn);
    assert_eq!(Announced::at(7, 40).delete(&mut conn).unwrap(), 41);
    assert_eq!(told::<Announced>(&mut conn), [(Op::Deleted, 41, None)]);
}

/// The trigger is of a model of the same table without an outbox: with one there is none.
#[test]
fn a_version_trigger_changes_no_event() {
    let (_db, mut conn) = database(TICKETS);
    for statement in versioned_core::version_trigger::<Ticket, backend::Backend>()
        .unwrap()
        .up
    {
        conn.batch_execute(&statement).unwrap();
    }
    let mut ticket = Announced::concert();
    ticket.insert(&mut conn).unwrap();
    ticket.price = 25;
    ticket.save(&mut conn).unwrap();
    let mut tracked = Tracked::new(ticket);
    tracked.price = 26;
    tracked.save(&mut conn).unwrap();
    tracked.touch(&mut conn).unwrap();
    let mut ticket = tracked.into_inner();
    Announced::save_all(std::slice::from_mut(&mut ticket), &mut conn).unwrap();
    assert_eq!(Announced::row(&mut conn), ticket);
    ticket.delete(&mut conn).unwrap();
    let told = told::<Announced>(&mut conn);
    let facts: Vec<_> = told
        .iter()
        .map(|(op, version, _)| (*op, *version))
        .collect();
    let updated = (2..=5).map(|version| (Op::Updated, version));
    let expected = [(Op::Created, 1)].into_iter().chain(updated);
    assert_eq!(
        facts,
        expected.chain([(Op::Deleted, 6)]).collect::<Vec<_>>()
    );
    for (_, version, data) in &told {
        assert!(data.as_ref().is_none_or(|data| data.version == *version));
    }
}

#[test]
fn a_write_that_did_not_happen_has_no_event() {
    let (_db, mut conn) = database(TICKETS);
    let mut ticket = Announced::concert();
    ticket.insert(&mut conn).unwrap();
    let mut stale = ticket.clone();
    ticket.save(&mut conn).unwrap();
    clear(&mut conn);

    assert_stale(stale.save(&mut conn), 1, 2);
    assert_stale(stale.touch(&mut conn), 1, 2);
    assert_stale(stale.delete(&mut conn), 1, 2);
    assert_stale(
        Announced::at(7, 1).update(tickets::price.eq(1_i64), &mut conn),
        1,
        2,
    );
    assert_stale(Announced::at(7, 1).touch(&mut conn), 1, 2);
    assert_stale(Announced::at(7, 1).delete(&mut conn), 1, 2);
    assert_eq!(stale.version, 1);
    // A CHECK, a UNIQUE: the write's own errors.
    ticket.price = -1;
    assert!(matches!(ticket.save(&mut conn), Err(Error::Database(_))));
    assert!(matches!(
        Announced::concert().insert(&mut conn),
        Err(Error::Database(_))
    ));
    assert_eq!(ticket.version, 2);
    assert_eq!(waiting(&mut conn), Vec::<Value>::new());
    assert_eq!(Announced::row(&mut conn).version, 2);
}

#[test]
fn a_rollback_takes_the_row_and_the_event() {
    let (_db, mut conn) = database(TICKETS);
    let mut ticket = Announced::concert();
    ticket.insert(&mut conn).unwrap();
    clear(&mut conn);
    let rolled_back = transaction(&mut conn, &mut ticket, |conn, ticket| {
        ticket.save(conn)?;
        ticket.touch(conn)?;
        assert_eq!(waiting(conn).len(), 2);
        Err::<(), _>(Error::other("no"))
    });
    assert!(
        matches!(rolled_back, Err(Error::Other(_))),
        "{rolled_back:?}"
    );
    assert_eq!(waiting(&mut conn), Vec::<Value>::new());
    assert_eq!((ticket.version, Announced::row(&mut conn).version), (1, 1));
    transaction(&mut conn, &mut ticket, |conn, ticket| {
        ticket.save(conn)?;
        Ok::<_, Error>(())
    })
    .unwrap();
    assert_eq!(told(&mut conn), [(Op::Updated, 2, Some(ticket))]);
}

/// When the event cannot be written, the record is not written either.
#[test]
fn without_the_event_there_is_no_write() {
    let (_db, mut conn) = database(TICKETS);
    let mut ticket = Announced::concert();
    ticket.insert(&mut conn).unwrap();
    ticket.save(&mut conn).unwrap();
    // This application allows one event per version, and there is one of version 3 already.
    diesel::sql_query("CREATE UNIQUE INDEX once ON versioned_outbox (version)")
        .execute(&mut conn)
        .unwrap();
    diesel::sql_query("UPDATE versioned_outbox SET version = 3 WHERE version = 2")
        .execute(&mut conn)
        .unwrap();
    ticket.price = 99;
    assert!(matches!(ticket.save(&mut conn), Err(Error::Database(_))));
    assert!(matches!(ticket.touch(&mut conn), Err(Error::Database(_))));
    assert!(matches!(ticket.delete(&mut conn), Err(Error::Database(_))));
    let row = Announced::row(&mut conn);
    assert_eq!((ticket.version, row.version, row.price), (2, 2, 20));
    clear(&mut conn);
    ticket.save(&mut conn).unwrap();
    assert_eq!(Announced::row(&mut conn), ticket);
}

#[test]
fn a_context_says_what_caused_the_writes() {
    let (_db, mut conn) = database(TICKETS);
    let mut ticket = Announced::concert();
    let request = Context::new()
        .trace("00-aa-bb-01")
        .metadata(json!({ "user": 12 }));
    request
        .clone()
        .scope(|| {
            ticket.insert(&mut conn)?;
            Context::new()
                .trace("inner")
                .scope(|| ticket.save(&mut conn).map(drop))?;
            ticket.touch(&mut conn)?;
            Announced::at(7, 3).delete(&mut conn)
        })
        .unwrap();
    let events = waiting(&mut conn);
    for place in [0, 2, 3] {
        assert_eq!(events[place]["trace"], "00-aa-bb-01");
        assert_eq!(events[place]["metadata"], json!({ "user": 12 }));
    }
    assert_eq!(events[1]["trace"], "inner");
    assert_eq!(events[1].get("metadata"), None);
    let escaped = catch_unwind(AssertUnwindSafe(|| request.scope(|| panic!("on purpose"))));
    assert!(escaped.is_err());
    clear(&mut conn);
    Announced::concert().insert(&mut conn).unwrap();
    assert_eq!(waiting(&mut conn)[0].get("trace"), None);
}

/// Fields that are not written, keys that the database makes, ids that are used again.
#[test]
fn the_event_shows_the_row_and_not_what_memory_makes_of_it() {
    let (_db, mut conn) = database(&shows());
    let made = Show::create(shows::title.eq("opera"), &mut conn).unwrap();
    assert_eq!((made.made_by.as_str(), made.version), ("the database", 1));
    assert_eq!(told(&mut conn), [(Op::Created, 1, Some(made.clone()))]);
    clear(&mut conn);

    let mut show = Show {
        made_by: "me".into(),
        ..made.clone()
    };
    show.save(&mut conn).unwrap();
    let row = Show {
        version: 2,
        ..made.clone()
    };
    assert_eq!(told(&mut conn), [(Op::Updated, 2, Some(row))]);
    clear(&mut conn);

    show.delete(&mut conn).unwrap();
    let mut again = Show {
        version: 0,
        made_by: "me".into(),
        ..made.clone()
    };
    again.insert(&mut conn).unwrap();
    assert_eq!(again.version, 4);
    let row = Show { version: 4, ..made };
    assert_eq!(
        told(&mut conn),
        [(Op::Deleted, 3, None), (Op::Created, 4, Some(row))]
    );
}

#[derive(Debug, Queryable, Selectable, Versioned)]
#[diesel(table_name = tickets)]
#[versioned(owner, outbox)]
struct Unspeakable {
    id: i64,
    title: String,
    price: i64,
    note: Option<String>,
    version: i64,
}

impl Serialize for Unspeakable {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        assert_ne!(self.price, 13, "on purpose");
        Err(S::Error::custom("no words for it"))
    }
}

#[test]
fn a_model_that_cannot_be_written_as_json_is_not_written_at_all() {
    let (_db, mut conn) = database(TICKETS);
    Ticket::inserted(&mut conn);
    let mut ticket = Unspeakable::find(&7, &mut conn).unwrap();
    let refused = ticket.save(&mut conn).map(drop).unwrap_err();
    assert!(matches!(refused, Error::Other(_)), "{refused:?}");
    assert_eq!(refused.to_string(), "no words for it");
    assert!(matches!(ticket.touch(&mut conn), Err(Error::Other(_))));
    assert_eq!(ticket.version, 1);
    ticket.price = 13;
    let escaped = catch_unwind(AssertUnwindSafe(|| ticket.save(&mut conn).map(drop)));
    assert!(escaped.is_err());
    assert_eq!(ticket.version, 1, "also when `serialize` panics");
    assert_eq!(Ticket::row(7, &mut conn).unwrap().version, 1);
    // A deletion has no data.
    ticket.delete(&mut conn).unwrap();
    assert_eq!(told::<Value>(&mut conn), [(Op::Deleted, 2, None)]);
}

#[test]
fn insert_save_and_delete_are_one_statement_with_their_event_on_postgresql() {
    if backend::NAME != "postgres" {
        return in_a_transaction_elsewhere();
    }
    let (_db, mut conn) = database(TICKETS);
    let log = Log::on(&mut conn);
    let event = |first: usize| {
        let binds: Vec<String> = (first..first + 5).map(|n| format!("${n}")).collect();
        format!(
            " RETURNING 1) INSERT INTO versioned_outbox (entity, 'key', version, op, payload, at) SELECT {}, {{now}} FROM written",
            binds.join(", ")
        )
    };
    let mut id = 0;
    let insert = format!(
        "WITH written AS (INSERT INTO 'tickets' ('id', 'title', 'price', 'note', 'version') VALUES ($1, $2, $3, $4, $5){}",
        event(6)
    );
    assert_runs(&log, &[&insert], || {
        id += 1;
        Announced {
            id,
            title: format!("show {id}"),
            ..Announced::concert()
        }
        .insert(&mut conn)
        .unwrap();
    });
    let mut ticket = Announced::find(&1, &mut conn).unwrap();
    let save = format!(
        "WITH written AS (UPDATE 'tickets' SET 'title' = $1, 'price' = $2, 'note' = $3, 'version' = $4 \
         WHERE 'id' = $5 AND 'version' = $6{}",
        event(7)
    );
    assert_runs(&log, &[&save], || {
        ticket.save(&mut conn).unwrap();
    });
    let mut both = [
        Announced::find(&1, &mut conn).unwrap(),
        Announced::find(&2, &mut conn).unwrap(),
    ];
    log.take();
    drop(Announced::save_each(&mut both, &mut conn).unwrap());
    let ran = log.take();
    let ran: Vec<_> = ran
        .iter()
        .filter(|line| !line.starts_with("prepare "))
        .collect();
    assert_eq!(ran.len(), 1, "{ran:#?}");
    let delete = format!(
        "WITH written AS (DELETE FROM 'tickets' WHERE 'id' = $1 AND 'version' = $2{}",
        event(3)
    );
    let mut id = 0;
    let mut two = [
        Announced::find(&1, &mut conn).unwrap(),
        Announced::find(&2, &mut conn).unwrap(),
    ]
    .into_iter();
    assert_runs(&log, &[&delete], || {
        id += 1;
        two.next().unwrap().delete(&mut conn).unwrap();
    });
    assert_eq!(waiting(&mut conn).len(), 8);
}

fn in_a_transaction_elsewhere() {
    let (_db, mut conn) = database(TICKETS);
    let mut ticket = Announced::concert();
    ticket.insert(&mut conn).unwrap();
    let log = Log::on(&mut conn);
    let save = [
        "BEGIN",
        "UPDATE 'tickets' SET 'title' = ?, 'price' = ?, 'note' = ?, 'version' = ? WHERE 'id' = ? AND 'version' = ?",
        "INSERT INTO versioned_outbox (entity, 'key', version, op, payload, at) VALUES (?, ?, ?, ?, ?, {now})",
        "COMMIT",
    ];
    assert_runs(&log, &save, || {
        ticket.save(&mut conn).unwrap();
    });
}

#[test]
fn a_batch_has_an_event_for_each_row_that_was_written() {
    let (_db, mut conn) = database(TICKETS);
    let mut batch: Vec<Announced> = (1..=4)
        .map(|id| Announced {
            id,
            title: format!("show {id}"),
            ..Announced::concert()
        })
        .collect();
    Announced::insert_all(&mut batch, &mut conn).unwrap();
    let row = |ticket: &Announced| Some(ticket.clone());
    let expected: Vec<_> = batch
        .iter()
        .map(|ticket| (Op::Created, 1, row(ticket)))
        .collect();
    assert_eq!(told(&mut conn), expected);
    clear(&mut conn);

    batch[2].price = 99;
    Announced::save_all(&mut batch, &mut conn).unwrap();
    let expected: Vec<_> = batch
        .iter()
        .map(|ticket| (Op::Updated, 2, row(ticket)))
        .collect();
    assert_eq!(told(&mut conn), expected);
    clear(&mut conn);

    let mut stale = batch.clone();
    Announced::at(2, 2).touch(&mut conn).unwrap();
    clear(&mut conn);
    assert_eq!(
        Announced::save_all(&mut stale, &mut conn)
            .map(drop)
            .unwrap_err()
            .conflict()
            .unwrap()
            .id(),
        Some("2")
    );
    assert!(Announced::delete_all(&mut stale, &mut conn).is_err());
    assert_eq!(waiting(&mut conn), Vec::<Value>::new());

    // The first one is refused by a CHECK, the second one is stale.
    for refused in [20, -1] {
        stale[0].price = refused;
        let outcomes: Vec<_> = Announced::save_each(&mut stale, &mut conn)
            .unwrap()
            .iter()
            .map(Result::is_ok)
            .collect();
        assert_eq!(outcomes, [refused > 0, false, true, true]);
        let expected: Vec<_> = stale
            .iter()
            .zip(outcomes)
            .filter(|(_, saved)| *saved)
            .map(|(ticket, _)| (Op::Updated, ticket.version, row(ticket)))
            .collect();
        assert_eq!(told(&mut conn), expected);
        clear(&mut conn);
    }

    let mut gone = stale.split_off(2);
    Announced::delete_all(&mut gone, &mut conn).unwrap();
    let expected: Vec<(Op, i64, Option<Announced>)> = gone
        .iter()
        .map(|ticket| (Op::Deleted, ticket.version, None))
        .collect();
    assert_eq!(told(&mut conn), expected);
}

/// Each of its rows has statements of its own.
#[test]
fn a_batch_of_models_with_tombstones_goes_on_from_the_deleted_versions() {
    let (_db, mut conn) = database(&shows());
    let show = |id| Show {
        id,
        title: format!("show {id}"),
        made_by: "me".into(),
        version: 0,
    };
    let mut batch = [show(1), show(2)];
    Show::insert_all(&mut batch, &mut conn).unwrap();
    Show::save_all(&mut batch, &mut conn).unwrap();
    Show::delete_all(&mut batch[..1], &mut conn).unwrap();
    clear(&mut conn);
    let mut again = [show(3), show(1)];
    Show::insert_all(&mut again, &mut conn).unwrap();
    assert_eq!((again[0].version, again[1].version), (1, 4));
    let made = |id, version| {
        let made_by = "the database".into();
        Some(Show {
            made_by,
            version,
            ..show(id)
        })
    };
    assert_eq!(
        told(&mut conn),
        [(Op::Created, 4, made(1, 4)), (Op::Created, 1, made(3, 1))]
    );
    clear(&mut conn);
    // The second one is taken: the first one is not there either, nor is its event.
    assert!(Show::insert_all(&mut [show(4), show(2)], &mut conn).is_err());
    assert_eq!(waiting(&mut conn), Vec::<Value>::new());
    assert_eq!(
        shows::table.count().get_result::<i64>(&mut conn).unwrap(),
        3
    );
    Show::save_each(&mut again, &mut conn).unwrap();
    assert_eq!(
        told(&mut conn),
        [(Op::Updated, 5, made(1, 5)), (Op::Updated, 2, made(3, 2))]
    );
}
