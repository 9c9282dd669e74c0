use super::blocking as front;
use super::{leave_out as other_owners, take_in as other_copies};
use versioned_tests::mysql as backend;

type Line = super::faulty::Faulty<backend::Conn>;

#[path = "kinds.rs"]
mod kinds;
#[path = "scenarios/mod.rs"]
mod scenarios;
#[path = "trial.rs"]
mod trial;
#[path = "world.rs"]
mod world;
