//! Random tests draw the same cases each time, unless they are told otherwise.

use std::env;
use std::str::FromStr;

/// The seed: `VERSIONED_TEST_SEED`, or always the same one.
///
/// # Panics
///
/// When it is no number.
pub fn seed() -> u64 {
    number("VERSIONED_TEST_SEED").unwrap_or(0x7E57)
}

/// How many cases a test draws that draws so many by itself: `VERSIONED_TEST_TIMES` as many.
///
/// # Panics
///
/// When that is no number.
pub fn cases(number_of_cases: u32) -> u32 {
    number_of_cases.saturating_mul(number("VERSIONED_TEST_TIMES").unwrap_or(1))
}

fn number<T: FromStr>(variable: &str) -> Option<T> {
    let text = env::var(variable).ok().filter(|text| !text.is_empty())?;
    let number = text.parse().ok();
    assert!(number.is_some(), "{variable} is `{text}`, and no number");
    number
}
