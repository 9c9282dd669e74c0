//! A relay whose listener hears of commits, on PostgreSQL.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection as _;
use diesel::pg::PgNotification;
use diesel::sql_types::{BigInt, Bool};
use versioned_core::outbox::{Listener, Relay, Shutdown, Totals};

use super::super::broker::*;
use super::super::*;
use super::backend::{Conn, Db};
use super::scenarios::database;

const HOUR: Duration = Duration::from_hours(1);
const SOON: Duration = Duration::from_millis(200);
const FIRST: Duration = Duration::from_millis(1);
/// It polls only when it is woken.
const ASLEEP: (Duration, Duration) = (HOUR, HOUR);
/// All gates of the trigger.
const GATES: &str =
    "SELECT pg_advisory_xact_lock(1449489011, gate) FROM generate_series(0, 600) gate";

/// With the trigger that notifies.
fn notifying() -> (Db, Conn) {
    let (db, mut conn) = database();
    for statement in versioned_core::notify_trigger().up {
        conn.batch_execute(&statement).unwrap();
    }
    (db, conn)
}

/// A relay and its listener, which run until they are told to stop.
struct Running {
    broker: Arc<Broker>,
    problems: Arc<Mutex<Vec<String>>>,
    listener: Listener,
    deafness: Arc<Deafness>,
    stop: Shutdown,
    threads: Option<(thread::JoinHandle<Totals>, thread::JoinHandle<()>)>,
}

/// What happens to the listener's session.
#[derive(Default)]
struct Deafness {
    /// The driver swallows what arrives.
    swallows: AtomicBool,
    /// The session unregisters once.
    unlistens: AtomicBool,
}

fn receive(conn: &mut Conn, deafness: &Deafness) -> Option<QueryResult<PgNotification>> {
    if deafness.unlistens.swap(false, Ordering::SeqCst) {
        conn.batch_execute("UNLISTEN *").unwrap();
    }
    let next = conn.notifications_iter().next();
    next.filter(|_| !deafness.swallows.load(Ordering::SeqCst))
}

fn run(db: &Db, pauses: (Duration, Duration), heartbeat: Duration, deafness: Deafness) -> Running {
    let url = db.url().to_owned();
    run_through(db, pauses, heartbeat, deafness, move || {
        Conn::establish(&url).map_err(|error| error.to_string())
    })
}

/// With a listener that connects in its own way.
fn run_through(
    db: &Db,
    (first, longest): (Duration, Duration),
    heartbeat: Duration,
    deafness: Deafness,
    connect: impl FnMut() -> Result<Conn, String> + Send + 'static,
) -> Running {
    let broker = Arc::new(Broker::new());
    let problems = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&problems);
    let relay = Relay::new(Arc::clone(&broker))
        .poll(first, longest)
        .on_problem(move |problem| heard.lock().unwrap().push(problem.to_string()));
    let listener = relay.listener().heartbeat(heartbeat);
    let stop = Shutdown::new();
    let deafness = Arc::new(deafness);
    let run = {
        let (url, stop) = (db.url().to_owned(), stop.clone());
        thread::spawn(move || relay.run(|| Conn::establish(&url), stop))
    };
    let listen = {
        let stop = stop.clone();
        let (listener, deafness) = (listener.clone(), Arc::clone(&deafness));
        let receive = move |conn: &mut Conn| receive(conn, &deafness);
        thread::spawn(move || listener.run(connect, receive, stop))
    };
    Running {
        broker,
        problems,
        listener,
        deafness,
        stop,
        threads: Some((run, listen)),
    }
}

impl Running {
    #[track_caller]
    fn until_it_listens(&self) {
        until("listening", || self.listener.is_listening());
    }

    #[track_caller]
    fn until_published(&self, ids: impl IntoIterator<Item = i64>) {
        let ids = created(ids);
        until("published", || {
            ids.iter().all(|id| self.broker.ids().contains(id))
        });
    }

    #[track_caller]
    fn until_problems(&self, number: usize) {
        until("reported", || self.problems.lock().unwrap().len() >= number);
    }

    fn stop(mut self) -> Totals {
        self.stop.stop();
        let (run, listen) = self.threads.take().unwrap();
        listen.join().unwrap();
        run.join().unwrap()
    }
}

#[track_caller]
fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_mins(1);
    while !holds() {
        assert!(Instant::now() < end, "not {what} within a minute");
        thread::sleep(Duration::from_millis(2));
    }
}

/// Waits for the end of the ladder of 1 ms, 2 ms, 4 ms that the last notification began.
fn rest() {
    thread::sleep(Duration::from_millis(1_500));
}

/// A relay that polls once an hour publishes at each commit, also of rows written by hand.
#[test]
fn a_relay_that_sleeps_is_woken_by_a_commit() {
    let (db, mut conn) = notifying();
    announce([1], &mut conn);
    let running = run(&db, ASLEEP, HOUR, Deafness::default());
    running.until_it_listens();
    running.until_published([1]);
    for id in 2..=4 {
        announce([id], &mut conn);
        running.until_published([id]);
    }
    conn.batch_execute(
        "INSERT INTO versioned_outbox (entity, key, version, op, payload, at)
         VALUES ('tickets', '5', 1, 'created', '{}', 0)",
    )
    .unwrap();
    running.until_published([5]);
    assert_eq!(*running.problems.lock().unwrap(), Vec::<String>::new());
    assert_eq!(running.stop().published, 5);
}

/// Without the trigger it polls.
#[test]
fn an_outbox_without_the_trigger_is_polled() {
    let (db, mut conn) = database();
    let running = run(&db, (FIRST, SOON), SOON, Deafness::default());
    running.until_it_listens();
    rest();
    announce([1], &mut conn);
    running.until_published([1]);
    assert_eq!(*running.problems.lock().unwrap(), Vec::<String>::new());
    running.stop();
}

/// The first of two transactions has the gate and wakes the relay, and the second one commits after the relay has looked.
#[test]
fn a_commit_that_was_refused_the_gate_is_found_after_the_one_that_had_it() {
    let (db, mut conn) = notifying();
    let running = run(&db, (FIRST, HOUR), HOUR, Deafness::default());
    running.until_it_listens();
    rest();
    let mut refused = db.connect();
    conn.batch_execute(&format!("BEGIN; {GATES}")).unwrap();
    announce_by_hand(1, &mut conn);
    refused.batch_execute("BEGIN").unwrap();
    announce_by_hand(2, &mut refused);
    conn.batch_execute("COMMIT").unwrap();
    running.until_published([1]);
    thread::sleep(Duration::from_millis(50));
    refused.batch_execute("COMMIT").unwrap();
    running.until_published([2]);
    running.stop();
}

/// Nothing is notified if the transaction that has the gate rolls back: the heartbeat is what is promised.
#[test]
fn a_commit_whose_gate_was_rolled_back_is_found_at_the_heartbeat() {
    let (db, mut conn) = notifying();
    let second = Duration::from_secs(1);
    let running = run(&db, (FIRST, second), second, Deafness::default());
    running.until_it_listens();
    let mut refused = db.connect();
    conn.batch_execute(&format!("BEGIN; {GATES}")).unwrap();
    announce_by_hand(1, &mut conn);
    announce([2], &mut refused);
    conn.batch_execute("ROLLBACK").unwrap();
    running.until_published([2]);
    assert_eq!(running.broker.ids(), created([2]));
    running.stop();
}

/// A rollback to a savepoint takes the gate and the notification with it, and the next event takes them again.
#[test]
fn a_savepoint_that_is_rolled_back_does_not_silence_its_transaction() {
    let (db, mut conn) = notifying();
    let running = run(&db, ASLEEP, HOUR, Deafness::default());
    running.until_it_listens();
    conn.transaction(|conn| {
        let inner = conn.transaction(|conn| {
            announce([1], conn);
            Err::<(), _>(diesel::result::Error::RollbackTransaction)
        });
        assert!(inner.is_err());
        announce([2], conn);
        QueryResult::Ok(())
    })
    .unwrap();
    running.until_published([2]);
    assert_eq!(running.stop().published, 1);
}

/// A transaction that stays open keeps its own gate only.
#[test]
fn a_long_transaction_does_not_silence_the_others() {
    let (db, mut conn) = notifying();
    let running = run(&db, ASLEEP, HOUR, Deafness::default());
    running.until_it_listens();
    let mut long = db.connect();
    long.batch_execute("BEGIN").unwrap();
    announce_by_hand(1, &mut long);
    // A gate is for a tenth of a second.
    thread::sleep(SOON);
    for id in 2..=4 {
        announce([id], &mut conn);
        running.until_published([id]);
        thread::sleep(SOON);
    }
    long.batch_execute("COMMIT").unwrap();
    running.until_published([1]);
    running.stop();
}

/// An administrator, a network or a pooler ends the session: it is reported, and the relay is woken by the next one.
#[test]
fn a_listener_whose_session_ends_listens_again() {
    let (db, mut conn) = notifying();
    let running = run(&db, ASLEEP, HOUR, Deafness::default());
    running.until_it_listens();
    end_the_session_that_listens(&mut conn);
    running.until_problems(1);
    running.until_it_listens();
    announce([1], &mut conn);
    running.until_published([1]);
    let problems = running.problems.lock().unwrap().clone();
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(
        problems[0].starts_with("the relay polls, because its listener failed: "),
        "{problems:?}"
    );
    assert_eq!(running.stop().failures, 0);
}

fn end_the_session_that_listens(conn: &mut Conn) {
    let listening = "FROM pg_stat_activity WHERE query = 'LISTEN versioned_outbox' AND datname = current_database()";
    diesel::sql_query(format!("SELECT pg_terminate_backend(pid) {listening}"))
        .execute(conn)
        .unwrap();
}

/// The relay polls once an hour, so that nothing but the new session makes it look.
#[test]
fn what_was_committed_while_nobody_listened_is_found_by_the_next_session() {
    let (db, mut conn) = notifying();
    let is_away = Arc::new(AtomicBool::new(false));
    let connect = {
        let (url, is_away) = (db.url().to_owned(), Arc::clone(&is_away));
        move || {
            if is_away.load(Ordering::SeqCst) {
                return Err("it is away".to_owned());
            }
            Conn::establish(&url).map_err(|error| error.to_string())
        }
    };
    let running = run_through(&db, ASLEEP, HOUR, Deafness::default(), connect);
    running.until_it_listens();
    is_away.store(true, Ordering::SeqCst);
    end_the_session_that_listens(&mut conn);
    running.until_problems(1);
    // The pass that the end of the session caused.
    rest();
    announce([1], &mut conn);
    rest();
    assert_eq!(running.broker.ids(), Vec::<String>::new());
    is_away.store(false, Ordering::SeqCst);
    running.until_published([1]);
    running.stop();
}

/// As at a standby, or at a server that has lost its queue of notifications.
#[test]
fn a_listener_that_cannot_listen_is_reported_once_and_does_not_storm_the_server() {
    let (db, mut conn) = notifying();
    let attempts = Arc::new(AtomicUsize::new(0));
    let is_standby = Arc::new(AtomicBool::new(true));
    let connect = {
        let (url, attempts, is_standby) = (
            db.url().to_owned(),
            Arc::clone(&attempts),
            Arc::clone(&is_standby),
        );
        move || {
            attempts.fetch_add(1, Ordering::SeqCst);
            let mut conn = Conn::establish(&url).map_err(|error| error.to_string())?;
            if is_standby.load(Ordering::SeqCst) {
                // A LISTEN in a transaction that has failed fails, too.
                conn.batch_execute("BEGIN").unwrap();
                conn.batch_execute("SELECT 1/0").unwrap_err();
            }
            Ok(conn)
        }
    };
    let running = run_through(&db, (FIRST, SOON), SOON, Deafness::default(), connect);
    for id in 1..=3 {
        announce([id], &mut conn);
        running.until_published([id]);
        thread::sleep(Duration::from_secs(1));
    }
    // After 0.1 s, 0.2 s, 0.4 s and so on.
    let before = attempts.load(Ordering::SeqCst);
    assert!((2..=7).contains(&before), "{before} attempts");
    let problems = running.problems.lock().unwrap().clone();
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(
        problems[0].contains("current transaction is aborted"),
        "{problems:?}"
    );
    assert!(!running.listener.is_listening());
    is_standby.store(false, Ordering::SeqCst);
    running.until_it_listens();
    assert_eq!(running.problems.lock().unwrap().len(), 1);
    running.stop();
}

/// The session lives and no longer listens, as behind a pooler that changes it.
#[test]
fn a_listener_that_hears_nothing_any_more_is_noticed_and_listens_again() {
    let (db, mut conn) = notifying();
    let second = Duration::from_secs(1);
    let running = run(&db, (FIRST, SOON), second, Deafness::default());
    running.until_it_listens();
    running.deafness.unlistens.store(true, Ordering::SeqCst);
    running.until_problems(1);
    running.until_it_listens();
    announce([1], &mut conn);
    running.until_published([1]);
    let problems = running.problems.lock().unwrap().clone();
    assert_eq!(
        problems,
        [
            "the relay polls, because its listener failed: a notification that the relay sent did not arrive, \
             connect the listener to the server directly and not through a pooler"
        ]
    );
    running.stop();
}

/// A driver that delivers nothing: it is reported once, and the relay polls in fine steps.
#[test]
fn a_listener_that_is_deaf_from_the_beginning_is_reported_once_and_the_relay_polls() {
    let (db, mut conn) = notifying();
    let deaf = Deafness {
        swallows: true.into(),
        ..Deafness::default()
    };
    let running = run(&db, (FIRST, Duration::from_millis(20)), SOON, deaf);
    running.until_problems(1);
    for id in 1..=5 {
        announce([id], &mut conn);
        running.until_published([id]);
        assert!(!running.listener.is_listening());
        thread::sleep(SOON);
    }
    assert_eq!(running.problems.lock().unwrap().len(), 1);
    running.deafness.swallows.store(false, Ordering::SeqCst);
    running.until_it_listens();
    running.stop();
}

/// An idle relay costs fewer than two statements per second.
#[test]
fn an_idle_relay_that_is_woken_polls_at_the_heartbeat_only() {
    let (db, mut conn) = notifying();
    let (half, five) = (Duration::from_millis(500), Duration::from_secs(5));
    let running = run(&db, (FIRST, half), five, Deafness::default());
    running.until_it_listens();
    // The end of the ladder.
    thread::sleep(Duration::from_secs(10));
    let transactions = |conn: &mut Conn| {
        let committed = "(pg_stat_get_db_xact_commit(oid) + pg_stat_get_db_xact_rollback(oid)) FROM pg_database WHERE datname = current_database()";
        diesel::select(diesel::dsl::sql::<BigInt>(committed))
            .get_result::<i64>(conn)
            .unwrap()
    };
    let before = transactions(&mut conn);
    thread::sleep(Duration::from_secs(10));
    let spent = transactions(&mut conn) - before;
    // A pass and a probe at each heartbeat, and this test's own; the server counts them a little later.
    assert!(spent <= 8, "{spent} transactions in 10 s");
    running.stop();
}

/// No listener is held back by what it has not read: nothing is queued for it.
#[test]
fn a_listener_holds_no_transaction() {
    let (db, mut conn) = notifying();
    let running = run(&db, ASLEEP, HOUR, Deafness::default());
    running.until_it_listens();
    announce(1..=50, &mut conn);
    running.until_published(1..=50);
    let idle = "bool_and(state = 'idle' AND backend_xmin IS NULL) FROM pg_stat_activity \
                WHERE query = 'LISTEN versioned_outbox' AND datname = current_database()";
    let idle = diesel::select(diesel::dsl::sql::<Bool>(idle));
    assert!(idle.get_result::<bool>(&mut conn).unwrap());
    running.stop();
}

fn announce_by_hand(id: i64, conn: &mut Conn) {
    conn.batch_execute(&format!(
        "INSERT INTO versioned_outbox (entity, key, version, op, payload, at)
         VALUES ('tickets', '{id}', 1, 'created', '{{}}', 0)"
    ))
    .unwrap();
}

#[test]
fn the_trigger_can_be_dropped() {
    let (_db, mut conn) = notifying();
    for _ in 0..2 {
        let trigger = versioned_core::notify_trigger();
        for statement in trigger.down.iter().chain(&trigger.up) {
            conn.batch_execute(statement).unwrap();
        }
    }
    announce([1], &mut conn);
}
