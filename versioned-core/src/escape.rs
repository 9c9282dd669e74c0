//! Keys as parts of subjects and routing keys.

use std::fmt::Write as _;

/// Returns `text` as one token between dots: every byte other than a letter, a digit, `-` or `_` is
/// escaped. An empty text becomes a single `%`.
pub(crate) fn token(text: &str) -> String {
    if text.is_empty() {
        return "%".to_owned();
    }
    escaped(text, |byte| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
    })
}

/// Returns `text` with every byte that is not `plain` as `%` and two hexadecimal digits.
pub(crate) fn escaped(text: &str, plain: impl Fn(u8) -> bool) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        if plain(byte) {
            escaped.push(char::from(byte));
        } else {
            // Writing to a string does not fail.
            write!(escaped, "%{byte:02X}").ok();
        }
    }
    escaped
}
