//! All that is in the database, read by Diesel alone.

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel_migrations::MigrationHarness as _;
use serde_json::Value;
use versioned_core::MIGRATIONS;

use super::backend::{Conn, Db};

diesel::table! {
    tickets {
        id -> BigInt,
        title -> VarChar,
        price -> BigInt,
        note -> Nullable<VarChar>,
        version -> BigInt,
    }
}

diesel::table! {
    copies {
        id -> BigInt,
        price -> BigInt,
        version -> BigInt,
    }
}

diesel::table! {
    versioned_outbox {
        id -> BigInt,
        entity -> VarChar,
        key -> VarChar,
        version -> BigInt,
        op -> VarChar,
        payload -> Text,
        attempts -> Integer,
    }
}

diesel::table! {
    versioned_positions (entity, key) {
        entity -> VarChar,
        key -> VarChar,
        version -> BigInt,
        deleted_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    versioned_parked (entity, key, version) {
        entity -> VarChar,
        key -> VarChar,
        version -> BigInt,
    }
}

diesel::table! {
    /// What a caller of `apply_with` writes.
    effects (number) {
        number -> BigInt,
        event -> VarChar,
    }
}

const TABLES: &str = "
    CREATE TABLE tickets (
        id BIGINT PRIMARY KEY,
        title VARCHAR(100) NOT NULL,
        price BIGINT NOT NULL,
        note VARCHAR(100),
        version BIGINT NOT NULL
    );
    CREATE TABLE copies (id BIGINT PRIMARY KEY, price BIGINT NOT NULL, version BIGINT NOT NULL);
    CREATE TABLE effects (number BIGINT NOT NULL, event VARCHAR(100) NOT NULL)";

const EMPTY: &str = "
    DELETE FROM tickets;
    DELETE FROM copies;
    DELETE FROM effects;
    DELETE FROM versioned_outbox;
    DELETE FROM versioned_positions;
    DELETE FROM versioned_parked";

/// A database with tables for all operations.
pub(super) fn database() -> Db {
    let db = Db::fresh(TABLES);
    db.connect().run_pending_migrations(MIGRATIONS).unwrap();
    db
}

pub(super) fn empty(conn: &mut Conn) {
    conn.batch_execute(EMPTY).unwrap();
}

type Ticket = (i64, String, i64, Option<String>, i64);

/// What is committed, apart from what clocks and sequences made.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct World {
    pub(super) tickets: Vec<Ticket>,
    /// Entity, key, version, what happened, the data, how often it was refused.
    pub(super) events: Vec<(String, String, i64, String, Value, i32)>,
    pub(super) copies: Vec<(i64, i64, i64)>,
    /// The last value says whether a deletion is remembered.
    pub(super) positions: Vec<(String, String, i64, bool)>,
    pub(super) parked: Vec<(String, String, i64)>,
    pub(super) effects: Vec<(i64, String)>,
}

impl World {
    pub(super) fn read(conn: &mut Conn) -> Self {
        Self {
            tickets: tickets::table.order(tickets::id).load(conn).unwrap(),
            events: events(conn),
            copies: copies::table.order(copies::id).load(conn).unwrap(),
            positions: {
                use versioned_positions::dsl;
                dsl::versioned_positions
                    .select((
                        dsl::entity,
                        dsl::key,
                        dsl::version,
                        dsl::deleted_at.is_not_null(),
                    ))
                    .order((dsl::entity, dsl::key))
                    .load(conn)
                    .unwrap()
            },
            parked: versioned_parked::table
                .order((versioned_parked::key, versioned_parked::version))
                .load(conn)
                .unwrap(),
            effects: effects::table
                .order((effects::event, effects::number))
                .load(conn)
                .unwrap(),
        }
    }
}

fn events(conn: &mut Conn) -> Vec<(String, String, i64, String, Value, i32)> {
    use versioned_outbox::dsl;
    type Row = (String, String, i64, String, String, i32);
    let rows: Vec<Row> = dsl::versioned_outbox
        .select((
            dsl::entity,
            dsl::key,
            dsl::version,
            dsl::op,
            dsl::payload,
            dsl::attempts,
        ))
        .order((dsl::key, dsl::version))
        .load(conn)
        .unwrap();
    rows.into_iter()
        .map(|(entity, key, version, op, payload, attempts)| {
            let payload: Value = serde_json::from_str(&payload).unwrap();
            (entity, key, version, op, payload["data"].clone(), attempts)
        })
        .collect()
}
