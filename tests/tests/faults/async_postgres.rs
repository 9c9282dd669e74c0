use super::asynchronous as front;
use super::{leave_out as other_copies, leave_out as other_owners};
use versioned_tests::asynchronous::postgres as backend;

type Line = front::Around<backend::Conn>;

#[path = "kinds.rs"]
mod kinds;
#[path = "scenarios/mod.rs"]
mod scenarios;
#[path = "trial.rs"]
mod trial;
#[path = "world.rs"]
mod world;
