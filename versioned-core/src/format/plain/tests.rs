//! The tests of plain JSON. The names of tests begin with the quirk of other systems that they are
//! about.

mod deletions;
mod fixtures;
mod fuzz;
mod shapes;
mod written;

use super::PlainJson;
use crate::event::Op;

/// The subjects of the course that many services on Node follow.
fn course() -> PlainJson {
    PlainJson::new()
        .on("ticket:created", Op::Created)
        .on("ticket:updated", Op::Updated)
        .on("ticket:deleted", Op::Deleted)
}
