//! Candidates that take turns, on one CPU.
//!
//! Client and server stay on one CPU: unpinned, waking the other CPU is most of what is measured. The candidates take turns
//! in short rounds, so that a change of the machine's speed meets all of them; a round in which another process had the CPU
//! is made again. What counts are medians: of the rounds, and of the ratios within a round.

use std::fs;
use std::os::unix::process::CommandExt as _;
use std::time::{Duration, Instant};

use versioned_speed::{Measured, quantile};

const CPU: usize = 0;
const PINNED: &str = "VERSIONED_BENCH_PINNED";
/// How long a turn shall take, if a unit of the work is much shorter.
const TURN: Duration = Duration::from_millis(3);
const MOST_TIMES: u32 = 400;

/// A candidate, which does one unit of the work at a time.
pub(crate) trait Work {
    /// Prepares for a turn; its time does not count.
    fn ready(&mut self, _times: u32) {}

    /// One unit of the work.
    fn work(&mut self);
}

impl<F: FnMut()> Work for F {
    fn work(&mut self) {
        self();
    }
}

/// A candidate and its name.
pub(crate) type Candidate<'a> = (&'static str, Box<dyn Work + 'a>);

/// Whether this is `cargo test --benches`, which only wants to know whether it runs.
pub(crate) fn is_a_test() -> bool {
    std::env::args().any(|argument| argument == "--test")
}

/// Runs the program again on one CPU, unless it does already. Servers that are started later stay there too.
pub(crate) fn pin() {
    if std::env::var_os(PINNED).is_none() {
        let error = std::process::Command::new("taskset")
            .args(["-c", &CPU.to_string()])
            .args(std::env::args_os())
            .env(PINNED, "1")
            .exec();
        println!("not pinned to one CPU ({error}): the figures of the servers will say little");
    }
    versioned_tests::server::pin_to_cpu(CPU);
}

/// Lets the candidates take turns, as many units at a time as fill a short turn.
pub(crate) fn take_turns(rounds: usize, candidates: &mut [Candidate<'_>]) -> Vec<Measured> {
    let times = warm_up(candidates);
    let mut made: Vec<Round> = (0..rounds)
        .map(|number| round(number, times, candidates))
        .collect();
    let mut disturbances: Vec<u64> = made.iter().map(|round| round.disturbance).collect();
    disturbances.sort_unstable();
    let usual = 2 * disturbances[rounds / 2] + 1_000_000;
    made.retain(|round| round.disturbance <= usual);
    for number in made.len()..rounds {
        made.push(round(number, times, candidates));
    }
    let of = |place: usize| made.iter().map(|round| round.times[place]).collect();
    candidates
        .iter()
        .enumerate()
        .map(|(place, (name, _))| Measured::new(name, of(place)))
        .collect()
}

struct Round {
    /// The time of a unit, of each candidate.
    times: Vec<f64>,
    disturbance: u64,
}

/// One turn of each; another one begins in each round.
fn round(number: usize, times: u32, candidates: &mut [Candidate<'_>]) -> Round {
    let before = disturbance();
    let mut measured = vec![0.0; candidates.len()];
    for place in 0..candidates.len() {
        let place = (place + number) % candidates.len();
        measured[place] = turn(times, &mut *candidates[place].1);
    }
    Round {
        times: measured,
        disturbance: disturbance() - before,
    }
}

/// The time of a unit in microseconds.
fn turn(times: u32, candidate: &mut (dyn Work + '_)) -> f64 {
    candidate.ready(times);
    let start = Instant::now();
    for _ in 0..times {
        candidate.work();
    }
    start.elapsed().as_secs_f64() * 1e6 / f64::from(times)
}

/// Lets statements be prepared and caches be filled; answers with the units of a turn.
fn warm_up(candidates: &mut [Candidate<'_>]) -> u32 {
    let mut once = || -> Vec<f64> {
        candidates
            .iter_mut()
            .map(|(_, candidate)| turn(1, &mut **candidate))
            .collect()
    };
    let (start, mut times) = (Instant::now(), once());
    while start.elapsed() < 10 * TURN {
        times = once();
    }
    let units = TURN.as_secs_f64() * 1e6 / quantile(&times, 0.5);
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a small positive number"
    )]
    let units = units as u32;
    units.clamp(1, MOST_TIMES)
}

/// The nanoseconds for which this thread could have run, and something else did: on this machine (Linux's `schedstat`),
/// or on the one that hosts it (stolen time).
fn disturbance() -> u64 {
    const TICK: u64 = 10_000_000;
    let field = |path: &str, line: &str, field: usize| -> u64 {
        let text = fs::read_to_string(path).unwrap_or_default();
        let line = text.lines().find(|text| text.starts_with(line));
        line.and_then(|line| line.split_whitespace().nth(field)?.parse().ok())
            .unwrap_or(0)
    };
    field("/proc/thread-self/schedstat", "", 1)
        + TICK * field("/proc/stat", &format!("cpu{CPU} "), 8)
}
