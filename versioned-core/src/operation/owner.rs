//! The operations of an owner on one record.

pub(crate) mod answer;
pub(crate) mod create;
pub(crate) mod delete;
pub(crate) mod filter;
pub(crate) mod find;
pub(crate) mod insert;
pub(crate) mod requested;
pub(crate) mod resend;
pub(crate) mod returning;
pub(crate) mod save;
pub(crate) mod snapshot;
pub(crate) mod tombstone;
pub(crate) mod touch;
pub(crate) mod tracked;
pub(crate) mod update_at;
pub(crate) mod update_with;
pub(crate) mod upsert;
pub(crate) mod verify;
pub(crate) mod write;
pub(crate) mod written;
