//! The tests of plain JSON.
