//! Many rows in one statement, in the way of each backend.

pub(crate) mod arrays;
pub(crate) mod json;
pub(crate) mod rows;
pub(crate) mod values;
