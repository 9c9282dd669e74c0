//! The tests of CloudEvents. The names of tests begin with the quirk of other systems that they are
//! about.

mod attributes;
mod content;
mod fixtures;
mod fuzz;
mod round_trip;
mod written;
