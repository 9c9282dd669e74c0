//! The operations that apply events to a replica.

pub(crate) mod advance;
pub(crate) mod apply;
pub(crate) mod apply_all;
pub(crate) mod arrival;
pub(crate) mod backlog;
pub(crate) mod compare;
pub(crate) mod current;
pub(crate) mod dead_letters;
pub(crate) mod forget;
pub(crate) mod incoming;
pub(crate) mod inspect;
pub(crate) mod parked;
pub(crate) mod positions;
pub(crate) mod purge;
pub(crate) mod row;
pub(crate) mod step;
pub(crate) mod waiting;
