use super::blocking as front;
use super::{take_in as other_copies, take_in as other_owners};
use versioned_tests::postgres as backend;

type Line = super::faulty::Faulty<backend::Conn>;

#[path = "kinds.rs"]
mod kinds;
#[path = "scenarios/mod.rs"]
mod scenarios;
#[path = "trial.rs"]
mod trial;
#[path = "world.rs"]
mod world;
