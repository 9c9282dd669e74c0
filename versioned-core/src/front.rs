//! The fronts: methods on connections. They run statements; the operations contain all decisions.

#[cfg(feature = "async")]
pub(crate) mod asynchronous;
pub(crate) mod blocking;
