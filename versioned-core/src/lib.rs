//! Optimistic concurrency for Diesel models.
