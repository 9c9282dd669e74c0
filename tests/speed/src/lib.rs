//! What the benchmarks share. The programs are in `benches/`.

mod block;
mod machine;
mod measured;
pub mod picture;

pub use block::{repository, write_block};
pub use machine::processor;
pub use measured::{Measured, quantile};
