//! What the derive writes about a model, and all it writes: metadata, and walks over the columns,
//! the key and, for an owner, the fields.

mod columns;
mod fields;
mod finite;
mod json;
mod key;
mod value;
mod walk;

use std::any::TypeId;
use std::fmt;

use diesel::internal::table_macro::StaticQueryFragment;
#[doc(hidden)]
pub use diesel::query_source::Column;
use diesel::query_source::Table;

#[doc(hidden)]
pub use diesel::backend::Backend;
#[doc(hidden)]
pub use diesel::result::QueryResult;
#[doc(hidden)]
pub use serde_json::Result as JsonResult;

pub use self::columns::{Columns, Field};
#[doc(hidden)]
pub use self::columns::{Made, MadeAny};
#[doc(hidden)]
pub use self::fields::FieldWalk;
pub(crate) use self::fields::{ColumnSet, Compared, Diff, take};
#[doc(hidden)]
pub use self::fields::{Comparable, Fields, Floats};
#[doc(hidden)]
pub use self::json::{
    EventJson, FromJson, NotSent, ToJson, event_to_json, parked_from_json, parked_to_json,
};
pub use self::key::{Key, KeyColumns, NeverNull};
#[doc(hidden)]
pub use self::key::{KeyNames, KeyPart, KeyPartText, KeyText, key_parts, whole_key};
pub(crate) use self::value::Value;
pub use self::walk::Walk;
pub(crate) use self::walk::{Clause, WriteKind};
#[doc(hidden)]
pub use crate::dialect::Elements;
pub use crate::dialect::JsonTable;
use crate::event::Event;
use crate::table_name::{self, TableName};
use crate::version::{SequentialVersion, Version};

/// A model whose record has a version. `#[derive(Versioned)]` implements it.
///
/// It stays out of the prelude, because its [`id`](Versioned::id) would clash with Diesel's `Identifiable::id`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not versioned, add `#[derive(Versioned)]` with `#[versioned(owner)]` or `#[versioned(dependent)]`",
    label = "not a versioned model"
)]
pub trait Versioned: Sized + Send + Sync {
    /// The table, as Diesel's `table!` declares it.
    type Table: Table + Default + StaticQueryFragment<Component: fmt::Debug>;

    /// The primary key's columns, always as a tuple.
    type KeyColumns: KeyColumns;

    /// The column of the version.
    type VersionColumn: Column<Table = Self::Table> + NeverNull + Default;

    /// The primary key, owned; a tuple where it has several columns.
    type Id: Clone + fmt::Debug + Send + Sync;

    /// The type of the version field.
    type Version: Version;

    /// This model with every lifetime `'static`: what its statements are cached under.
    type Static: 'static;

    /// The name of the table's module, as Diesel's `table!` declares it.
    const TABLE: &'static str;

    /// The name that the positions of a replica are kept under, empty for its table's; none of an owner.
    #[doc(hidden)]
    const REPLICA: Option<&'static str> = None;

    /// Whether the key is the table's primary key, so that no two rows have it.
    #[doc(hidden)]
    const WHOLE_KEY: bool = true;

    /// The record's name in events: the table's name unless `#[versioned(entity = "..")]` says otherwise.
    const ENTITY: &'static str;

    /// The table's name in the database, behind its schema's if it has one.
    fn table_name() -> &'static str {
        name_of_table::<Self>().full
    }

    /// The primary key.
    fn id(&self) -> Self::Id;

    /// The version that was loaded, or that the last successful write gave.
    fn version(&self) -> Self::Version {
        self.loaded().clone()
    }

    /// The version field.
    #[doc(hidden)]
    fn loaded(&self) -> &Self::Version;

    /// Moves the version in memory; called after a write that happened, and never before.
    #[doc(hidden)]
    fn set_version(&mut self, version: Self::Version);

    /// Adds the parts of the key to its text.
    #[doc(hidden)]
    fn key_parts(id: &Self::Id, text: &mut KeyText);

    /// The key as text, for errors and events.
    #[doc(hidden)]
    fn key_text(id: &Self::Id) -> String {
        let mut text = KeyText::of::<Self::KeyColumns>();
        Self::key_parts(id, &mut text);
        text.finish()
    }

    /// The version of a record that was just created.
    #[doc(hidden)]
    fn initial_version() -> Self::Version {
        Version::initial()
    }

    /// The version after `current`; `None` at the type's maximum.
    #[doc(hidden)]
    fn next_version(current: &Self::Version) -> Option<Self::Version> {
        current.next()
    }
}

/// The name of the table of `M` in the database.
pub(crate) fn name_of_table<M: Versioned>() -> TableName {
    let component = &<M::Table as StaticQueryFragment>::STATIC_COMPONENT;
    table_name::of(TypeId::of::<M::Static>(), component, M::TABLE)
}

/// A model in owner mode: `#[versioned(owner)]`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an owner, which `#[derive(Versioned)]` with `#[versioned(owner)]` makes of it",
    label = "only an owner can do this",
    note = "a `#[versioned(dependent)]` model changes only through `apply`"
)]
pub trait OwnerModel: Versioned {
    /// Whether deletions are remembered in `versioned_positions`: `#[versioned(tombstones)]`.
    const TOMBSTONES: bool = false;

    /// Whether each write writes its event to `versioned_outbox`: `#[versioned(outbox)]`.
    const OUTBOX: bool = false;

    /// The columns with `#[versioned(excluded)]`.
    #[doc(hidden)]
    const EXCLUDED: &'static [&'static str] = &[];

    /// An event as it is sent; written by the derive with `outbox`.
    #[doc(hidden)]
    fn event_json(_event: &Event<&Self>) -> EventJson {
        Err(serde::ser::Error::custom("this model has no outbox"))
    }

    /// The number of a version; written by the derive with `tombstones` and `outbox`.
    #[doc(hidden)]
    fn number(_version: &Self::Version) -> i64 {
        0
    }

    /// The version with this number; written by the derive with `tombstones` and `outbox`.
    #[doc(hidden)]
    fn numbered(_number: i64) -> Option<Self::Version> {
        None
    }
}

/// An owner whose writes need not become events: one without `outbox`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has an outbox, where each write must emit an event: load the rows and `save` them",
    label = "this would change rows without an event"
)]
pub trait PlainOwner: OwnerModel {}

/// A model in dependent mode: `#[versioned(dependent)]`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a dependent, which `#[derive(Versioned)]` with `#[versioned(dependent)]` makes of it",
    label = "only a dependent can do this",
    note = "a `#[versioned(owner)]` model is changed by `save`, never by events"
)]
pub trait DependentModel: Versioned<Version: SequentialVersion> {
    /// Which event may follow which.
    const POLICY: Policy;

    /// Where the position of a record is kept.
    const GUARD: Guard;

    /// What becomes of an event that came too early.
    const GAP: Gap;

    /// The key with this text.
    #[doc(hidden)]
    fn parse_key(text: &str) -> Option<Self::Id>;

    /// An event as it is parked; written by the derive with `gap = "park"`.
    #[doc(hidden)]
    fn park(_event: &Event<Self>) -> JsonResult<String> {
        Err(serde::ser::Error::custom("this model parks no events"))
    }

    /// An event that was parked; written by the derive with `gap = "park"`.
    #[doc(hidden)]
    fn unpark(_text: &str) -> JsonResult<Event<Self>> {
        Err(serde::de::Error::custom("this model parks no events"))
    }
}

/// Which event may follow which: `#[versioned(policy = "..")]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// Event N goes only onto row N−1.
    Sequential,
    /// Any newer event replaces the row.
    Latest,
}

/// Where the position of a record is kept: `#[versioned(guard = "..")]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guard {
    /// A row of `versioned_positions`, which outlives a deletion.
    Position,
    /// The replica's row itself; for records that are never deleted.
    Row,
}

/// What becomes of an event that came too early: `#[versioned(gap = "..")]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gap {
    /// It is reported, so that the broker delivers it again.
    Nack,
    /// It is kept in `versioned_parked` until its predecessor came.
    Park,
}

/// What the derive points a model at that it could not make sense of, so that its errors stay the only ones.
#[doc(hidden)]
pub mod fallback {
    diesel::table! {
        unknown {
            id -> BigInt,
            version -> BigInt,
        }
    }
}
