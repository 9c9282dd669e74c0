//! Two services, end to end, as real processes on PostgreSQL and a broker, which are killed one after the other, and the
//! broker too: in the end the replica is as the owner, row by row, and no event was applied twice.
//!
//! A short form runs with the others. The long one, of one broker:
//!
//! ```sh
//! VERSIONED_SOAK_MINUTES=20 cargo test -p versioned-tests --all-features --test soak -- --nocapture kafka
//! ```

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    clippy::large_futures,
    missing_docs,
    reason = "tests"
)]

use std::env;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use diesel_migrations::MigrationHarness as _;
use versioned_core::{MIGRATIONS, outbox};
use versioned_tests::postgres::{Conn, Db};
use versioned_tests::soak::{COPIES, Dice, Form, Role, Sides, TICKETS};
use versioned_tests::waiting::STUCK;

use crate::broker::{Broker, Fault};

mod broker;
#[cfg(feature = "nats")]
mod jetstream;
#[cfg(feature = "kafka")]
mod kafka;
#[cfg(feature = "rabbitmq")]
mod rabbitmq;

/// The short form kills so many processes. The long one kills one every two seconds.
const KILLS: u32 = 32;
/// So many more are killed while the rest of the events comes through.
const LATE_KILLS: u32 = 8;
/// The form with a wrong deployment is half as long. It is wrong after the first of these kills,
/// until the second.
const WRONG: (u32, u32) = (10, 14);
const LONG_PAUSE: Duration = Duration::from_secs(2);

/// A process that is started again when it was killed.
struct Process {
    role: Role,
    child: Child,
}

impl Process {
    fn start(role: Role) -> Self {
        let child = Self::spawn(&role);
        Self { role, child }
    }

    fn spawn(role: &Role) -> Child {
        Command::new(env!("CARGO_BIN_EXE_soak"))
            .args(role.arguments())
            .stdin(Stdio::piped())
            .spawn()
            .unwrap()
    }

    /// `kill -9`
    fn kill(&mut self) {
        if let Some(status) = self.child.try_wait().unwrap() {
            panic!("{:?} ended by itself: {status}", self.role);
        }
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    fn kill_and_start(&mut self) {
        self.kill();
        self.child = Self::spawn(&self.role);
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn minutes() -> Option<f64> {
    let minutes = env::var("VERSIONED_SOAK_MINUTES").ok()?;
    Some(minutes.parse().expect("VERSIONED_SOAK_MINUTES is a number"))
}

fn database(ddl: &str) -> (Db, Conn) {
    let db = Db::fresh(ddl);
    let mut conn = db.connect();
    conn.run_pending_migrations(MIGRATIONS).unwrap();
    (db, conn)
}

/// Waits until the writers have reached each record, and deleted some.
fn each_is_written(records: i64, owner: &mut Conn, replica: &mut Conn) {
    let end = Instant::now() + STUCK;
    loop {
        let sides = Sides::read(owner, replica);
        let touched = i64::try_from(sides.versions.len()).unwrap();
        if touched == records && sides.owner.len() < sides.versions.len() {
            return;
        }
        assert!(Instant::now() < end, "only {touched} records were written");
        thread::sleep(Duration::from_millis(100));
    }
}

/// Waits until an event came through, so that there is something to disturb.
fn the_first_came(owner: &mut Conn, replica: &mut Conn) {
    let end = Instant::now() + STUCK;
    while Sides::read(owner, replica).through() == 0 {
        assert!(Instant::now() < end, "nothing came through");
        thread::sleep(Duration::from_millis(50));
    }
}

/// Waits until the wrong deployment has made dead letters, and returns their number.
fn some_letters(owner: &mut Conn, replica: &mut Conn) -> i64 {
    let end = Instant::now() + STUCK;
    loop {
        let letters = Sides::read(owner, replica).letters;
        if letters > 0 {
            return letters;
        }
        assert!(Instant::now() < end, "no dead letter");
        thread::sleep(Duration::from_millis(50));
    }
}

#[allow(clippy::too_many_lines, reason = "one story")]
fn run<B: Broker>(form: Form, share: f64) {
    let (pause, times) = match minutes() {
        None if form == Form::Batches => (B::PAUSE, KILLS / 2),
        None => (B::PAUSE, KILLS),
        Some(minutes) => (
            LONG_PAUSE,
            (minutes * 60.0 * share / LONG_PAUSE.as_secs_f64()) as u32,
        ),
    };
    let seed = SystemTime::UNIX_EPOCH.elapsed().unwrap().subsec_nanos();
    let mut dice = Dice(u64::from(seed) | 1);

    let (tickets, mut owner) = database(TICKETS);
    let (orders, mut replica) = database(COPIES);
    let broker = B::start();
    let url = broker.url();

    let writer = |seed| Role::Writer {
        tickets: tickets.url().to_owned(),
        records: B::RECORDS,
        seed,
    };
    let relay = || Role::Relay {
        tickets: tickets.url().to_owned(),
        broker: url.clone(),
    };
    let consumer = |form| Role::Consumer {
        orders: orders.url().to_owned(),
        broker: url.clone(),
        form,
    };
    let (writers, relays) = (2, 2);
    let mut processes: Vec<Process> = [writer(11), writer(12), relay(), relay()]
        .into_iter()
        .chain([consumer(form), consumer(form), consumer(form)])
        .map(Process::start)
        .collect();

    the_first_came(&mut owner, &mut replica);
    let (mut faults, mut letters) = (Vec::new(), 0);
    for kill in 1..=times {
        thread::sleep(pause);
        let victim = usize::try_from(dice.below(processes.len() as u64)).unwrap();
        if victim < writers {
            // Not the same writes again.
            processes[victim].role = writer(dice.below(u64::MAX) | 1);
        }
        processes[victim].kill_and_start();
        if form == Form::Batches && (kill == WRONG.0 || kill == WRONG.1) {
            let deployed = if kill == WRONG.0 {
                Form::Wrong
            } else {
                letters = some_letters(&mut owner, &mut replica);
                form
            };
            for process in &mut processes[writers + relays..] {
                process.role = consumer(deployed);
                process.kill_and_start();
            }
        }
        for (_, fault) in B::FAULTS.iter().filter(|(at, _)| *at == kill % KILLS) {
            broker.suffer(*fault);
            faults.push(*fault);
        }
    }
    broker.suffer(Fault::Mend);
    each_is_written(B::RECORDS, &mut owner, &mut replica);
    processes.drain(..writers).for_each(drop);
    let written = Sides::read(&mut owner, &mut replica);

    // A server that was killed may need a minute on a loaded machine.
    broker.wait();
    let (mut progress, mut late_kills) = ((written.through(), Instant::now()), 0);
    let sides = loop {
        let lag = outbox::Lag::load(&mut owner).unwrap();
        let sides = Sides::read(&mut owner, &mut replica);
        if lag.pending == 0
            && sides.positions == sides.versions
            && sides.parked + sides.letters == 0
        {
            // The last event may have come between its queries.
            break Sides::read(&mut owner, &mut replica);
        }
        if sides.through() != progress.0 {
            progress = (sides.through(), Instant::now());
            // Surely in the middle of something.
            if late_kills < LATE_KILLS {
                late_kills += 1;
                let victim = usize::try_from(dice.below(processes.len() as u64)).unwrap();
                processes[victim].kill_and_start();
            }
        }
        if progress.1.elapsed() > STUCK {
            let behind = sides
                .versions
                .iter()
                .filter(|one| !sides.positions.contains(one));
            panic!(
                "nothing came through for {STUCK:?} (seed {seed}): {lag:?}, {} parked, {} dead letters, behind: {:?}",
                sides.parked,
                sides.letters,
                behind.take(10).collect::<Vec<_>>()
            );
        }
        thread::sleep(Duration::from_millis(500));
    };
    for process in &mut processes {
        process.kill();
    }

    assert_eq!(written.versions, sides.versions, "nobody writes any more");
    let differ: Vec<_> = sides
        .owner
        .iter()
        .filter(|row| !sides.replica.contains(row))
        .collect();
    assert!(differ.is_empty(), "row by row (seed {seed}): {differ:?}");
    assert_eq!(sides.owner.len(), sides.replica.len(), "(seed {seed})");
    let each: Vec<(String, i64)> = sides
        .versions
        .iter()
        .flat_map(|(key, last)| (1..=*last).map(move |version| (key.clone(), version)))
        .collect();
    // Batches write consecutive versions once, and call nothing that counts them.
    if form != Form::Batches {
        assert_eq!(
            sides.applied.len(),
            each.len(),
            "each event once (seed {seed})"
        );
        assert!(sides.applied == each, "each event once (seed {seed})");
    }

    // That it was no idle walk.
    let deleted = sides.versions.len() - sides.owner.len();
    let count = |fault| faults.iter().filter(|one| **one == fault).count();
    let (kills, cuts, stalls) = (count(Fault::Kill), count(Fault::Cut), count(Fault::Stall));
    println!(
        "{} events of {} records, {deleted} of them deleted; {} processes and {kills} brokers killed, \
         {cuts} cuts, {stalls} stalls, {letters} dead letters; {} events came through after the writers had stopped",
        each.len(),
        sides.versions.len(),
        times + late_kills,
        sides.through() - written.through(),
    );
    assert!(
        times >= 15 && kills >= 1 && kills + cuts + stalls >= 2,
        "{times}, {faults:?}"
    );
}

/// One after the other: each wants the machine for itself.
fn soak<B: Broker>(forms: &[Form]) {
    static TURN: Mutex<()> = Mutex::new(());
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    for form in forms {
        println!("{}, {form:?}:", std::any::type_name::<B>());
        run::<B>(*form, 1.0 / forms.len() as f64);
    }
}
