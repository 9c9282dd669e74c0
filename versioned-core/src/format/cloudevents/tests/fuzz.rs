//! Fixtures with bytes that were changed.

use percent_encoding::percent_decode;
use serde_json::{Map, Value};

use super::super::CloudEvents;
use super::fixtures::messages;
use crate::format::Binding;
use crate::format::testing::{Draw, Sent, replica};

#[test]
fn a_changed_message_is_read_as_it_says_or_refused() {
    let mut draw = Draw(21);
    let messages = messages();
    let (mut read, mut refused) = (0, 0);
    for _ in 0..20_000 {
        let (_, mut sent) = messages[draw.below(messages.len())].clone();
        let headers = sent.headers.len();
        match draw.below(headers + 2) {
            place if place < headers => draw.mutate(&mut sent.headers[place].1),
            _ => draw.mutate(sent.body.get_or_insert_default()),
        }
        match sent.decode(&CloudEvents::new(), &replica(0)) {
            Ok(Some(decoded)) => {
                read += 1;
                assert_eq!(
                    says(&sent).as_deref(),
                    Some(decoded.version.to_string().as_str()),
                    "{sent:?}"
                );
            }
            Ok(None) => {}
            Err(_) => refused += 1,
        }
    }
    assert!(
        read > 1_000 && refused > 1_000,
        "{read} read, {refused} refused"
    );
}

/// Returns the version in a header or in the body, without zeros before it.
fn says(sent: &Sent) -> Option<String> {
    let names = ["ce-version", "ce_version"];
    let mut headers = sent.headers.iter();
    let header = headers.find(|(name, _)| names.contains(&name.as_str()));
    let version = match header {
        Some((_, value)) if sent.binding == Binding::Http => {
            percent_decode(value).decode_utf8().ok()?.into_owned()
        }
        Some((_, value)) => String::from_utf8(value.clone()).ok()?,
        None => {
            let body: Map<String, Value> = serde_json::from_slice(sent.body.as_ref()?).ok()?;
            let mut members = body.iter();
            match members
                .find(|(name, _)| name.eq_ignore_ascii_case("version"))?
                .1
            {
                Value::String(text) => text.clone(),
                other => other.to_string(),
            }
        }
    };
    let version = version.trim_matches('"').trim_start_matches('0');
    Some(if version.is_empty() { "0" } else { version }.to_owned())
}

#[test]
fn any_bytes_are_refused_without_a_panic() {
    let mut draw = Draw(22);
    for _ in 0..5_000 {
        let length = draw.below(60);
        let bytes = |draw: &mut Draw| -> Vec<u8> {
            (0..length)
                .map(|_| u8::try_from(draw.below(256)).unwrap())
                .collect()
        };
        let (_, mut sent) = messages()[draw.below(20)].clone();
        sent.body = Some(bytes(&mut draw));
        let headers = sent.headers.len();
        if headers > 0 {
            sent.headers[draw.below(headers)].1 = bytes(&mut draw);
        }
        drop(sent.decode(&CloudEvents::new(), &replica(0)));
    }
}
