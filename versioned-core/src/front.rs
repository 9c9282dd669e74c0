//! The fronts: the methods on connections. They execute; the operations decide.

#[cfg(feature = "async")]
pub(crate) mod asynchronous;
pub(crate) mod blocking;
