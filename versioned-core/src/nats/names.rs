//! Subjects and message ids.

use crate::escape::{escaped, token};
use crate::outbox::OutboxRow;

/// Returns `{prefix}.{entity}.{key}`, the subject of a record's events.
///
/// In the entity and the key, every byte other than a letter, a digit, `-` or `_` is escaped as `%`
/// and two hexadecimal digits, so that each is always one token. An empty entity or key becomes a
/// single `%`. The subject `{prefix}.{entity}.*` matches all events of an entity.
///
/// ```
/// use versioned_core::nats::subject;
///
/// assert_eq!(subject("events", "tickets", "42"), "events.tickets.42");
/// assert_eq!(subject("events", "app.tickets", "a b.*"), "events.app%2Etickets.a%20b%2E%2A");
/// assert_eq!(subject("events", "tickets", ""), "events.tickets.%");
/// ```
pub fn subject(prefix: &str, entity: &str, key: &str) -> String {
    format!("{prefix}.{}.{}", token(entity), token(key))
}

/// The message's id in a form that a header can carry. Bytes that are not printable ASCII are
/// escaped, and so are `%`, and `/` in the entity. No two events share an id, and each announcement
/// of a snapshot has its own.
pub(super) fn message_id(row: &OutboxRow) -> String {
    let printable = |byte: u8| byte.is_ascii_graphic() && byte != b'%';
    let entity = escaped(&row.entity, |byte| printable(byte) && byte != b'/');
    let mut id = format!("{entity}/{}/{}", escaped(&row.key, printable), row.version);
    row.push_announcement(&mut id);
    id
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    const KEYS: [&str; 14] = [
        "", "%", "7", ".", " ", "*", ">", "a.b", "a b", "a%20b", "ä", "a\r\nb", "a,b", "/",
    ];

    #[test]
    fn a_subject_has_three_tokens_whatever_the_key_is_and_no_two_keys_share_one() {
        let subjects: HashSet<String> = KEYS.iter().map(|key| subject("e", "t", key)).collect();
        assert_eq!(subjects.len(), KEYS.len());
        for subject in subjects {
            let tokens: Vec<&str> = subject.split('.').collect();
            assert_eq!(tokens.len(), 3, "{subject}");
            assert!(tokens.iter().all(|token| !token.is_empty()), "{subject}");
            assert!(
                !subject.contains(|c: char| c.is_whitespace() || c == '*' || c == '>'),
                "{subject}"
            );
        }
    }

    #[test]
    fn message_ids_are_event_ids_and_differ_as_they_do() {
        let row = |entity: &str, key: &str| OutboxRow {
            id: 1,
            entity: entity.to_owned(),
            key: key.to_owned(),
            version: 7,
            op: "updated".to_owned(),
            payload: String::new(),
            attempts: 0,
        };
        assert_eq!(message_id(&row("tickets", "42")), "tickets/42/7");
        assert_eq!(
            message_id(&row("tickets", "42")),
            row("tickets", "42").event_id()
        );
        let mut ids: HashSet<String> = KEYS.iter().map(|key| message_id(&row("t", key))).collect();
        let snapshot = OutboxRow {
            op: "snapshot".to_owned(),
            ..row("t", "7")
        };
        assert_eq!(message_id(&snapshot), "t/7/7#1");
        ids.insert(message_id(&snapshot));
        ids.insert(message_id(&row("t", "7/7#1")));
        ids.insert(message_id(&row("a/b", "c")));
        ids.insert(message_id(&row("a", "b/c")));
        assert_eq!(ids.len(), KEYS.len() + 4);
        assert!(
            ids.iter()
                .all(|id| id.bytes().all(|byte| byte.is_ascii_graphic()))
        );
    }
}
