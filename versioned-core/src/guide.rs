//! The guide. Each chapter's code is compiled and run by `cargo test --doc --all-features`.
//!
//! **First steps**
//!
//! | chapter | contents |
//! | --- | --- |
//! | [`owner`](first_steps::owner) | the first guarded save, in five minutes |
//! | [`dependent`](first_steps::dependent) | the first replica, in ten |
//!
//! **How to**
//!
//! | chapter | contents |
//! | --- | --- |
//! | [`transactions`](how_to::transactions) | rollbacks, retries, aggregates |
//! | [`batches`](how_to::batches) | many rows at once; changed columns only |
//! | [`outbox`](how_to::outbox) | events that survive a crash |
//! | [`migrations`](how_to::migrations) | the tables of this crate, and a version column for a table that has rows |
//! | [`restore`](how_to::restore) | after the owner was restored from a backup |
//!
//! **Reference**
//!
//! | chapter | contents |
//! | --- | --- |
//! | [`choosing`](reference::choosing) | `policy`, `guard` and `gap` of a replica |
//! | [`backends`](reference::backends) | the statements of each operation, by database |
//! | [`isolation`](reference::isolation) | the error of a conflict, by backend and isolation level |
//! | [`expansion`](reference::expansion) | the code that the derive generates |
//! | [`mistakes`](reference::mistakes) | compiler errors and their fixes |
//! | [`limits`](reference::limits) | what is not guaranteed |
//!
//! **Related work**
//!
//! | chapter | contents |
//! | --- | --- |
//! | [`comparison`](related::comparison) | how other libraries do it |
//! | [`from_mongoose`](related::from_mongoose) | coming from `mongoose-update-if-current` |
//! | [`from_diesel_versioning`](related::from_diesel_versioning) | coming from `diesel_versioning` |
//!
//! Footnotes and names in italics, such as
//! *`t02_of_two_who_loaded_the_same_version_the_second_is_stale`*, name tests of the repository, below
//! `tests/`. Most of them run on each backend and through both fronts.
//!
//! The guide is compiled for documentation only.

/// The first guarded save, and the first replica.
pub mod first_steps {
    #[doc = include_str!("guide/first_steps/dependent.md")]
    pub mod dependent {}
    #[cfg(any(not(doctest), feature = "async"))]
    #[doc = include_str!("guide/first_steps/owner.md")]
    pub mod owner {}
}

/// A chapter for each task.
pub mod how_to {
    #[doc = include_str!("guide/how_to/batches.md")]
    pub mod batches {}
    #[doc = include_str!("guide/how_to/migrations.md")]
    pub mod migrations {}
    #[doc = include_str!("guide/how_to/outbox.md")]
    pub mod outbox {}
    #[doc = include_str!("guide/how_to/restore.md")]
    pub mod restore {}
    #[doc = include_str!("guide/how_to/transactions.md")]
    pub mod transactions {}
}

/// What each setting means, and what is not guaranteed.
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

/// Other libraries, and how to come from them.
pub mod related {
    #[doc = include_str!("guide/related/comparison.md")]
    pub mod comparison {}
    #[cfg(any(not(doctest), feature = "async"))]
    #[doc = include_str!("guide/related/from_diesel_versioning.md")]
    pub mod from_diesel_versioning {}
    #[doc = include_str!("guide/related/from_mongoose.md")]
    pub mod from_mongoose {}
}
