//! One body for each operation, written once over [`Executor`]: it decides, the fronts only execute.

mod announce;
mod apply;
mod apply_all;
mod batch;
mod closure;
mod create;
mod delete;
mod find;
mod follow;
mod incoming;
mod insert;
mod outcome;
mod parked;
mod positions;
mod reason;
pub(crate) mod relay;
mod revise;
mod row;
mod save;
mod settle;
mod snapshot;
mod step;
mod tombstone;
mod touch;
mod tracked;
mod update_with;
mod verify;
mod written;

pub(crate) use self::apply::{apply, apply_json};
pub(crate) use self::apply_all::apply_all;
pub(crate) use self::batch::{Deleting, Saving, insert_all, save_each, write_all};
pub(crate) use self::closure::{AfterApply, Modify, NoHook};
pub(crate) use self::create::create;
pub(crate) use self::delete::{delete, delete_at};
pub(crate) use self::find::{find, find_before, reload};
pub(crate) use self::insert::{import, insert};
pub(crate) use self::positions::{purge_tombstones, rebuild};
pub(crate) use self::revise::update_at;
pub(crate) use self::save::save;
pub(crate) use self::snapshot::snapshot;
pub(crate) use self::touch::{touch, touch_at};
pub(crate) use self::tracked::{
    delete_tracked, rebase, reload_tracked, save_changes, touch_tracked, verify_tracked,
};
pub(crate) use self::update_with::update_with;
pub(crate) use self::verify::verify;
