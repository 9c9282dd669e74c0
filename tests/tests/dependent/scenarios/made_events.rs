//! Events by their constructors, as the tests of an application make them.

use super::*;

fn an_event_of_a_model_is_applied<M: Replica>() {
    let (_db, mut conn) = replica();
    let created = Event::created(M::new(7, 20, 1));
    assert_eq!(
        (created.entity.as_ref(), created.key.as_str(), created.op),
        ("tickets", "7", Op::Created)
    );
    assert_eq!(created.version, 1);
    assert!(created.at.ends_with('Z') && created.trace.is_none() && created.metadata.is_none());
    let updated = Event::updated(M::new(7, 25, 2));
    assert_eq!((updated.op, updated.version), (Op::Updated, 2));
    apply_each(&mut conn, &[created, updated]);
    assert_eq!(row(&mut conn), at(25, 2));

    let snapshot = Event::snapshot(M::new(7, 30, 5));
    assert_eq!((snapshot.op, snapshot.version), (Op::Snapshot, 5));
    apply_each(&mut conn, &[snapshot]);
    assert_eq!(row(&mut conn), at(30, 5));
    let again = M::apply(&Event::updated(M::new(7, 25, 2)), &mut conn).unwrap();
    assert_eq!(again, Outcome::Duplicate { current: 5 });
}
for_each_replica!(an_event_of_a_model_is_applied);

fn a_deletion_is_applied<M: Replica>() {
    let (_db, mut conn) = replica();
    let ticket = M::new(7, 20, 1);
    let id = ticket.id();
    let deleted = Event::<M>::deleted(&id, 2);
    assert_eq!(
        (deleted.id().as_str(), deleted.op),
        ("tickets/7/2", Op::Deleted)
    );
    assert!(deleted.data.is_none());
    apply_each(&mut conn, &[Event::created(ticket), deleted]);
    assert_eq!(row(&mut conn), None);
    // A snapshot without data is that of a record that was deleted.
    let gone = Event::<M>::new(Op::Snapshot, "tickets", "8", 4, None);
    apply_each(&mut conn, &[gone]);
    let late = M::apply(&Event::updated(M::new(8, 20, 3)), &mut conn).unwrap();
    assert_eq!(late, Outcome::Duplicate { current: 4 });
}
for_each_replica!(a_deletion_is_applied remembers deletions);

/// What the model does not fill in right is for the caller to break.
fn an_event_of_any_facts_is_made_and_rejected<M: Replica>() {
    let (_db, mut conn) = replica();
    let others = Event::new(Op::Created, "orders", "7", 1, Some(M::new(7, 20, 1)));
    assert!(matches!(
        M::apply(&others, &mut conn),
        Err(Error::Event(versioned_core::EventError::Entity { .. }))
    ));
    let other_key = Event::new(Op::Created, "tickets", "8", 1, Some(M::new(7, 20, 1)));
    assert!(matches!(
        M::apply(&other_key, &mut conn),
        Err(Error::Event(versioned_core::EventError::Key { .. }))
    ));
    assert_eq!(row(&mut conn), None);
}
for_each_replica!(an_event_of_any_facts_is_made_and_rejected);
