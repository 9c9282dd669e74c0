//! The statements about positions, parked events, dead letters and the rows of a replica.

pub(crate) mod advance;
pub(crate) mod bulk;
pub(crate) mod dead_letters;
pub(crate) mod position;
pub(crate) mod positions;
pub(crate) mod row;
