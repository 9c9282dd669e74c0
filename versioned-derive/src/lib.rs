//! The derive macros of `versioned-core`. Depend on that crate, which has them all.

mod attr;
mod check;
mod choice;
mod diesel;
mod errors;
mod expand;
mod model;
mod read;
mod source;

use proc_macro::TokenStream;

/// Gives a Diesel model a version: `versioned_core::Versioned`, and what its mode needs.
///
/// | on the struct | |
/// | --- | --- |
/// | `owner` | the model of the service that the record belongs to |
/// | `dependent` | a replica of another service's record, fed by events; its version counts |
/// | `embedded` | a struct that a model holds under `#[diesel(embed)]`; takes only `crate` |
/// | `entity = "tickets"` | the record's name in events; default: the table's name |
/// | `initial = 0` | the first version, 0 to 32767; default: 1 |
/// | `policy = "sequential" \| "latest"` | dependent: event N goes onto row N−1 only, or any newer event replaces the row |
/// | `guard = "position" \| "row"` | dependent: the position is kept in a table that outlives a deletion, or in the row |
/// | `gap = "nack" \| "park"` | dependent: an event that came too early is delivered again, or kept until its turn |
/// | `replica = ".."` | dependent: the name that its positions are kept under; the table's otherwise |
/// | `tombstones` | owner: deletions are remembered, so that a record which is made again goes on from the deleted version |
/// | `outbox` | owner: each write also writes its event, in the same transaction; the model derives `Serialize` |
/// | `crate = ::path` | where `versioned_core` is found; default: `::versioned_core` |
///
/// | on a field | |
/// | --- | --- |
/// | `version` | this is the version; default: the field named `version` |
/// | `excluded` | no part of the record's state: changed alone in a `Tracked` model, it is written unguarded and moves no version |
/// | `precision = "micros" \| "millis" \| "seconds"` | a timestamp version is cut to what its column keeps |
///
/// Of two values the first is the default. One mode is required. Diesel's own attributes mean here what they mean there:
/// `table_name`, `primary_key` (up to six columns), `check_for_backend`; on fields `column_name`, `embed`,
/// `skip_insertion`, `skip_update`, `serialize_as`, `select_expression`.
#[proc_macro_derive(Versioned, attributes(versioned, diesel))]
pub fn versioned(input: TokenStream) -> TokenStream {
    expand::versioned(input.into()).into()
}

/// Makes a newtype of a counter a version that counts: `versioned_core::version::SequentialVersion`.
///
/// `#[versioned(crate = ::path)]` says where `versioned_core` is found.
#[proc_macro_derive(SequentialVersion, attributes(versioned))]
pub fn sequential_version(input: TokenStream) -> TokenStream {
    expand::sequential_version(input.into()).into()
}

/// Adds `pub version: i64` as the last field of a struct; `#[version_field(i32)]` for another type. Stands above the
/// derives, which must see the field.
#[proc_macro_attribute]
pub fn version_field(args: TokenStream, item: TokenStream) -> TokenStream {
    expand::version_field(args.into(), item.into()).into()
}
