//! A tag is that of a version.

use versioned_core::etag::ETag;

struct Ticket;

fn tag(ticket: &Ticket) -> ETag {
    ETag::of(ticket)
}

fn main() {}
