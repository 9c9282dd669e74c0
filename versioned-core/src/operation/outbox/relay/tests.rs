use std::future;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::Duration;

use crate::clock::{Waited, wait};
use crate::front::blocking::poll_ready;
use crate::operation::outbox::relay::*;
use crate::outbox::{PublishError, Totals};

struct Nobody;

impl Publisher for Nobody {
    async fn publish(&self, _batch: &[OutboxRow]) -> Vec<std::result::Result<(), PublishError>> {
        Vec::new()
    }
}

/// A clock that records the pause and does not wait.
#[derive(Default)]
struct Notes {
    pause: Mutex<Duration>,
    over: AtomicBool,
}

impl Clock for Notes {
    fn sleep(&self, duration: Duration) -> impl Future<Output = ()> + Send {
        *self.pause.lock().unwrap() = duration;
        future::ready(())
    }
}

/// Passes with given results. Records the pause before each, in milliseconds.
struct Script<'a> {
    notes: &'a Notes,
    passes: std::vec::IntoIter<Option<Pass>>,
    pauses: &'a Mutex<Vec<u128>>,
}

impl Reconnecting for Script<'_> {
    async fn pass(&mut self) -> Option<Pass> {
        let pause = std::mem::take(&mut *self.notes.pause.lock().unwrap());
        self.pauses.lock().unwrap().push(pause.as_millis());
        let pass = self.passes.next();
        if self.passes.len() == 0 {
            self.notes.over.store(true, Ordering::Relaxed);
        }
        pass.flatten()
    }

    async fn has_changed(&mut self) -> Option<bool> {
        None
    }
}

fn play(relay: &Relay<Nobody>, passes: Vec<Option<Pass>>) -> (Vec<u128>, Totals) {
    let (notes, waited) = (Notes::default(), Mutex::default());
    let script = Script {
        notes: &notes,
        passes: passes.into_iter(),
        pauses: &waited,
    };
    let shutdown = future::poll_fn(|_| {
        if notes.over.load(Ordering::Relaxed) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    });
    let totals = poll_ready(run(relay, &notes, script, shutdown));
    (waited.into_inner().unwrap(), totals)
}

#[allow(clippy::unnecessary_wraps, reason = "what a `Reconnecting` answers")]
fn pass(published: usize, rejected: usize, unavailable: usize) -> Option<Pass> {
    Some(Pass {
        published,
        duplicates: 0,
        rejected,
        unavailable,
    })
}

fn relay() -> Relay<Nobody> {
    let (first, longest) = (Duration::from_millis(100), Duration::from_millis(350));
    Relay::new(Nobody).batch(4).poll(first, longest)
}

#[test]
fn pauses_grow_while_there_is_nothing_to_do() {
    let nothing = || pass(0, 0, 0);
    let (pauses, totals) = play(
        &relay(),
        vec![nothing(), nothing(), nothing(), nothing(), nothing()],
    );
    assert_eq!(pauses, [0, 100, 200, 350, 350]);
    assert_eq!(totals, Totals::default());
}

#[test]
fn a_full_batch_is_followed_at_once_and_a_smaller_one_soon() {
    let (pauses, totals) = play(
        &relay(),
        vec![
            pass(0, 0, 0),
            pass(0, 0, 0),
            pass(3, 1, 0), // full
            pass(5, 0, 0), // full, and more than that
            pass(1, 1, 0),
            pass(0, 0, 0),
            pass(0, 0, 0),
        ],
    );
    assert_eq!(pauses, [0, 100, 200, 0, 0, 100, 200]);
    assert_eq!(
        totals,
        Totals {
            passes: 3,
            published: 9,
            duplicates: 0,
            rejected: 2,
            unavailable: 0,
            failures: 0,
        }
    );
}

#[test]
fn a_broker_or_a_database_that_is_away_is_given_time() {
    let (pauses, totals) = play(
        &relay(),
        vec![
            pass(1, 0, 3),
            None,
            pass(0, 0, 4),
            None,
            None,
            None,
            pass(4, 0, 0),
            pass(0, 0, 0),
            pass(0, 0, 4),
            None,
        ],
    );
    let away = [350, 700, 1_400, 2_800, 3_500, 3_500];
    assert_eq!(pauses[..1], [0]);
    assert_eq!(pauses[1..7], away);
    assert_eq!(pauses[7..], [0, 100, 350]);
    assert_eq!(
        totals,
        Totals {
            passes: 4,
            published: 5,
            duplicates: 0,
            rejected: 0,
            unavailable: 11,
            failures: 5,
        }
    );
}

/// A wake ends a pause, unless the broker or the database is unreachable.
#[test]
fn a_waker_ends_a_pause() {
    use Waited::{Over, Stopped, Woken};

    let hour = Duration::from_secs(3_600);
    let relay = Relay::new(Nobody).poll(hour, hour);
    let waker = relay.waker();
    waker.wake();
    waker.wake();
    let mut ended = vec![];
    let shutdown = crate::outbox::Shutdown::new();
    let mut stop = std::pin::pin!(shutdown.clone());
    let mut waited = |pause| {
        let clock = crate::clock::Parking;
        crate::clock::block_on(wait(&clock, pause, &mut stop, relay.waker.woken()))
    };
    ended.push(waited(hour));
    ended.push(waited(Duration::from_millis(20)));
    let elsewhere = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(20));
        waker.wake();
    });
    ended.push(waited(hour));
    elsewhere.join().unwrap();
    shutdown.stop();
    ended.push(waited(hour));
    assert_eq!(ended, [Woken, Over, Woken, Stopped]);
}

/// An ordered relay takes one event of each record at a time.
#[test]
fn an_ordered_relay_goes_on_until_nothing_is_left() {
    let (pauses, _) = play(
        &relay().ordered(),
        vec![pass(1, 0, 0), pass(0, 1, 0), pass(0, 0, 0), None],
    );
    assert_eq!(pauses, [0, 0, 0, 100]);
}

/// After a timeout the batches are smaller, and they grow again after a result.
#[test]
fn a_batch_is_halved_after_a_timeout_and_doubled_after_an_answer() {
    let relay = Relay::new(Nobody).batch(100);
    let mut limits = vec![relay.limit()];
    relay.narrow(81);
    limits.push(relay.limit());
    relay.narrow(40);
    limits.push(relay.limit());
    for _ in 0..4 {
        relay.widen();
        limits.push(relay.limit());
    }
    assert_eq!(limits, [100, 40, 20, 40, 80, 100, 100]);
    relay.narrow(1);
    assert_eq!(relay.limit(), 1);
}

/// While a listener hears notifications, the pauses grow up to its heartbeat.
#[test]
fn a_relay_that_is_woken_polls_at_the_heartbeat() {
    let relay = relay();
    let nothing = || vec![pass(0, 0, 0); 6];
    let hearing = relay.listener().heartbeat(Duration::from_secs(1)).hearing;
    hearing.open();
    let (pauses, _) = play(&relay, nothing());
    assert_eq!(pauses, [0, 100, 200, 350, 350, 350], "it may be deaf");
    let probe = hearing.probe(Instant::now()).unwrap();
    hearing.heard(&probe);
    let (pauses, _) = play(&relay, nothing());
    assert_eq!(pauses, [0, 100, 200, 400, 800, 1_000]);
    hearing.close(true);
    let (pauses, _) = play(&relay, nothing());
    assert_eq!(pauses, [0, 100, 200, 350, 350, 350]);
}

/// The first event that hangs is rejected. If all hang, the broker is the cause.
#[test]
fn events_that_hang_one_after_the_other_are_not_all_rejected() {
    let relay = Relay::new(Nobody);
    let mut faults: Vec<bool> = (0..9).map(|_| relay.is_its_fault()).collect();
    relay.has_published();
    faults.push(relay.is_its_fault());
    let (no, yes) = (false, true);
    assert_eq!(faults, [yes, yes, no, yes, no, no, no, yes, no, yes]);
}

/// A pass that finds no events is not logged.
#[cfg(feature = "tracing")]
#[test]
fn an_operator_hears_of_a_pass_that_found_something() {
    use diesel::connection::SimpleConnection as _;
    use diesel::{Connection as _, SqliteConnection};
    use diesel_migrations::MigrationHarness as _;

    use crate::clock::Parking;
    use crate::front::blocking::BlockingExecutor;
    use crate::trace::tests::said;

    let mut conn = SqliteConnection::establish(":memory:").unwrap();
    conn.run_pending_migrations(crate::MIGRATIONS).unwrap();
    let heard = |conn: &mut SqliteConnection| {
        said(|| {
            poll_ready(crate::operation::outbox::relay::pass(
                &relay(),
                &Parking,
                &mut BlockingExecutor::new(conn),
            ))
            .unwrap();
        })
    };
    assert_eq!(heard(&mut conn), Vec::<String>::new());
    conn.batch_execute(
        "INSERT INTO versioned_outbox (entity, key, version, op, payload, at) VALUES ('tickets', '7', 1, 'created', '{}', 0)",
    )
    .unwrap();
    assert_eq!(
        heard(&mut conn),
        [
            "WARN relay: the broker is unavailable",
            "DEBUG relay: batch"
        ]
    );
}
