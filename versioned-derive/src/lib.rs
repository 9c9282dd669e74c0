//! The derive macro of `versioned-core`.
