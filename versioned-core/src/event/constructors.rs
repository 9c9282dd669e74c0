//! Events for tests, and for the caller's own publishers.

use std::borrow::Cow;

use super::{Event, Op, now};

impl<T> Event<T> {
    /// Returns an event with these facts. Its time is the current time, and it has no trace and no
    /// metadata; all fields are public.
    ///
    /// ```
    /// use serde_json::json;
    /// use versioned_core::{Event, Op};
    ///
    /// let data = json!({ "id": 7, "price": 25, "version": 2 });
    /// let event = Event::new(Op::Updated, "tickets", "7", 2, Some(data));
    /// assert_eq!(event.id(), "tickets/7/2");
    /// let json = serde_json::to_value(&event)?;
    /// assert_eq!(json["op"], "updated");
    /// assert_eq!(json["data"]["price"], 25);
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    pub fn new(
        op: Op,
        entity: impl Into<Cow<'static, str>>,
        key: impl Into<String>,
        version: i64,
        data: Option<T>,
    ) -> Self {
        Self {
            entity: entity.into(),
            key: key.into(),
            version,
            op,
            at: now(),
            data,
            trace: None,
            metadata: None,
        }
    }
}
