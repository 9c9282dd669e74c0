//! Statements that write many rows, in a form for each backend.

pub(crate) mod arrays;
pub(crate) mod json;
pub(crate) mod rows;
pub(crate) mod values;
