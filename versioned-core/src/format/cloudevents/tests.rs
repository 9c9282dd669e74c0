//! The tests of CloudEvents.
