//! The statements: one file for each, with its SQL and its binds as a `QueryFragment`. They do not
//! depend on a connection.
//!
//! The text of a statement depends only on the type of the model and on the dialect. Diesel
//! therefore caches the prepared statement under the type and never builds the text again. Diesel
//! does not cache its own `UpdateStatement` at all.

pub(crate) mod batch;
pub(crate) mod cache;
pub(crate) mod conditions;
#[cfg(feature = "async")]
pub(crate) mod erased;
pub(crate) mod outbox;
pub(crate) mod owner;
pub(crate) mod probe;
pub(crate) mod query;
pub(crate) mod replica;
pub(crate) mod requests;
pub(crate) mod safe_updates;
pub(crate) mod template;
pub(crate) mod undo;
pub(crate) mod version_guard;
pub(crate) mod view;

use diesel::backend::Backend;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::result::QueryResult;

use crate::loadable::Loadable;

pub(crate) use self::batch::arrays::{
    AllFirst, Arrays, Count, Deletes, HoldAll, InTurn, InsertAll, Locking, Missed, Places, Saves,
    Verb, WriteAll,
};
pub(crate) use self::batch::json::{HoldTable, WriteTable};
pub(crate) use self::batch::rows::{BatchRows, Binds, Partial};
pub(crate) use self::batch::values::{ROWS, WriteValues};
#[cfg(feature = "async")]
pub(crate) use self::erased::Erased;
pub(crate) use self::outbox::claim::{
    Claim, ClaimByIds, ClaimInOrder, DeletePublished, Due, LockOrder, OldestPerKey, Probe,
    ReadCommitted, Reschedule,
};
pub(crate) use self::outbox::insert::{
    InsertEvent, InsertEvents, NewEvent, NewEvents, TouchOutbox, WithEvent,
};
#[cfg(feature = "metrics")]
pub(crate) use self::outbox::lease::TakeLease;
pub(crate) use self::outbox::look::{BacklogOfOutbox, DataVersion, MakeDue, RejectedEvents};
pub(crate) use self::outbox::pending::{CountEvents, MakeSomeDue, PendingEvents};
#[cfg(feature = "testing")]
pub(crate) use self::outbox::written::{EventsAfter, LastEvent};
pub(crate) use self::owner::assigned::Assigned;
pub use self::owner::bump::Bump;
pub(crate) use self::owner::changes::{ChangedColumns, SaveChanges};
pub(crate) use self::owner::create::{
    Batch, Create, CreateAll, CreateKey, Created, ForgetKey, Generated,
};
pub use self::owner::create::{NewRow, NewRows};
pub(crate) use self::owner::delete::Delete;
pub(crate) use self::owner::filtered::Holding;
pub use self::owner::filtered::{Condition, Conditions};
pub(crate) use self::owner::insert::{Fails, IfTaken, Insert, Skips};
pub(crate) use self::owner::page::Page;
pub(crate) use self::owner::save::Save;
pub(crate) use self::owner::select::{
    AnySpelling, AsSnapshot, Current, Find, FindAll, FindVersion, Held, Reading, Unmoved,
};
pub(crate) use self::owner::touch::Touch;
pub use self::owner::update_at::Changes;
pub(crate) use self::owner::update_at::UpdateAt;
pub(crate) use self::query::Rows;
pub(crate) use self::replica::advance::{AdvanceAndUpdate, AdvanceAndUpsert};
pub(crate) use self::replica::backlog::{
    BacklogOfReplica, NextReplica, OnReplica, OneReplica, ReplicaValue,
};
pub(crate) use self::replica::bulk::{Counted, Keys, MergeAll, Removed, RowsOf};
pub(crate) use self::replica::dead_letters::{
    Arrivals, Discard, DiscardAll, DiscardRecord, FirstLetter, LetterValue, Letters, OfId,
    OfRecord, OnLetters, Page as LetterPage, Retried, TouchLetter,
};
#[cfg(feature = "consumer")]
pub(crate) use self::replica::dead_letters::{Between, KeepLetter};
pub(crate) use self::replica::inspect::{
    AnyLetters, AnyParkedRecords, CountLetters, CountParked, DiscardLetters,
};
pub(crate) use self::replica::position::{
    Advance, AdvanceLive, Drop, DropAll, Enter, EnterOrLock, FirstTombstones, FirstWaiting, Forget,
    Lock, LockAll, Look, LookLive, OnPosition, Park, Peek, PeekDeleted, Position, PositionValue,
    Refuse, Repark, Tombstones, Unpark, Upsert, UpsertLive, Waiting,
};
pub(crate) use self::replica::positions::{
    DeletedOf, EnterAll, LockEach, MoveAll, Moves, ParkedOf, Positions,
};
pub(crate) use self::replica::purge::{
    CountOldLetters, CountOldParked, CountOldTombstones, HoldLetter, HoldPosition, HoldTombstone,
    LockPurge, OldLetters, OldParked, OldTombstones, PurgeLetters, PurgeParked, PurgePosition,
    PurgeTombstones,
};
pub(crate) use self::replica::row::{
    Anything, Clear, Merge, NoNewer, Older, Overwrite, Remove, Replacing,
};
pub(crate) use self::requests::{
    AddItem, AdvanceRequest, AmendRequest, CancelRequest, Choice, Choose, ClaimRequest,
    CountOldRequests, CountPending, CountTables, DiscardEach, FirstDue, FirstOpen, HoldRequest,
    ItemPage, LastItem, LastRequest, LettersOf, LettersOfRequest, NewestLetter, NoteRequests,
    OldRequests, OnRequests, OpenEntities, OpenOfRecord, OpenRequests, PurgeItems, PurgeRequest,
    RequestPage, RequestValue, Requests, SettleEach, SettleItem, StoreRequest, TouchRequest,
};
pub(crate) use self::template::SqlTemplate;
pub(crate) use self::undo::Unwritten;
pub(crate) use self::version_guard::{Record, VersionGuard};
pub(crate) use self::view::{AttachedViews, Views};

/// `.. RETURNING "tickets"."id", ..`: a write that returns the row after it.
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
