//! Versions that stand still, and deletions.

use super::course;
use crate::event::Op;
use crate::format::testing::{Sent, data, facts, replica};
use crate::format::{DeletionVersion, PlainJson};

/// The contents of duplicates are not compared, which is out of scope.
#[test]
fn t7_a_version_that_stands_still_is_the_same_version_twice() {
    let form = course().version("__v");
    let read = |body: &str| Sent::on("ticket:updated", body).read(&form);
    let first = read(r#"{"id":"6b","title":"a","__v":0}"#);
    let second = read(r#"{"id":"6b","title":"b","__v":0}"#);
    assert_eq!((first.version, second.version), (0, 0));
    assert_eq!(
        (&data(&first)["title"], &data(&second)["title"]),
        (&"a".into(), &"b".into())
    );
}

#[test]
fn t8_a_deletion_is_what_the_form_says() {
    let without = Sent::on("ticket:deleted", r#"{"id":"6b07","userId":"u1"}"#);
    let with = Sent::on("ticket:deleted", r#"{"id":"6b07","version":4}"#);
    let missing =
        "ticket:deleted has no version: say that ids are used once (`final`), or send one";
    assert_eq!(without.refusal(&course()), missing);
    assert_eq!(
        without.refusal(&course().deletions(DeletionVersion::Last)),
        missing
    );
    let forever = (Op::DeletedForever, i64::MAX, Some("6b07"));
    for sent in [&without, &with] {
        let form = course().deletions(DeletionVersion::Final);
        assert_eq!(facts(&sent.read(&form)), forever);
    }
    for (deletions, op) in [
        (DeletionVersion::Next, Op::Deleted),
        (DeletionVersion::Last, Op::DeletedAt),
    ] {
        let form = course().deletions(deletions);
        assert_eq!(facts(&with.read(&form)), (op, 4, Some("6b07")));
        assert!(with.read(&form).record.is_none());
    }
    let refuse = course().deletions(DeletionVersion::Refuse);
    assert_eq!(
        with.refusal(&refuse),
        "ticket:deleted is a deletion, and deletions are refused: say what their versions mean (`next`, `last` or `final`)"
    );
    // The name of an operation can say it too.
    let form = PlainJson::new().on("ticket:deleted", Op::DeletedForever);
    assert_eq!(facts(&without.read(&form)), forever);
    let form = PlainJson::new().on("ticket:deleted", Op::DeletedAt);
    assert_eq!(with.read(&form).op, Op::DeletedAt);
}

#[test]
fn a_deletion_names_its_record() {
    let form = course().deletions(DeletionVersion::Final);
    for body in ["{}", r#"{"id":null,"version":1}"#, r#"{"id":[7]}"#] {
        assert_eq!(
            Sent::on("ticket:deleted", body).refusal(&form),
            "ticket:deleted has no field `id` or `_id`"
        );
    }
    let both = crate::format::Replica {
        key: &["show", "seat"],
        ..replica(0)
    };
    let key = |body: &str| {
        let read = Sent::on("ticket:deleted", body).decode(&form, &both);
        read.unwrap().unwrap().key.unwrap()
    };
    assert_eq!(key(r#"{"show":3,"seat":"a,b"}"#), "3,a\\,b");
    assert_eq!(key(r#"{"id":"3,a"}"#), "3,a");
}
