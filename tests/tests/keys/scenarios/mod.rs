//! Each scenario asserts the variant, its facts, the model in memory and the row afterwards.

#[path = "../../values/common.rs"]
mod common;
mod kept;
mod keys;
mod parts;

#[allow(unused_imports, reason = "not every scenario needs all of them")]
use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use versioned_core::{ConflictKind, Error, Event, EventError, Op, Outcome};

use self::common::{event, fresh, on, told};
use super::backend::prelude::*;
use super::backend::{Conn, Db, NAME};
