//! A message as the columns of a dead letter hold it.

use crate::format::OwnedMessage;
use crate::hex;

/// Marks bytes that are no text, and are written in hexadecimal digits.
const HEX: &str = "hex:";
/// Marks what a message does not have.
const NONE: &str = "none:";

/// The columns.
#[derive(Debug)]
pub(crate) struct Encoded {
    pub(crate) subject: String,
    pub(crate) message_key: String,
    /// A line for each header: its name, a colon, a space, and its value.
    pub(crate) headers: String,
    pub(crate) body: String,
}

impl Encoded {
    #[cfg(feature = "consumer")]
    pub(crate) fn of(message: &OwnedMessage) -> Self {
        let headers = message.headers.iter();
        let headers = headers.map(|(name, value)| {
            let value = encode(value).replace('\\', "\\\\");
            format!("{name}: {}", value.replace('\n', "\\n"))
        });
        Self {
            subject: encode(message.subject.as_bytes()),
            message_key: encode_any(message.key.as_deref()),
            headers: headers.collect::<Vec<_>>().join("\n"),
            body: encode_any(message.body.as_deref()),
        }
    }

    pub(crate) fn message(self) -> OwnedMessage {
        let headers = self.headers.lines();
        let headers = headers.filter_map(|line| line.split_once(": "));
        let headers = headers
            .map(|(name, value)| (name.to_owned(), decode(unescaped(value))))
            .collect();
        let subject = decode(self.subject);
        OwnedMessage {
            subject: String::from_utf8_lossy(&subject).into_owned(),
            key: decode_any(self.message_key),
            headers,
            body: decode_any(self.body),
        }
    }
}

fn unescaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(char) = chars.next() {
        match char {
            '\\' if chars.as_str().starts_with('n') => {
                chars.next();
                out.push('\n');
            }
            '\\' => out.extend(chars.next()),
            char => out.push(char),
        }
    }
    out
}

#[cfg(feature = "consumer")]
fn encode_any(bytes: Option<&[u8]>) -> String {
    bytes.map_or_else(|| NONE.to_owned(), encode)
}

fn decode_any(text: String) -> Option<Vec<u8>> {
    (text != NONE).then(|| decode(text))
}

/// Returns bytes as text, which a column can hold.
#[cfg(feature = "consumer")]
fn encode(bytes: &[u8]) -> String {
    let is_marked = |text: &str| text.starts_with(HEX) || text == NONE;
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.contains('\0') && !is_marked(text) => text.to_owned(),
        _ => format!("{HEX}{}", hex::encode(bytes)),
    }
}

fn decode(text: String) -> Vec<u8> {
    let decoded = text.strip_prefix(HEX).and_then(hex::decode);
    decoded.unwrap_or_else(|| text.into_bytes())
}

#[cfg(all(test, feature = "consumer"))]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_kept_byte_by_byte() {
        let bodies = [
            Some(&b"{}"[..]),
            Some(b""),
            Some(b"hex:00"),
            Some(b"none:"),
            Some(&[0, 255, 16]),
            Some("\u{e9}\0".as_bytes()),
            None,
        ];
        for body in bodies {
            let value = body.unwrap_or(b"a\\n\nb: c\\").to_vec();
            let message = OwnedMessage {
                subject: "events.tickets.7".to_owned(),
                key: body.map(<[u8]>::to_vec),
                headers: vec![
                    ("Cause".to_owned(), value),
                    ("Empty".to_owned(), Vec::new()),
                ],
                body: body.map(<[u8]>::to_vec),
            };
            let encoded = Encoded::of(&message);
            let texts = [&encoded.body, &encoded.headers, &encoded.message_key];
            assert!(texts.iter().all(|text| !text.contains('\0')));
            assert_eq!(encoded.message(), message);
        }
    }

    #[test]
    fn a_message_of_text_can_be_read() {
        let message = OwnedMessage {
            headers: vec![
                ("Cause".to_owned(), b"a test".to_vec()),
                ("Cause".to_owned(), b"twice".to_vec()),
            ],
            body: Some(b"{ }".to_vec()),
            ..OwnedMessage::default()
        };
        let encoded = Encoded::of(&message);
        assert_eq!(encoded.headers, "Cause: a test\nCause: twice");
        assert_eq!(encoded.body, "{ }");
    }
}
