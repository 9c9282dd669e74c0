//! Fixtures with bytes that were changed.

use serde_json::{Map, Value};

use super::course;
use super::fixtures::{form, messages};
use crate::event::Op;
use crate::format::DeletionVersion;
use crate::format::testing::{Draw, Sent, replica};

#[test]
fn a_changed_message_is_read_as_it_says_or_refused() {
    let mut draw = Draw(23);
    let messages = messages();
    let (mut read, mut refused) = (0, 0);
    for _ in 0..20_000 {
        let mut sent = messages[draw.below(messages.len())].clone();
        draw.mutate(sent.body.as_mut().unwrap());
        match sent.decode(&form(), &replica(0)) {
            Ok(Some(decoded)) => {
                read += 1;
                let body: Map<String, Value> =
                    serde_json::from_slice(sent.body.as_ref().unwrap()).unwrap();
                let said = match &body["version"] {
                    Value::String(text) => text.trim_start_matches('0').to_owned(),
                    Value::Number(number) => {
                        let text = number.to_string();
                        text.strip_suffix(".0").unwrap_or(&text).to_owned()
                    }
                    other => panic!("{other} was read as {}", decoded.version),
                };
                assert_eq!(said, decoded.version.to_string());
            }
            Ok(None) => panic!("the subject did not change"),
            Err(_) => refused += 1,
        }
    }
    assert!(
        read > 1_000 && refused > 1_000,
        "{read} read, {refused} refused"
    );
}

#[test]
fn any_bytes_are_refused_without_a_panic() {
    let forms = [
        course(),
        course().base64(),
        course().nest(),
        course().record_at("/a/0").version("/b"),
        course()
            .deletions(DeletionVersion::Final)
            .on("x", Op::DeletedAt),
    ];
    let mut draw = Draw(24);
    for _ in 0..5_000 {
        let mut body = br#"{"a":[{"id":1}],"b":2,"pattern":"ticket:updated","data":"{}"}"#.to_vec();
        draw.mutate(&mut body);
        let subject = ["ticket:created", "ticket:deleted", "x"][draw.below(3)];
        let sent = Sent {
            body: Some(body),
            ..Sent::on(subject, "")
        };
        drop(sent.decode(&forms[draw.below(forms.len())], &replica(0)));
    }
}
