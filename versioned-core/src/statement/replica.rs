//! The statements about positions, parked events, dead letters and the rows of a replica.

pub(crate) mod advance;
pub(crate) mod backlog;
pub(crate) mod bulk;
#[cfg_attr(
    not(feature = "consumer"),
    allow(dead_code, reason = "consumers of a broker keep them")
)]
pub(crate) mod dead_letters;
pub(crate) mod inspect;
pub(crate) mod position;
pub(crate) mod positions;
pub(crate) mod purge;
pub(crate) mod row;
