//! The time from the commit at the owner to the commit at the replica.
//!
//! A writer takes the time when its commit is acknowledged. A trigger of the replica's table notifies, with the commit, a
//! connection that listens; all candidates have the same trigger. A version that is overtaken counts as visible when a
//! newer one is.

mod path;
mod writer;

use std::time::{Duration, Instant};

use versioned_speed::{Measured, quantile};
use versioned_tests::nats::Broker;

use self::path::Path;
use crate::report::{Length, Report};

/// Longer than the longest pause of a relay.
const WARM_UP: Duration = Duration::from_millis(700);

/// The candidates: this library first, the floor last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wiring {
    Polling,
    Waker,
    Listen,
    ByHand,
}

const WIRINGS: [(Wiring, &str); 4] = [
    (Wiring::Polling, "versioned, polling"),
    (Wiring::Waker, "versioned, waker"),
    (Wiring::Listen, "versioned, LISTEN"),
    (Wiring::ByHand, "by hand"),
];

/// How often there is a save.
struct Load {
    name: &'static str,
    rounds: usize,
    kind: Kind,
}

enum Kind {
    /// So many saves in a round, with pauses of about this length.
    Pauses(usize, Duration),
    /// So many saves in a second, for this time.
    Rate(u32, Duration),
}

fn loads(length: Length) -> [Load; 4] {
    let load = |name, rounds, kind| Load { name, rounds, kind };
    let (rounds, saves, idle, rate) = match length {
        Length::Short => (1, 2, 1, 500),
        Length::Usual => (3, 6, 3, 1_500),
        Length::Long => (5, 10, 15, 3_000),
    };
    let rate = Duration::from_millis(rate);
    [
        load(
            "a save a second",
            rounds,
            Kind::Pauses(saves, Duration::from_secs(1)),
        ),
        load(
            match length {
                Length::Short => "a save after 1 s of idling",
                Length::Usual => "a save after 3 s of idling",
                Length::Long => "a save after 15 s of idling",
            },
            1,
            Kind::Pauses(saves, Duration::from_secs(idle)),
        ),
        load("100 saves/s", rounds, Kind::Rate(100, rate)),
        load("500 saves/s", rounds, Kind::Rate(500, rate)),
    ]
}

/// What was measured of a candidate, in milliseconds.
pub(crate) struct Latency {
    pub(crate) p50: Measured,
    pub(crate) p99: Measured,
}

pub(crate) async fn run(report: &mut Report, broker: &Broker) {
    let mut paths = Vec::new();
    for (wiring, name) in WIRINGS {
        paths.push(Path::open(wiring, name, broker).await);
    }
    idle(report, &paths).await;
    for load in loads(report.length) {
        let mut rounds: Vec<Vec<Vec<f64>>> = paths.iter().map(|_| Vec::new()).collect();
        for round in 0..load.rounds {
            match load.kind {
                Kind::Pauses(saves, pause) => in_turn(&mut paths, saves, pause).await,
                Kind::Rate(rate, time) => {
                    let count = paths.len();
                    for place in 0..count {
                        let path = &mut paths[(place + round) % count];
                        // What idled is woken first, and caches are filled; that does not count.
                        path.warm_up(rate, WARM_UP).await;
                        path.save_at(rate, time).await;
                        path.caught_up().await;
                    }
                }
            }
            for (path, rounds) in paths.iter_mut().zip(&mut rounds) {
                rounds.push(path.settled().await);
            }
        }
        let measured = paths.iter().zip(rounds).map(|(path, rounds)| {
            let of = |part| {
                let figures = rounds.iter().map(|round| quantile(round, part)).collect();
                Measured::new(path.name, figures)
            };
            Latency {
                p50: of(0.5),
                p99: of(0.99),
            }
        });
        report.add_latencies(load.name, measured.collect());
    }
    for path in paths {
        path.close().await;
    }
}

/// What the relays ask of the owners' databases while there is nothing to publish.
async fn idle(report: &mut Report, paths: &[Path]) {
    let time = Duration::from_secs(if report.length == Length::Short { 2 } else { 5 });
    // The statistics are up to a second behind.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let start = Instant::now();
    let mut before = Vec::new();
    for path in paths {
        before.push(path.transactions().await);
    }
    tokio::time::sleep(time).await;
    let mut idle = Vec::new();
    for (path, before) in paths.iter().zip(before) {
        let transactions = path.transactions().await - before;
        idle.push((
            path.name,
            transactions as f64 / start.elapsed().as_secs_f64(),
        ));
    }
    report.add_idle(idle);
}

/// Each candidate saves so often; they take turns, so that each idles while the others save.
async fn in_turn(paths: &mut [Path], saves: usize, pause: Duration) {
    let pause = pause / u32::try_from(paths.len()).unwrap();
    let mut jitter = 0.0_f64;
    for _ in 0..saves {
        for path in &mut *paths {
            // Of half a pause and more, and never in step with a poll.
            jitter = (jitter + 0.618_034).fract();
            tokio::time::sleep(pause.mul_f64(0.5 + jitter)).await;
            path.save().await;
        }
    }
    for path in paths {
        path.caught_up().await;
    }
}
