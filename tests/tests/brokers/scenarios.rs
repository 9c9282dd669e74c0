//! The scenarios.

pub(crate) mod delivered;
pub(crate) mod failures;
pub(crate) mod order;
pub(crate) mod outages;
pub(crate) mod processes;
