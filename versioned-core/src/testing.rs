//! A test kit for applications.
//!
//! | purpose | item |
//! | --- | --- |
//! | try a handler with every order of deliveries | [`Explorer`] |
//! | run a consumer without a broker, on deliveries that are late, repeated and out of order | `MemoryBroker`, with the feature `consumer` |
//! | assert on the events that a closure causes | [`events_of`] |
//!
//! [`Event::created`](crate::Event::created), `updated`, `snapshot` and `deleted` make events.
//! [`Conflict::stale`](crate::Conflict::stale) and its like make the errors of code that maps errors.
//! The guide has a [chapter](crate::guide::how_to::testing) on tests.

#[cfg(feature = "consumer")]
mod broker;
mod events;
mod explorer;
mod failure;

#[cfg(feature = "consumer")]
pub use self::broker::MemoryBroker;
pub use self::events::events_of;
#[cfg(feature = "async")]
pub use self::events::events_of_async;
pub use self::explorer::Explorer;
pub use self::failure::Failure;
