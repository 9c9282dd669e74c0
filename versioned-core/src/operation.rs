//! One body for each operation, generic over [`Executor`]. An operation decides; the fronts only
//! execute.

pub(crate) mod batch;
pub(crate) mod closure;
pub(crate) mod conditions;
pub(crate) mod missing;
pub(crate) mod outbox;
pub(crate) mod owner;
pub(crate) mod reason;
pub(crate) mod replica;
pub(crate) mod requests;
pub(crate) mod row_count;
pub(crate) mod transaction;
pub(crate) mod zero_key;

pub(crate) use self::batch::{
    Deleting, Saving, create_all, insert_all, save_all_changes, save_each, upsert_all, write_all,
};
pub(crate) use self::closure::{AfterApply, Modify, NoHook};
pub(crate) use self::owner::answer::{answer, resend_each};
pub(crate) use self::owner::create::create;
pub(crate) use self::owner::delete::{delete, delete_at};
pub(crate) use self::owner::find::{find, find_before, reload};
pub(crate) use self::owner::insert::{import, insert};
pub(crate) use self::owner::resend::{resend, resend_page};
pub(crate) use self::owner::save::save;
pub(crate) use self::owner::snapshot::snapshot;
pub(crate) use self::owner::touch::{touch, touch_at};
pub(crate) use self::owner::tracked::{
    delete_tracked, rebase, reload_tracked, save_changes, touch_tracked, verify_tracked,
};
pub(crate) use self::owner::update_at::update_at;
pub(crate) use self::owner::update_with::update_with;
pub(crate) use self::owner::upsert::upsert;
pub(crate) use self::owner::verify::verify;
pub(crate) use self::replica::apply::{apply, apply_json};
pub(crate) use self::replica::apply_all::apply_all;
pub(crate) use self::replica::arrival::arrival;
pub(crate) use self::replica::compare::{Ask, compare};
pub(crate) use self::replica::forget::forget;
pub(crate) use self::replica::positions::rebuild;
pub(crate) use self::replica::purge::{Purging, keep_purging, old, purge, purge_of};
pub(crate) use self::replica::waiting::waiting;
