//! The derive macros of `versioned-core`. Depend on `versioned-core`, which re-exports them.

mod attr;
mod check;
mod choice;
mod diesel;
mod errors;
mod expand;
mod fields;
mod model;
mod read;

use proc_macro::TokenStream;

/// Implements `versioned_core::Versioned` and the traits of the mode for a Diesel model.
///
/// The struct needs exactly one mode:
///
/// | mode | meaning |
/// | --- | --- |
/// | `#[versioned(owner)]` | the model of the service that the record belongs to |
/// | `#[versioned(dependent)]` | a replica of a record of another service, fed by events; its version is a counter |
/// | `#[versioned(embedded)]` | a struct that a model holds under `#[diesel(embed)]`; takes only `crate` |
///
/// More keys can follow the mode, as in `#[versioned(owner, outbox)]`. The first of two values is
/// the default.
///
/// | key | mode | meaning |
/// | --- | --- | --- |
/// | `entity = "tickets"` | both | the name of the record in events; the default is the name of the table |
/// | `initial = 0` | both | the first version, 0 to 32767; the default is 1 |
/// | `tombstones` | owner | deletions are remembered; a record that is inserted again continues after the version of its deletion |
/// | `outbox` | owner | each write also writes its event, in the same transaction; the model must derive `Serialize` |
/// | `policy = "sequential" \| "latest"` | dependent | event N is applied only onto version N−1, or any newer event replaces the row |
/// | `guard = "position" \| "row"` | dependent | the position is kept in a table, where it outlives a deletion, or in the row |
/// | `gap = "nack" \| "park"` | dependent | an event that comes too early must be redelivered, or is stored until its turn; `"park"` excludes `policy = "latest"` and `guard = "row"` |
/// | `replica = ".."` | dependent | the name under which the positions are kept; the default is the name of the table |
/// | `crate = ::path` | all | the path of `versioned_core`; the default is `::versioned_core` |
///
/// On a field:
///
/// | attribute | meaning |
/// | --- | --- |
/// | `#[versioned(version)]` | the version; the default is the field named `version` |
/// | `#[versioned(scope)]` | not for a dependent: every statement of the model compares the field, for example the tenant, and every key is an `InScope` |
/// | `#[versioned(excluded)]` | not for a dependent: the field is not part of the record's state. If only such fields of a `Tracked` model changed, they are written unguarded and the version stays |
/// | `#[versioned(precision = "micros" \| "millis" \| "seconds")]` | owner, on a timestamp version: the precision that the column keeps |
///
/// The derive reads these attributes of Diesel: `table_name`, `primary_key` (up to six columns) and
/// `check_for_backend` on the struct; `column_name`, `embed`, `skip_insertion`, `skip_update`,
/// `serialize_as` and `select_expression` on fields.
///
/// It generates metadata, access to the key and the version, and walks over the columns. All SQL is
/// in `versioned_core`. Its chapter `guide::reference::expansion` shows the generated code.
#[proc_macro_derive(Versioned, attributes(versioned, diesel))]
pub fn versioned(input: TokenStream) -> TokenStream {
    expand::versioned(input.into()).into()
}

/// Implements `versioned_core::version::Version` and `versioned_core::version::SequentialVersion`
/// for a newtype of a counter.
///
/// `#[versioned(crate = ::path)]` sets the path of `versioned_core`.
#[proc_macro_derive(SequentialVersion, attributes(versioned))]
pub fn sequential_version(input: TokenStream) -> TokenStream {
    expand::sequential_version(input.into()).into()
}

/// Adds `pub version: i64` as the last field of a struct.
///
/// `#[version_field(i32)]` sets another type. The attribute must stand above the derives, so that
/// they see the field.
#[proc_macro_attribute]
pub fn version_field(args: TokenStream, item: TokenStream) -> TokenStream {
    expand::version_field(args.into(), item.into()).into()
}
