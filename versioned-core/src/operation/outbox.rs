//! Events: built with their writes, and relayed to a broker.

pub(crate) mod event;
pub(crate) mod relay;
