//! Candidates that take turns, on one CPU.
//!
//! Client and server stay on one CPU: unpinned, waking the other CPU is most of what is measured. The candidates take turns
//! in short rounds, so that a change of the machine's speed meets all of them; the medians of the rounds count.

use std::os::unix::process::CommandExt as _;
use std::time::{Duration, Instant};

const CPU: usize = 0;
const PINNED: &str = "VERSIONED_BENCH_PINNED";

/// Somebody who does one unit of the work.
pub(crate) type Candidate<'a> = (&'static str, Box<dyn FnMut() + 'a>);

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
    #[cfg(any(feature = "postgres", feature = "mysql"))]
    versioned_tests::server::pin_to_cpu(CPU);
}

/// Lets the candidates take turns, `times` at a time; the medians of one time, in microseconds.
pub(crate) fn medians(rounds: usize, times: u32, candidates: &mut [Candidate<'_>]) -> Vec<f64> {
    let mut measured: Vec<Vec<Duration>> = vec![Vec::new(); candidates.len()];
    for round in 0..=rounds {
        for ((_, work), measured) in candidates.iter_mut().zip(&mut measured) {
            let start = Instant::now();
            for _ in 0..times {
                work();
            }
            // The first round warms up.
            if round > 0 {
                measured.push(start.elapsed() / times);
            }
        }
    }
    measured
        .iter_mut()
        .map(|measured| {
            measured.sort_unstable();
            measured[rounds / 2].as_secs_f64() * 1e6
        })
        .collect()
}
