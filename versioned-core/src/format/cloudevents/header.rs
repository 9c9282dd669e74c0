//! Attributes as headers: their prefixes, and the text of their values.

use std::borrow::Cow;

use percent_encoding::{AsciiSet, CONTROLS, percent_decode, utf8_percent_encode};

use crate::format::Binding;

/// The bytes that a header of HTTP and NATS does not carry, besides those outside of ASCII.
const ENCODED: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'%');

/// The prefixes of attributes that are read, the preferred first.
pub(super) fn prefixes(binding: Binding) -> &'static [&'static str] {
    match binding {
        Binding::Nats | Binding::Http => &["ce-"],
        Binding::Kafka => &["ce_"],
        Binding::Amqp => &["cloudEvents_", "cloudEvents:", "ce-"],
    }
}

/// Returns the name of the attribute that a header carries, in lower case.
pub(super) fn attribute(header: &str, binding: Binding) -> Option<String> {
    let of = |prefix: &&str| {
        let (start, name) = header.split_at_checked(prefix.len())?;
        (start.eq_ignore_ascii_case(prefix) && !name.is_empty()).then(|| name.to_ascii_lowercase())
    };
    prefixes(binding).iter().find_map(of)
}

fn is_percent_encoded(binding: Binding) -> bool {
    matches!(binding, Binding::Nats | Binding::Http)
}

/// Returns the value of an attribute as a header.
pub(super) fn write(value: &str, binding: Binding) -> String {
    if is_percent_encoded(binding) {
        utf8_percent_encode(value, ENCODED).to_string()
    } else {
        value.to_owned()
    }
}

/// Returns the value of an attribute from a header, or `None` if it is not UTF-8. Escapes that are
/// broken stay as they are, because not all SDKs encode.
pub(super) fn read(value: &[u8], binding: Binding) -> Option<String> {
    if !is_percent_encoded(binding) {
        return std::str::from_utf8(value).ok().map(str::to_owned);
    }
    let value = unquoted(value);
    let text = percent_decode(&value).decode_utf8().ok()?;
    Some(text.into_owned())
}

/// Writers encode quotes, so quotes around a value are those of a quoted string of HTTP.
fn unquoted(value: &[u8]) -> Cow<'_, [u8]> {
    let inner = value
        .strip_prefix(b"\"")
        .and_then(|value| value.strip_suffix(b"\""));
    let Some(inner) = inner else {
        return Cow::Borrowed(value);
    };
    let mut text = Vec::with_capacity(inner.len());
    let mut bytes = inner.iter();
    while let Some(&byte) = bytes.next() {
        let escaped = if byte == b'\\' { bytes.next() } else { None };
        text.push(escaped.copied().unwrap_or(byte));
    }
    Cow::Owned(text)
}
