//! How fast this toolkit is, beside Diesel by hand, other crates and the raw drivers' prepared statements, in one run.
//!
//! ```sh
//! cargo bench -p versioned-speed --bench speed
//! cargo bench -p versioned-speed --bench speed -- save postgres    # subjects with these words in their names
//! cargo bench -p versioned-speed --bench speed -- growth           # with more columns, models and rows
//! cargo bench -p versioned-speed --bench speed -- --write          # and writes tables and pictures
//! ```

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::indexing_slicing,
    clippy::cast_precision_loss,
    missing_docs,
    reason = "a program of our own"
)]

mod apply;
mod asynchronous;
mod batch;
mod by_hand;
mod cached;
mod crowd;
mod formats;
mod growth;
mod machine;
mod models;
mod outbox;
mod picture;
mod pipeline;
mod places;
mod raw;
mod relay;
mod report;
mod single;
mod tickets;
mod turns;

fn main() {
    if turns::is_a_test() {
        return;
    }
    turns::pin();
    let mut suite = report::Suite::asked_for();
    if suite.wants_growth() {
        growth::run(&suite);
        return;
    }
    single::run(&mut suite);
    models::run(&mut suite);
    pipeline::run(&mut suite);
    outbox::run(&mut suite);
    batch::run(&mut suite);
    crowd::run(&mut suite);
    apply::run(&mut suite);
    relay::run(&mut suite);
    formats::run(&mut suite);
    suite.finish();
}
