//! The values that stand for one that PostgreSQL did not log.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use md5::{Digest as _, Md5};
use serde_json::Value;

use super::decimal::base64;
use super::forms::scaled;
use crate::hex;

/// The values with which Debezium replaces those that PostgreSQL did not log. Each one is the
/// placeholder in the type of the column.
#[derive(Debug, Clone)]
pub(in crate::format) struct Markers {
    texts: Vec<String>,
    bytes: Vec<u8>,
}

impl Markers {
    /// Creates the markers of a placeholder.
    pub(in crate::format) fn new(placeholder: &[u8]) -> Self {
        let mut texts = vec![
            STANDARD.encode(placeholder),
            URL_SAFE.encode(placeholder),
            hex::encode(placeholder),
            uuid(placeholder),
        ];
        texts.extend(std::str::from_utf8(placeholder).map(str::to_owned));
        texts.retain(|text| !text.is_empty());
        Self {
            texts,
            bytes: placeholder.to_vec(),
        }
    }

    /// Returns whether the whole value is a marker. Of a list of text, and of a map, each item is
    /// one.
    pub(in crate::format) fn contain(&self, value: &Value) -> bool {
        match value {
            Value::String(text) => self.texts.contains(text),
            Value::Array(items) => {
                !items.is_empty()
                    && items.len() == self.bytes.len()
                    && items
                        .iter()
                        .zip(&self.bytes)
                        .all(|(item, byte)| is_byte(item, *byte))
            }
            _ => false,
        }
    }
}

/// Returns whether an item of a list is this byte of the placeholder, in the type of the items.
fn is_byte(item: &Value, byte: u8) -> bool {
    let signed = i8::from_ne_bytes([byte]);
    match item {
        Value::Number(number) => number.as_f64() == Some(f64::from(signed)),
        Value::Bool(flag) => *flag == (byte != 0),
        Value::String(text) => text.len() == 4 && base64(text) == Some(vec![byte]),
        Value::Object(object) => scaled(object) == Some(signed.to_string()),
        _ => false,
    }
}

/// Returns the UUID of a name, as `UUID.nameUUIDFromBytes` of Java makes it.
fn uuid(name: &[u8]) -> String {
    let mut digest: [u8; 16] = Md5::digest(name).into();
    let [.., version, _, variant, _, _, _, _, _, _, _] = &mut digest;
    *version = (*version & 0x0f) | 0x30;
    *variant = (*variant & 0x3f) | 0x80;
    let mut text = hex::encode(&digest);
    for at in [20, 16, 12, 8] {
        text.insert(at, '-');
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_uuid_is_that_of_java() {
        let uuid = uuid(b"__debezium_unavailable_value");
        assert_eq!(uuid, "b68a35a7-17ad-35b3-af2a-ae46edb4545a");
    }

    #[test]
    fn a_list_has_the_bytes_in_its_own_type() {
        // As Java has them, bytes have a sign.
        let markers = Markers::new(&[5, 255]);
        for list in [
            json!([5, -1]),
            json!([5.0, -1.0]),
            json!([true, true]),
            json!(["BQ==", "/w=="]),
            json!([{"scale": 0, "value": "BQ=="}, {"scale": 0, "value": "/w=="}]),
        ] {
            assert!(markers.contain(&list), "{list}");
        }
        for list in [
            json!([5]),
            json!([5, -1, 0]),
            json!([5, 255]),
            json!([5.5, -1]),
            json!([true, false]),
            json!(["BQ==", "BQ=="]),
            json!([null, null]),
            json!([]),
        ] {
            assert!(!markers.contain(&list), "{list}");
        }
        assert!(!Markers::new(b"").contain(&json!([])));
    }
}
