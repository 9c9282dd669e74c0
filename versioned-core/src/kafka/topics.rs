//! The names of topics.

/// The longest name of a topic.
const LONGEST: usize = 249;

/// Returns `{prefix}.{entity}`, the topic of an entity's events, or the entity alone if the prefix is
/// empty.
///
/// ```
/// use versioned_core::kafka::topic;
///
/// assert_eq!(topic("events", "tickets"), "events.tickets");
/// assert_eq!(topic("", "tickets"), "tickets");
/// ```
pub fn topic(prefix: &str, entity: &str) -> String {
    if prefix.is_empty() {
        entity.to_owned()
    } else {
        format!("{prefix}.{entity}")
    }
}

/// Returns whether Kafka allows the name.
pub(super) fn is_legal(topic: &str) -> bool {
    let is_legal = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    (1..=LONGEST).contains(&topic.len())
        && !matches!(topic, "." | "..")
        && topic.bytes().all(is_legal)
}
