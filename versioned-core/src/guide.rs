//! The guide: from the first model to a restore from backup, a chapter each.
//!
//! | chapter | for |
//! | --- | --- |
//! | [`owner`] | the first guarded save, in five minutes |
//! | [`dependent`] | the first replica, in ten |
//! | [`choosing`] | `policy`, `guard` and `gap` of a replica, and the owner's keys that go with them |
//! | [`transactions`] | what is in memory after a rollback; running a transaction again; aggregates |
//! | [`isolation`] | what the loser is told, by backend and isolation level |
//! | [`batches`] | many rows at once; changed columns only |
//! | [`outbox`] | events that survive a crash |
//! | [`migrations`] | our tables, versions for a table that has rows, the trigger that keeps others out |
//! | [`restore`] | after the owner was restored from a backup |
//! | [`from_mongoose`] | coming from `mongoose-update-if-current` |
//! | [`from_diesel_versioning`] | coming from `diesel_versioning` |
//! | [`mistakes`] | what the compiler says to them, and what to do |
//! | [`limits`] | what is not guaranteed |
//! | [`comparison`] | what others do |
//! | [`expansion`] | what the derive writes |
//!
//! The code of each chapter is compiled and run by `cargo test --doc --all-features`, on SQLite in memory. Names in italics, such as
//! *`t02_of_two_who_loaded_the_same_version_the_second_is_stale`*, are tests of the repository, below `tests/`; most of
//! them run on each backend and through both fronts.
//!
//! The guide is compiled for documentation only.

#[doc = include_str!("guide/batches.md")]
pub mod batches {}
#[doc = include_str!("guide/choosing.md")]
pub mod choosing {}
#[doc = include_str!("guide/comparison.md")]
pub mod comparison {}
#[doc = include_str!("guide/dependent.md")]
pub mod dependent {}
#[doc = include_str!("guide/expansion.md")]
pub mod expansion {}
#[cfg(any(not(doctest), feature = "async"))]
#[doc = include_str!("guide/from_diesel_versioning.md")]
pub mod from_diesel_versioning {}
#[doc = include_str!("guide/from_mongoose.md")]
pub mod from_mongoose {}
#[doc = include_str!("guide/isolation.md")]
pub mod isolation {}
#[doc = include_str!("guide/limits.md")]
pub mod limits {}
#[doc = include_str!("guide/migrations.md")]
pub mod migrations {}
#[cfg(any(not(doctest), feature = "async"))]
#[doc = include_str!("guide/mistakes.md")]
pub mod mistakes {}
#[doc = include_str!("guide/outbox.md")]
pub mod outbox {}
#[cfg(any(not(doctest), feature = "async"))]
#[doc = include_str!("guide/owner.md")]
pub mod owner {}
#[doc = include_str!("guide/restore.md")]
pub mod restore {}
#[doc = include_str!("guide/transactions.md")]
pub mod transactions {}
