//! Owners that remember deletions, replicas that join late, rebuilds, a restore from a backup.

use std::time::Duration;

use diesel::connection::SimpleConnection;
use versioned_core::positions;

use super::*;

diesel::table! {
    tickets {
        id -> BigInt,
        price -> BigInt,
        version -> BigInt,
    }
}

const TICKETS: &str =
    "CREATE TABLE tickets (id BIGINT PRIMARY KEY, price BIGINT NOT NULL, version BIGINT NOT NULL)";

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Serialize, Versioned)]
#[diesel(table_name = tickets)]
#[versioned(owner, tombstones)]
struct Ticket {
    id: i64,
    price: i64,
    version: i64,
}

fn owner() -> (Db, Conn) {
    let db = Db::fresh(TICKETS);
    let mut conn = db.connect();
    migrate(&mut conn);
    (db, conn)
}

/// What the replica would read of the owner's event.
fn sent<M: Replica + serde::de::DeserializeOwned>(event: &impl Serialize) -> Event<M> {
    serde_json::from_str(&serde_json::to_string(event).unwrap()).unwrap()
}

#[test]
fn a_record_that_is_made_again_goes_on_from_the_deleted_version() {
    let (_db, mut conn) = owner();
    let mut ticket = Ticket {
        id: 7,
        price: 20,
        version: 0,
    };
    assert_eq!(ticket.insert(&mut conn).unwrap().version(), 1);
    ticket.save(&mut conn).unwrap();
    assert_eq!(ticket.delete(&mut conn).unwrap().version(), 3);
    assert_eq!(ticket.insert(&mut conn).unwrap().version(), 4);
    assert_eq!(ticket.save(&mut conn).unwrap().version(), 5);
    assert_eq!(Ticket::at(7, 5).delete(&mut conn).unwrap(), 6);
    let mut again = Ticket {
        id: 7,
        price: 1,
        version: 0,
    };
    assert_eq!(again.insert(&mut conn).unwrap().version(), 7);
    assert_eq!(Ticket::find(&7, &mut conn).unwrap(), again);
    // A key that is taken is refused as ever, and leaves everything as it was.
    let mut taken = Ticket {
        id: 7,
        price: 2,
        version: 0,
    };
    assert!(matches!(taken.insert(&mut conn), Err(Error::Database(_))));
    assert_eq!(taken.version, 0);
    again.save(&mut conn).unwrap();
}

/// Also where they are many, and are written at once otherwise.
#[test]
fn records_that_are_made_again_by_a_batch_go_on_from_the_deleted_versions() {
    let (_db, mut conn) = owner();
    let mut tickets: Vec<_> = (1..=60)
        .map(|id| Ticket {
            id,
            price: 20,
            version: 0,
        })
        .collect();
    Ticket::insert_all(&mut tickets, &mut conn).unwrap();
    Ticket::save_all(&mut tickets, &mut conn).unwrap();
    Ticket::delete_all(&mut tickets, &mut conn).unwrap();
    assert!(tickets.iter().all(|ticket| ticket.version == 3));
    Ticket::insert_all(&mut tickets, &mut conn).unwrap();
    assert!(tickets.iter().all(|ticket| ticket.version == 4));
    let rows: Vec<Ticket> = tickets::table.order(tickets::id).load(&mut conn).unwrap();
    assert_eq!(rows, tickets);
}

/// An older row that comes back by an import, and is deleted, takes nothing back of what is remembered.
#[test]
fn a_deletion_at_an_older_version_leaves_the_newer_one() {
    let (_db, mut conn) = owner();
    let mut ticket = Ticket {
        id: 7,
        price: 20,
        version: 9,
    };
    ticket.import(&mut conn).unwrap();
    assert_eq!(ticket.delete(&mut conn).unwrap().version(), 10);
    ticket.version = 8;
    ticket.import(&mut conn).unwrap();
    assert_eq!(ticket.delete(&mut conn).unwrap().version(), 9);
    assert_eq!(ticket.insert(&mut conn).unwrap().version(), 11);
}

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Serialize, Versioned)]
#[diesel(table_name = tickets)]
#[versioned(owner, tombstones, initial = 0)]
struct FromZero {
    id: i64,
    price: i64,
    version: i64,
}

#[test]
fn versions_from_zero_on_are_remembered_too() {
    let (_db, mut conn) = owner();
    let mut ticket = FromZero {
        id: 7,
        price: 20,
        version: 9,
    };
    assert_eq!(ticket.insert(&mut conn).unwrap().version(), 0);
    assert_eq!(ticket.delete(&mut conn).unwrap().version(), 1);
    assert_eq!(ticket.insert(&mut conn).unwrap().version(), 2);
    assert_eq!(ticket.delete(&mut conn).unwrap().version(), 3);
    assert_eq!(ticket.insert(&mut conn).unwrap().version(), 4);
}

#[test]
fn a_stale_delete_leaves_no_tombstone() {
    let (_db, mut conn) = owner();
    let mut ticket = Ticket {
        id: 7,
        price: 20,
        version: 0,
    };
    ticket.insert(&mut conn).unwrap();
    ticket.version = 9;
    assert!(ticket.delete(&mut conn).unwrap_err().is_conflict());
    assert_eq!(
        positions::purge_tombstones::<Ticket, _>(Duration::ZERO, &mut conn).unwrap(),
        0
    );
    let rolled_back = transaction(&mut conn, &mut ticket, |conn, ticket| {
        ticket.reload(conn)?;
        ticket.delete(conn)?;
        Err::<(), _>(Error::other("no"))
    });
    assert!(rolled_back.is_err());
    assert_eq!(
        positions::purge_tombstones::<Ticket, _>(Duration::ZERO, &mut conn).unwrap(),
        0
    );
}

/// The lock on the position keeps two that make and delete the same record from giving one version twice.
#[test]
fn records_that_are_made_and_deleted_at_once_never_repeat_a_version() {
    const WORKERS: i64 = 4;
    const EACH: i64 = 15;
    let (db, mut conn) = owner();
    let mut versions: Vec<i64> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..WORKERS)
            .map(|_| {
                let mut conn = db.connect();
                scope.spawn(move || {
                    let mut given = Vec::new();
                    for _ in 0..EACH {
                        let mut ticket = Ticket {
                            id: 7,
                            price: 0,
                            version: 0,
                        };
                        // Another worker may have the record just now.
                        while let Err(error) = ticket.insert(&mut conn) {
                            assert!(
                                matches!(error, Error::Database(_) | Error::Conflict(_)),
                                "{error:?}"
                            );
                            std::thread::yield_now();
                        }
                        given.push(ticket.version);
                        ticket.delete(&mut conn).unwrap();
                        given.push(ticket.version);
                    }
                    given
                })
            })
            .collect();
        workers
            .into_iter()
            .flat_map(|worker| worker.join().unwrap())
            .collect()
    });
    versions.sort_unstable();
    assert_eq!(
        versions,
        (1..=2 * WORKERS * EACH).collect::<Vec<_>>(),
        "each once, and none is left out"
    );
    assert_eq!(
        tickets::table.count().get_result::<i64>(&mut conn).unwrap(),
        0
    );
}

/// All pages, of a size that does not fit.
fn pages(conn: &mut Conn) -> Vec<Event<Ticket>> {
    let mut all: Vec<Event<Ticket>> = Vec::new();
    loop {
        let page = Ticket::snapshot(all.last(), 7, conn).unwrap();
        assert!(page.len() <= 7);
        if page.is_empty() {
            return all;
        }
        all.extend(page);
    }
}

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Serialize, Versioned)]
#[diesel(table_name = tickets)]
#[versioned(owner)]
struct Forgetful {
    id: i64,
    price: i64,
    version: i64,
}

/// What is remembered under its name was remembered by another: a replica in the same database, or itself before.
#[test]
fn an_owner_that_remembers_no_deletions_tells_of_none() {
    let (_db, mut conn) = owner();
    let mut ticket = Ticket {
        id: 7,
        price: 20,
        version: 0,
    };
    ticket.insert(&mut conn).unwrap();
    ticket.delete(&mut conn).unwrap();
    Ticket { id: 8, ..ticket }.insert(&mut conn).unwrap();
    let told = Ticket::snapshot(None, 10, &mut conn).unwrap();
    assert_eq!(
        told.iter().map(Event::id).collect::<Vec<_>>(),
        ["tickets/8/1", "tickets/7/2"]
    );
    let told = Forgetful::snapshot(None, 10, &mut conn).unwrap();
    assert_eq!(
        told.iter().map(Event::id).collect::<Vec<_>>(),
        ["tickets/8/1"]
    );
}

fn compare(owner: &mut Conn, replica: &mut Conn) {
    let theirs: Vec<(i64, i64, i64)> = tickets::table.order(tickets::id).load(owner).unwrap();
    let ours: Vec<(i64, i64, i64)> = copies::table
        .select((copies::id, copies::price, copies::version))
        .order(copies::id)
        .load(replica)
        .unwrap();
    assert_eq!(ours, theirs);
}

/// A replica that joins late hears of some records the deletion only, of others an update in the middle; the snapshot
/// fills in the rest, deletions included, whatever it meets.
fn a_replica_that_joins_late<M: Replica + serde::de::DeserializeOwned>() {
    let (_owner_db, mut owner) = owner();
    let (_db, mut replica) = replica();
    let mut late: Vec<Event<M>> = Vec::new();
    for id in 1..=30 {
        let mut ticket = Ticket {
            id,
            price: 0,
            version: 0,
        };
        ticket.insert(&mut owner).unwrap();
        ticket.price = id * 10;
        late.push(sent(&ticket.save(&mut owner).unwrap()));
        if id % 3 == 0 {
            late.push(sent(&ticket.delete(&mut owner).unwrap()));
        }
    }
    let snapshot: Vec<Event<M>> = pages(&mut owner).iter().map(sent).collect();
    assert_eq!(snapshot.len(), 30, "live and deleted");
    assert!(snapshot.iter().all(|event| event.op == Op::Snapshot));
    // Half of the live events come before the snapshot, all of them after it.
    for event in late.iter().step_by(2) {
        assert!(M::apply(event, &mut replica).is_ok());
    }
    for event in &snapshot {
        assert!(M::apply(event, &mut replica).unwrap().should_ack());
    }
    compare(&mut owner, &mut replica);
    for event in &late {
        assert!(matches!(
            M::apply(event, &mut replica).unwrap(),
            Outcome::Duplicate { .. }
        ));
    }
    compare(&mut owner, &mut replica);
    // And it goes on from there.
    let next = Ticket::update_with(&1, &mut owner, |ticket| {
        ticket.price = 11;
        Ok(())
    })
    .unwrap();
    assert_eq!(
        M::apply(&event(Op::Updated, 1, next.version, 11), &mut replica).unwrap(),
        Outcome::Applied
    );
    compare(&mut owner, &mut replica);

    // Rebuilt from nothing.
    positions::rebuild::<M, _>(&mut replica).unwrap();
    assert_eq!(
        copies::table
            .count()
            .get_result::<i64>(&mut replica)
            .unwrap(),
        0
    );
    let snapshot: Vec<Event<M>> = pages(&mut owner).iter().map(sent).collect();
    assert!(
        M::apply_all(&snapshot, &mut replica)
            .unwrap()
            .iter()
            .all(|outcome| *outcome == Outcome::Applied)
    );
    compare(&mut owner, &mut replica);
}
for_each_replica!(a_replica_that_joins_late remembers deletions);

#[test]
fn purged_tombstones_are_forgotten() {
    let (_db, mut conn) = replica();
    type M = SequentialPosition;
    apply_each::<M>(&mut conn, &[created(20), deleted(2)]);
    assert_eq!(
        positions::purge_tombstones::<M, _>(Duration::from_hours(1), &mut conn).unwrap(),
        0
    );
    assert_eq!(
        M::apply(&created(20), &mut conn).unwrap(),
        Outcome::Duplicate { current: 2 }
    );
    std::thread::sleep(Duration::from_millis(2));
    assert_eq!(
        positions::purge_tombstones::<M, _>(Duration::ZERO, &mut conn).unwrap(),
        1
    );
    // What the documentation warns of: nothing remembers the deletion now.
    assert_eq!(M::apply(&created(20), &mut conn).unwrap(), Outcome::Applied);
    // A live record is never forgotten.
    assert_eq!(
        positions::purge_tombstones::<M, _>(Duration::ZERO, &mut conn).unwrap(),
        0
    );
}

#[test]
fn tombstones_of_a_batch_are_forgotten_too() {
    let (_db, mut conn) = replica();
    type M = LatestPosition;
    let events = [created(20), deleted(2), event(Op::Created, 8, 1, 30)];
    let outcomes = M::apply_all(&events, &mut conn).unwrap();
    assert_eq!(
        outcomes,
        [
            Outcome::Duplicate { current: 2 },
            Outcome::Applied,
            Outcome::Applied
        ]
    );
    std::thread::sleep(Duration::from_millis(2));
    assert_eq!(
        positions::purge_tombstones::<M, _>(Duration::ZERO, &mut conn).unwrap(),
        1
    );
    assert_eq!(
        M::apply(&event(Op::Created, 8, 1, 30), &mut conn).unwrap(),
        Outcome::Duplicate { current: 1 }
    );
}

/// The procedure of `positions`: jump, snapshot, sweep.
fn after_a_restore_the_versions_jump<M: Replica + serde::de::DeserializeOwned>() {
    const JUMP: i64 = 1 << 32;
    let (_owner_db, mut owner) = owner();
    let (_db, mut replica) = replica();
    let mut tickets: Vec<Ticket> = (1..=3)
        .map(|id| Ticket {
            id,
            price: id,
            version: 0,
        })
        .collect();
    for ticket in &mut tickets {
        let change = ticket.insert(&mut owner).unwrap();
        assert_eq!(
            M::apply(&sent(&change), &mut replica).unwrap(),
            Outcome::Applied
        );
    }
    // After the backup: a change of 1, a new record 4; both are lost by the restore.
    let mut lost = Ticket {
        id: 4,
        price: 4,
        version: 0,
    };
    assert_eq!(
        M::apply(&sent(&lost.insert(&mut owner).unwrap()), &mut replica).unwrap(),
        Outcome::Applied
    );
    tickets[0].price = 99;
    assert_eq!(
        M::apply(&sent(&tickets[0].save(&mut owner).unwrap()), &mut replica).unwrap(),
        Outcome::Applied
    );
    owner
        .batch_execute("DELETE FROM tickets WHERE id = 4; UPDATE tickets SET price = 1, version = 1 WHERE id = 1")
        .unwrap();

    owner
        .batch_execute(&format!("UPDATE tickets SET version = version + {JUMP}"))
        .unwrap();
    owner
        .batch_execute(&format!(
            "UPDATE versioned_positions SET version = version + {JUMP}"
        ))
        .unwrap();
    for event in pages(&mut owner) {
        assert_eq!(
            M::apply(&sent(&event), &mut replica).unwrap(),
            Outcome::Applied
        );
    }
    diesel::delete(copies::table.filter(copies::version.lt(JUMP)))
        .execute(&mut replica)
        .unwrap();
    compare(&mut owner, &mut replica);
    let mut ticket = Ticket::find(&2, &mut owner).unwrap();
    ticket.price = 22;
    assert_eq!(
        M::apply(&sent(&ticket.save(&mut owner).unwrap()), &mut replica).unwrap(),
        Outcome::Applied
    );
    compare(&mut owner, &mut replica);
}
for_each_replica!(after_a_restore_the_versions_jump remembers deletions);

/// Before the records before it have come it deletes nothing, and nothing is remembered of it.
#[test]
fn a_deletion_that_is_parked_is_no_tombstone() {
    let (_db, mut conn) = replica();
    assert_eq!(
        SequentialPark::apply(&deleted(5), &mut conn).unwrap(),
        Outcome::Parked
    );
    assert_eq!(
        positions::purge_tombstones::<SequentialPark, _>(Duration::ZERO, &mut conn).unwrap(),
        0
    );
}
