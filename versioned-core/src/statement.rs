//! One file for each statement: its SQL and its binds as a `QueryFragment`. Nothing here knows a connection.
//!
//! The text of each depends on the type of the model (and on the dialect) alone, so that Diesel caches the prepared
//! statement under the type and never builds the text again. Diesel's own `UpdateStatement` is not cached at all.

mod arrays;
mod assigned;
mod bulk;
mod bump;
mod create;
mod delete;
mod follow;
mod given;
mod guard;
mod insert;
mod json_table;
mod outbox;
mod page;
mod pair;
mod position;
mod positions;
mod relay;
mod replica;
mod revise;
mod rows;
mod save;
mod save_changes;
mod select;
mod texts;
mod touch;
mod unkeyed;
mod unwritten;
mod values;
mod view;

use diesel::backend::Backend;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::result::QueryResult;

use crate::fetch::Loadable;

pub(crate) use self::arrays::{
    AllFirst, Arrays, Count, Deletes, InTurn, InsertAll, Locking, Missed, Places, Saves, Verb,
    WriteAll,
};
pub(crate) use self::assigned::Assigned;
pub(crate) use self::bulk::{Counted, Keys, MergeAll, Removed, RowsOf};
pub use self::bump::Bump;
pub use self::create::NewRow;
pub(crate) use self::create::{Create, CreateKey, Created, ForgetKey, Generated};
pub(crate) use self::delete::Delete;
pub(crate) use self::follow::{AdvanceAndUpdate, AdvanceAndUpsert};
pub(crate) use self::given::{BatchRows, Binds};
pub(crate) use self::guard::{Record, VersionGuard};
pub(crate) use self::insert::Insert;
pub(crate) use self::json_table::WriteTable;
pub(crate) use self::outbox::{InsertEvent, NewEvent, NewEvents, WithEvent};
pub(crate) use self::page::Page;
pub(crate) use self::position::{
    Advance, Drop, DropAll, Enter, EnterOrLock, Expired, FirstTombstones, Forget, IsParked, Lock,
    LockAll, Look, OnPosition, Park, Peek, Position, Purge, PurgeOne, Refuse, SqlTemplate,
    Tombstones, Unpark, Upsert,
};
pub(crate) use self::positions::{LookAll, Positions, UpsertAll};
pub(crate) use self::relay::{
    Backlog, Claim, ClaimByIds, DeletePublished, Due, OldestPerKey, ReadCommitted, Reschedule,
};
pub(crate) use self::replica::{
    Anything, Clear, Merge, NoNewer, Older, Overwrite, Remove, Replacing,
};
pub use self::revise::Changes;
pub(crate) use self::revise::UpdateAt;
pub(crate) use self::rows::Rows;
pub(crate) use self::save::Save;
pub(crate) use self::save_changes::SaveChanges;
pub(crate) use self::select::{
    AnySpelling, AsSnapshot, Current, Find, FindAll, FindVersion, Held, Unmoved,
};
pub(crate) use self::touch::Touch;
pub(crate) use self::unwritten::Unwritten;
pub(crate) use self::values::{ROWS, WriteValues};
pub(crate) use self::view::Views;

/// `.. RETURNING "tickets"."id", ..`: a write that answers with the row as it is after it.
pub(crate) struct Returning<S, M: Loadable<DB>, DB: Backend> {
    statement: S,
    selection: M::Selection,
}

pub(crate) enum ReturningId {}

impl<S, M: Loadable<DB>, DB: Backend> Returning<S, M, DB> {
    pub(crate) fn new(statement: S) -> Self {
        Self {
            statement,
            selection: M::selection(),
        }
    }
}

impl<S: QueryId, M: Loadable<DB>, DB: Backend> QueryId for Returning<S, M, DB> {
    type QueryId = (ReturningId, S::QueryId, M::Static);
    const HAS_STATIC_QUERY_ID: bool =
        S::HAS_STATIC_QUERY_ID && <M::Selection as QueryId>::HAS_STATIC_QUERY_ID;
}

impl<S, M, DB> QueryFragment<DB> for Returning<S, M, DB>
where
    S: QueryFragment<DB>,
    M: Loadable<DB>,
    DB: Backend,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        self.statement.walk_ast(out.reborrow())?;
        out.push_sql(" RETURNING ");
        self.selection.walk_ast(out)
    }
}
