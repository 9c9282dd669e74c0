//! Events as JSON. The bounds are traits of this crate, so that their diagnostics name the missing
//! derive.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{JsonResult, finite};
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

/// Why the JSON of an event could not be built.
#[derive(Debug)]
pub enum NotSent {
    /// This field is NaN or infinite.
    NotFinite(String),
    /// Returns the error of `serde_json`.
    Json(serde_json::Error),
}

impl serde::ser::Error for NotSent {
    fn custom<T: std::fmt::Display>(message: T) -> Self {
        Self::Json(serde::ser::Error::custom(message))
    }
}

impl std::fmt::Display for NotSent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NotFinite(field) => write!(f, "{field} is not finite"),
            Self::Json(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for NotSent {}

/// The JSON of an event.
pub type EventJson = Result<String, NotSent>;

/// The JSON of an event, for `outbox`.
///
/// # Errors
///
/// Returns `NotSent::NotFinite` for a field that is NaN or infinite, which `serde_json` would write
/// as `null`, and `NotSent::Json` if the model cannot be serialized.
pub fn event_to_json<T: ToJson>(event: &Event<&T>) -> EventJson {
    let text = serde_json::to_string(event).map_err(NotSent::Json)?;
    if text.contains("null") {
        finite::check(&event.data)?;
    }
    Ok(text)
}

/// The JSON of an event, for `gap = "park"`.
///
/// # Errors
///
/// Returns the error of `serde_json`.
pub fn parked_to_json<T: ToJson>(event: &Event<T>) -> JsonResult<String> {
    serde_json::to_string(event)
}

/// Parses the JSON of a parked event.
///
/// # Errors
///
/// Returns the error of `serde_json`.
pub fn parked_from_json<T: FromJson>(text: &str) -> JsonResult<Event<T>> {
    match serde_json::from_str(text) {
        // A message of another form may be read leniently, and so is the event that was made of it.
        #[cfg(feature = "formats")]
        Err(error) => crate::format::record::read_event(text).map_err(|_| error),
        read => read,
    }
}
