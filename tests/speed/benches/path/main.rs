//! The whole path, from the owner's commit to the replica's row: PostgreSQL, the relay, JetStream and the consumer with
//! their defaults, beside the same path wired by hand on tokio-postgres and async-nats, in one run.
//!
//! ```sh
//! cargo bench -p versioned-speed --bench path
//! cargo bench -p versioned-speed --bench path -- latency commits    # these parts
//! cargo bench -p versioned-speed --bench path -- --short            # whether it runs, in half a minute
//! cargo bench -p versioned-speed --bench path -- --long             # longer turns and pauses, and larger replicas
//! cargo bench -p versioned-speed --bench path -- --write            # and writes the tables and the picture
//! ```
//!
//! All candidates run on the same servers and the same runtime, each with databases and a stream of its own, and take
//! turns. Each part ends by comparing what the replica holds with what the owner wrote.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::indexing_slicing,
    clippy::cast_precision_loss,
    missing_docs,
    reason = "a program of our own"
)]

mod apply_all;
mod by_hand;
mod commits;
mod latency;
mod listen;
mod load;
mod picture;
mod replicate;
mod report;
mod services;

use versioned_tests::nats::Broker;

fn main() {
    // `cargo test --benches` only wants to know whether it builds.
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    let mut report = report::Report::asked_for();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let broker = Broker::start();
    if report.wants("latency") {
        runtime.block_on(latency::run(&mut report, &broker));
    }
    if report.wants("replicate") {
        runtime.block_on(replicate::run(&mut report, &broker));
    }
    if report.wants("apply_all") {
        apply_all::run(&mut report, &runtime);
    }
    if report.wants("commits") {
        runtime.block_on(commits::run(&mut report));
    }
    report.finish(&runtime.block_on(services::versions(&broker)));
}
