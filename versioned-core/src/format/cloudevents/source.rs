//! The source of CloudEvents, which SDKs parse as a URI.

use std::fmt::Write as _;

/// Returns `text` as a URI-reference: what a URI cannot hold is percent-encoded.
pub(super) fn uri_reference(text: &str) -> String {
    let authority = authority(text);
    let bytes = text.as_bytes();
    let mut uri = String::with_capacity(text.len());
    if begins_like_a_bad_scheme(text) {
        // RFC 3986, 4.2: a colon in the first segment of a path would end a scheme.
        uri.push_str("./");
    }
    let mut has_fragment = false;
    for (place, &byte) in bytes.iter().enumerate() {
        let is_plain = match byte {
            b'%' => is_escape(bytes.get(place + 1..place + 3)),
            b'#' => !std::mem::replace(&mut has_fragment, true),
            b'[' | b']' => authority.contains(&place),
            other => other.is_ascii_alphanumeric() || b"-._~:/?@!$&'()*+,;=".contains(&other),
        };
        if is_plain {
            uri.push(char::from(byte));
        } else {
            // Writing to a string does not fail.
            write!(uri, "%{byte:02X}").ok();
        }
    }
    uri
}

fn is_escape(digits: Option<&[u8]>) -> bool {
    digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
}

/// The places of the authority, which is the only part that may have brackets: `http://[::1]/`.
fn authority(text: &str) -> std::ops::Range<usize> {
    let Some(start) = text.find("//").map(|start| start + 2) else {
        return 0..0;
    };
    let before = text.get(..start - 2).unwrap_or_default();
    let is_scheme = before.strip_suffix(':').is_some_and(is_scheme);
    if !before.is_empty() && !is_scheme {
        return 0..0;
    }
    let rest = text.get(start..).unwrap_or_default();
    let length = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    start..start + length
}

fn begins_like_a_bad_scheme(text: &str) -> bool {
    let segment = text.split(['/', '?', '#']).next().unwrap_or_default();
    let scheme = segment.split_once(':');
    scheme.is_some_and(|(scheme, _)| !is_scheme(scheme))
}

fn is_scheme(text: &str) -> bool {
    let all = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.');
    text.starts_with(|c: char| c.is_ascii_alphabetic()) && text.chars().all(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uri_stays_as_it_is_and_all_other_text_becomes_one() {
        for uri in [
            "/tickets-service",
            "https://example.com/a?b=c#d",
            "urn:uuid:6e8bc430",
            "http://[::1]:80/x",
            "/caf%C3%A9",
            "//host/path:1",
        ] {
            assert_eq!(uri_reference(uri), uri);
        }
        for (text, uri) in [
            ("/my service", "/my%20service"),
            ("/café", "/caf%C3%A9"),
            ("/100%", "/100%25"),
            ("/a[0]", "/a%5B0%5D"),
            ("/a#b#c", "/a#b%23c"),
            ("1:2", "./1:2"),
            ("/a\"<b>\n", "/a%22%3Cb%3E%0A"),
        ] {
            assert_eq!(uri_reference(text), uri);
        }
    }
}
