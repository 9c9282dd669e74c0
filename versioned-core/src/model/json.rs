//! Events as JSON, with bounds of our own: what is missing then says so itself.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::JsonResult;
use crate::event::Event;

/// A model that can be written to an event: `Serialize`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be written to an event, add `#[derive(serde::Serialize)]` to it",
    label = "this asks for `serde::Serialize`"
)]
pub trait ToJson: Serialize {}

#[diagnostic::do_not_recommend]
impl<T: Serialize> ToJson for T {}

/// A model that can be read from an event: `Deserialize`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be read from an event, add `#[derive(serde::Deserialize)]` to it",
    label = "this asks for `serde::Deserialize`"
)]
pub trait FromJson: DeserializeOwned {}

#[diagnostic::do_not_recommend]
impl<T: DeserializeOwned> FromJson for T {}

/// The JSON of an event, for `outbox`.
///
/// # Errors
///
/// What serde says.
pub fn event_to_json<T: ToJson>(event: &Event<&T>) -> JsonResult<String> {
    serde_json::to_string(event)
}

/// The JSON of an event, for `gap = "park"`.
///
/// # Errors
///
/// What serde says.
pub fn parked_to_json<T: ToJson>(event: &Event<T>) -> JsonResult<String> {
    serde_json::to_string(event)
}

/// The event with this JSON.
///
/// # Errors
///
/// What serde says.
pub fn parked_from_json<T: FromJson>(text: &str) -> JsonResult<Event<T>> {
    serde_json::from_str(text)
}
