//! The guide to `versioned`, in chapters.
//!
//! Start with [`owner`](first_steps::owner) if your service writes the records, and with
//! [`dependent`](first_steps::dependent) if it keeps a replica of another service's records.
//! `cargo test --doc --all-features` compiles and runs the code of every chapter.
//!
//! **First steps**
//!
//! | chapter | contents |
//! | --- | --- |
//! | [`concepts`](first_steps::concepts) | the terms: version, guard, event, replica, outbox |
//! | [`owner`](first_steps::owner) | the first guarded save, in five minutes |
//! | [`dependent`](first_steps::dependent) | the first replica, in ten |
//!
//! **How to**
//!
//! | chapter | contents |
//! | --- | --- |
//! | [`adopt`](how_to::adopt) | adding the derive to an existing application |
//! | [`conflicts`](how_to::conflicts) | handle a conflict; `ETag` and `If-Match` over HTTP |
//! | [`transactions`](how_to::transactions) | several writes in one transaction: rollbacks, retries, aggregates |
//! | [`batches`](how_to::batches) | many rows at once |
//! | [`tracked`](how_to::tracked) | saving only the changed columns, and rebasing after a conflict |
//! | [`scope`](how_to::scope) | tenants and shards: a model that never touches the rows of another scope |
//! | [`outbox`](how_to::outbox) | events that survive a crash, the relay that publishes them, and dead letters |
//! | [`direct`](how_to::direct) | replicas without a broker |
//! | [`kafka`](how_to::kafka) | Kafka as the broker: what to configure, what is guaranteed, what is not |
//! | [`rabbitmq`](how_to::rabbitmq) | RabbitMQ as the broker: what to configure, what is guaranteed, and what is not |
//! | [`foreign_messages`](how_to::foreign_messages) | CloudEvents, Debezium and plain JSON: what each producer must set, deletions, and how to move to the outbox |
//! | [`custom_messages`](how_to::custom_messages) | any other form: upcasters, and binary bodies |
//! | [`own_writes`](how_to::own_writes) | waiting until a replica has what a client wrote at the owner |
//! | [`monitoring`](how_to::monitoring) | metrics, alerts, health and traces of relays and replicas |
//! | [`testing`](how_to::testing) | test transactions, conflicts and events in an application's tests |
//! | [`migrations`](how_to::migrations) | the library's tables, the version type, and triggers for the guard |
//! | [`compare`](how_to::compare) | finding the records that a replica has otherwise than its owner, and repairing them |
//! | [`repair`](how_to::repair) | records that are behind: find them, send them again, give them up |
//! | [`command_line`](how_to::command_line) | the tool `versioned`: what waits, what failed, and what to do about it |
//! | [`restore`](how_to::restore) | repairing the replicas after the owner was restored from a backup |
//!
//! **Reference**
//!
//! | chapter | contents |
//! | --- | --- |
//! | [`choosing`](reference::choosing) | how to choose `policy`, `guard` and `gap` for a replica |
//! | [`backends`](reference::backends) | the statements of each operation, by database |
//! | [`isolation`](reference::isolation) | how a conflict is reported, by backend and isolation level |
//! | [`expansion`](reference::expansion) | the code that the derive generates |
//! | [`mistakes`](reference::mistakes) | compiler errors and their fixes |
//! | [`limits`](reference::limits) | what is not guaranteed |
//!
//! **Related work**
//!
//! | chapter | contents |
//! | --- | --- |
//! | [`comparison`](related::comparison) | how other libraries handle the same cases |
//! | [`from_mongoose`](related::from_mongoose) | migrating from `mongoose-update-if-current` |
//! | [`from_diesel_versioning`](related::from_diesel_versioning) | migrating from `diesel_versioning` |
//!
//! Footnotes name the tests behind a claim, for example
//! *`t02_of_two_who_loaded_the_same_version_the_second_is_stale`*. The tests are in the
//! repository's `tests/` directory, and those of the forms of messages in
//! `versioned-core/src/format`. Most of them run on each backend and through both fronts, blocking
//! and async.
//!
//! This module exists only in the documentation.

/// The terms, the first guarded save and the first replica.
pub mod first_steps {
    #[doc = include_str!("guide/first_steps/concepts.md")]
    pub mod concepts {}
    #[doc = include_str!("guide/first_steps/dependent.md")]
    pub mod dependent {}
    #[cfg(any(not(doctest), feature = "async"))]
    #[doc = include_str!("guide/first_steps/owner.md")]
    pub mod owner {}
}

/// A chapter for each task.
pub mod how_to {
    #[doc = include_str!("guide/how_to/adopt.md")]
    pub mod adopt {}
    #[doc = include_str!("guide/how_to/batches.md")]
    pub mod batches {}
    #[doc = include_str!("guide/how_to/compare.md")]
    pub mod compare {}
    #[doc = include_str!("guide/how_to/command_line.md")]
    pub mod command_line {}
    #[cfg(any(not(doctest), feature = "http"))]
    #[doc = include_str!("guide/how_to/conflicts.md")]
    pub mod conflicts {}
    #[cfg(any(not(doctest), feature = "formats"))]
    #[doc = include_str!("guide/how_to/custom_messages.md")]
    pub mod custom_messages {}
    #[doc = include_str!("guide/how_to/direct.md")]
    pub mod direct {}
    #[cfg(any(not(doctest), feature = "nats"))]
    #[doc = include_str!("guide/how_to/foreign_messages.md")]
    pub mod foreign_messages {}
    #[cfg(any(not(doctest), feature = "kafka"))]
    #[doc = include_str!("guide/how_to/kafka.md")]
    pub mod kafka {}
    #[doc = include_str!("guide/how_to/migrations.md")]
    pub mod migrations {}
    #[cfg(any(not(doctest), feature = "metrics"))]
    #[doc = include_str!("guide/how_to/monitoring.md")]
    pub mod monitoring {}
    #[doc = include_str!("guide/how_to/outbox.md")]
    pub mod outbox {}
    #[doc = include_str!("guide/how_to/own_writes.md")]
    pub mod own_writes {}
    #[cfg(any(not(doctest), feature = "rabbitmq"))]
    #[doc = include_str!("guide/how_to/rabbitmq.md")]
    pub mod rabbitmq {}
    #[doc = include_str!("guide/how_to/repair.md")]
    pub mod repair {}
    #[doc = include_str!("guide/how_to/restore.md")]
    pub mod restore {}
    #[doc = include_str!("guide/how_to/scope.md")]
    pub mod scope {}
    #[cfg(any(not(doctest), all(feature = "testing", feature = "consumer")))]
    #[doc = include_str!("guide/how_to/testing.md")]
    pub mod testing {}
    #[doc = include_str!("guide/how_to/tracked.md")]
    pub mod tracked {}
    #[doc = include_str!("guide/how_to/transactions.md")]
    pub mod transactions {}
}

/// Settings, errors, generated code and limits.
pub mod reference {
    #[doc = include_str!("guide/reference/backends.md")]
    pub mod backends {}
    #[doc = include_str!("guide/reference/choosing.md")]
    pub mod choosing {}
    #[doc = include_str!("guide/reference/expansion.md")]
    pub mod expansion {}
    #[doc = include_str!("guide/reference/isolation.md")]
    pub mod isolation {}
    #[doc = include_str!("guide/reference/limits.md")]
    pub mod limits {}
    #[cfg(any(not(doctest), feature = "async"))]
    #[doc = include_str!("guide/reference/mistakes.md")]
    pub mod mistakes {}
}

/// Other libraries, and how to migrate from them.
pub mod related {
    #[doc = include_str!("guide/related/comparison.md")]
    pub mod comparison {}
    #[cfg(any(not(doctest), feature = "async"))]
    #[doc = include_str!("guide/related/from_diesel_versioning.md")]
    pub mod from_diesel_versioning {}
    #[cfg(any(not(doctest), feature = "formats"))]
    #[doc = include_str!("guide/related/from_mongoose.md")]
    pub mod from_mongoose {}
}
