//! The statements of an owner's writes and reads of one record.

pub(crate) mod assigned;
pub(crate) mod bump;
pub(crate) mod changes;
pub(crate) mod create;
pub(crate) mod delete;
pub(crate) mod filtered;
pub(crate) mod insert;
pub(crate) mod page;
pub(crate) mod save;
pub(crate) mod select;
pub(crate) mod touch;
pub(crate) mod update_at;
pub(crate) mod with_version;
