//! What a comparison of a replica with its owner asks, and what it finds.

mod question;
mod report;

pub use self::question::{Answer, Question, State};
pub use self::report::{Compared, Difference, Place, Verdict};
