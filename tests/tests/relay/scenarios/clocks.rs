//! The clock of the database is the one that counts, and that of the process may be off.

use std::any::Any;
use std::sync::Arc;

use versioned_core::outbox::{self, PublishError};

use super::*;

const HOUR: i64 = 3_600;

#[diesel::declare_sql_function]
extern "SQL" {
    fn julianday(time: diesel::sql_types::Text) -> diesel::sql_types::Double;
}

/// On this connection, the clock of the database is off by `seconds` against that of the process.
fn shift(seconds: i64, conn: &mut Conn) {
    let sql = match backend::NAME {
        "postgres" => format!(
            "CREATE SCHEMA IF NOT EXISTS shifted;
             CREATE OR REPLACE FUNCTION shifted.statement_timestamp() RETURNS timestamptz LANGUAGE sql STABLE
                 AS $$ SELECT pg_catalog.statement_timestamp() + {seconds} * interval '1 second' $$;
             SET search_path = shifted, pg_catalog, public"
        ),
        "mysql" => format!("SET timestamp = UNIX_TIMESTAMP(SYSDATE()) + {seconds}"),
        _ => {
            let conn: &mut dyn Any = conn;
            let conn = conn.downcast_mut::<SqliteConnection>().unwrap();
            let shifted = move |_: String| {
                let since = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs_f64();
                #[allow(clippy::cast_precision_loss, reason = "an hour")]
                let seconds = seconds as f64;
                2_440_587.5 + (since + seconds) / 86_400.0
            };
            julianday_utils::register_impl(conn, shifted).unwrap();
            return;
        }
    };
    diesel::connection::SimpleConnection::batch_execute(conn, &sql).unwrap();
}

fn micros() -> i64 {
    let since = std::time::UNIX_EPOCH.elapsed().unwrap();
    i64::try_from(since.as_micros()).unwrap()
}

#[track_caller]
fn is_about(expected: i64, micros: i64) {
    let off = (micros - expected).abs();
    assert!(off < 60_000_000, "off by {off} microseconds");
}

/// A relay whose host is an hour behind finds what is due, and one whose host is an hour ahead leaves what is not.
#[test]
fn an_event_is_due_by_the_clock_of_the_database() {
    for (seconds, is_due) in [(HOUR, true), (-HOUR, false)] {
        let (_db, mut conn) = database();
        announce([1], &mut conn);
        let half = seconds / 2 * 1_000_000;
        diesel::update(versioned_outbox::table)
            .set(versioned_outbox::due.eq(micros() + half))
            .execute(&mut conn)
            .unwrap();
        shift(seconds, &mut conn);
        for ordered in [false, true] {
            let relay = Relay::new(Broker::refusing(|_| Err(PublishError::unavailable("no"))));
            let relay = if ordered { relay.ordered() } else { relay };
            let taken = relay.run_once(&mut conn).unwrap().taken();
            assert_eq!(taken, usize::from(is_due), "{seconds} {ordered}");
        }
    }
}

#[test]
fn a_rejected_event_is_put_aside_by_the_clock_of_the_database() {
    let (_db, mut conn) = database();
    announce([1], &mut conn);
    shift(HOUR, &mut conn);
    let relay = Relay::new(Broker::refusing(|_| Err(PublishError::rejected("no"))))
        .backoff(Duration::from_mins(10), Duration::from_mins(10));
    assert_eq!(relay.run_once(&mut conn).unwrap().rejected, 1);
    let due: i64 = versioned_outbox::table
        .select(versioned_outbox::due)
        .first(&mut conn)
        .unwrap();
    is_about(micros() + (HOUR + 600) * 1_000_000, due);
}

#[test]
fn an_event_is_as_old_as_the_clock_of_the_database_says() {
    let (_db, mut conn) = database();
    shift(-HOUR, &mut conn);
    announce([1], &mut conn);
    let at: i64 = versioned_outbox::table
        .select(versioned_outbox::at)
        .first(&mut conn)
        .unwrap();
    is_about(micros() - HOUR * 1_000_000, at);
    shift(HOUR, &mut conn);
    let oldest = outbox::Lag::load(&mut conn).unwrap().oldest.unwrap();
    is_about(
        2 * HOUR * 1_000_000,
        i64::try_from(oldest.as_micros()).unwrap(),
    );
    // Without anybody's help, it is new.
    let (_db, mut conn) = database();
    let broker = Arc::new(Broker::new());
    announce([1], &mut conn);
    let oldest = outbox::Lag::load(&mut conn).unwrap().oldest.unwrap();
    assert!(oldest < Duration::from_mins(1), "{oldest:?}");
    assert_eq!(Relay::new(broker).run_once(&mut conn).unwrap().published, 1);
}
