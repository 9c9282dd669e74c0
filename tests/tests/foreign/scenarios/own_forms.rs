//! Forms that are not of this crate.

use versioned_core::format::{Binding, Ours, PlainJson};
use versioned_core::{Error, Op, Outcome};

use super::cloud_events::{Latest, Park, Sequential, TABLE, row, rows};
use super::*;
use crate::own_forms::{BROKEN, Broken, Renamed, Split};

/// Events of two versions of the owner.
pub(crate) fn of_two_deployments() -> Vec<Sent> {
    let event = |version: i64, op: &str, data: &str| {
        let body = format!(
            r#"{{ "entity": "tickets", "key": "5", "version": {version}, "op": "{op}", "data": {data} }}"#
        );
        Sent::new(Binding::Nats, "events.tickets.5", &body)
    };
    vec![
        event(
            1,
            "created",
            r#"{ "id": 5, "name": "five at 20.5", "version": 1 }"#,
        ),
        event(
            2,
            "updated",
            r#"{ "id": 5, "name": "five", "price": 21, "version": 2 }"#,
        ),
        event(
            3,
            "updated",
            r#"{ "id": 5, "title": "five", "price": 22.5, "version": 3, "name": "not this" }"#,
        ),
    ]
}

fn an_old_payload_is_fitted_to_a_new_model<M: Replica + std::fmt::Debug>() {
    let (_db, mut conn) = database(TABLE);
    let sent = of_two_deployments();
    let form = Split(Renamed(Ours));
    let left = Left::default();
    let steps = [
        row(5, "five", 20.5, 1),
        row(5, "five", 21.0, 2),
        row(5, "five", 22.5, 3),
    ];
    for (number, expected) in (1..).zip(steps) {
        let sent = &sent[..number];
        in_each_order::<M, _>(
            sent,
            &form,
            "tickets",
            &mut conn,
            rows,
            (&left, &[expected]),
        );
    }
    assert_eq!(parked(&mut conn), 0);
    // Without it, the events do not fit.
    let refused = ["missing field `title`", "missing field `price`"].map(|reason| {
        let form: &dyn Decode = match reason {
            "missing field `title`" => &Ours,
            _ => &Renamed(Ours),
        };
        let refused = sent[0].read::<M>(form).unwrap_err();
        assert!(refused.reason().contains(reason), "{refused}");
        refused
            .record()
            .map(|(key, version)| (key.to_owned(), version))
    });
    let of_record = Some(("5".to_owned(), 1));
    assert_eq!(refused, [of_record.clone(), of_record]);
}

#[test]
fn upcaster_sequential() {
    an_old_payload_is_fitted_to_a_new_model::<Sequential>();
}

#[test]
fn upcaster_park() {
    an_old_payload_is_fitted_to_a_new_model::<Park>();
}

#[test]
fn upcaster_latest() {
    an_old_payload_is_fitted_to_a_new_model::<Latest>();
}

/// Nothing is written, and the reason says what is wrong.
#[test]
fn a_broken_form_is_an_error() {
    let (_db, mut conn) = database(TABLE);
    let conn = &mut conn;
    for (subject, reason) in BROKEN {
        let sent = Sent::new(Binding::Nats, subject, "");
        let error = match sent.read::<Sequential>(&Broken) {
            Err(refused) => refused.to_string(),
            Ok(event) => {
                let event = event.unwrap();
                let batch = Sequential::apply_all(std::slice::from_ref(&event), conn).unwrap_err();
                let error = Sequential::apply(&event, conn).unwrap_err();
                assert!(matches!(error, Error::Event(_)), "{subject}: {error:?}");
                assert_eq!(batch.to_string(), error.to_string());
                error.to_string()
            }
        };
        assert_eq!(error, reason, "{subject}");
        assert_eq!(rows(conn), [], "{subject}");
    }
    let refused = Sent::new(Binding::Nats, "broken.refusal", "");
    let refused = refused.read::<Sequential>(&Broken).unwrap_err();
    assert_eq!(refused.record(), Some(("7", 2)));
    let skipped = Sent::new(Binding::Nats, "broken.nothing", "");
    assert!(skipped.read::<Sequential>(&Broken).unwrap().is_none());
}

/// The version of the message decides, and not that of its record.
#[test]
fn a_record_is_stored_at_the_version_of_its_message() {
    let (_db, mut conn) = database(TABLE);
    let form = PlainJson::new()
        .on("snapshot", Op::Snapshot)
        .on("updated", Op::Updated)
        .version("__v");
    let body = |v: i64| {
        format!(r#"{{ "id": "7", "title": "seven", "price": "7", "version": 9, "__v": {v} }}"#)
    };
    for (subject, version, outcome) in [
        ("snapshot", 3, Outcome::Applied),
        ("updated", 4, Outcome::Applied),
        (
            "updated",
            6,
            Outcome::Gap {
                current: 4,
                received: 6,
            },
        ),
        ("updated", 4, Outcome::Duplicate { current: 4 }),
    ] {
        let sent = Sent::new(Binding::Nats, subject, &body(version));
        let event = sent.read::<Sequential>(&form).unwrap().unwrap();
        assert_eq!(Sequential::apply(&event, &mut conn).unwrap(), outcome);
        let stored = version.min(4);
        assert_eq!(rows(&mut conn), [row(7, "seven", 7.0, stored)]);
    }
}
