//! Purges: what they delete, and what they leave.

use std::time::SystemTime;

use versioned_core::retention::{Purged, Retention};
use versioned_core::{Error, Op, positions};

use super::*;

pub(super) const HOUR: Duration = Duration::from_hours(1);

/// So many hours ago, in microseconds.
pub(super) fn ago(hours: i64) -> i64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    i64::try_from(now.unwrap().as_micros()).unwrap() - hours * 3_600_000_000
}

/// Deletions, some of which happened so many hours ago.
pub(super) fn tombstones(replica: &str, keys: &[(String, i64)], conn: &mut Conn) {
    for keys in keys.chunks(200) {
        let row = |(key, hours): &(String, i64)| {
            format!("('{replica}', 'tickets', '{key}', 4, {})", ago(*hours))
        };
        let rows: Vec<String> = keys.iter().map(row).collect();
        let columns = format!("replica, entity, {KEY}, version, deleted_at");
        let insert = format!(
            "INSERT INTO versioned_positions ({columns}) VALUES {}",
            rows.join(", ")
        );
        diesel::sql_query(insert).execute(conn).unwrap();
    }
}

pub(super) fn letter(key: &str, source: &str, hours: i64, conn: &mut Conn) {
    let at = ago(hours);
    let columns = format!(
        "replica, entity, {KEY}, version, source, subject, message_key, headers, body, reason,
            attempts, first_at, last_at"
    );
    // It was tried again just now.
    let values = format!(
        "'copies', 'tickets', '{key}', 2, '{source}', '', '', '', '', 'bad', 3, {at}, {}",
        ago(0)
    );
    let insert = format!("INSERT INTO versioned_dead_letters ({columns}) VALUES ({values})");
    diesel::sql_query(insert).execute(conn).unwrap();
}

pub(super) fn parked(key: &str, version: i64, hours: i64, conn: &mut Conn) {
    let columns = format!("replica, entity, {KEY}, version, event, at");
    let values = format!(
        "'copies', 'tickets', '{key}', {version}, '{{}}', {}",
        ago(hours)
    );
    let insert = format!("INSERT INTO versioned_parked ({columns}) VALUES ({values})");
    diesel::sql_query(insert).execute(conn).unwrap();
}

/// The keys, or sources, that a table of the library has.
pub(super) fn kept(column: &str, table: &str, conn: &mut Conn) -> Vec<String> {
    #[derive(QueryableByName)]
    struct Kept {
        #[diesel(sql_type = diesel::sql_types::Text)]
        one: String,
    }
    let all = format!("SELECT {column} AS one FROM {table} ORDER BY {column}");
    let all: Vec<Kept> = diesel::sql_query(all).load(conn).unwrap();
    all.into_iter().map(|kept| kept.one).collect()
}

fn purge(retention: &Retention, conn: &mut Conn) -> Purged {
    front::purge::<Copy, _>(retention, conn).unwrap()
}

fn of_hours(hours: u32) -> Retention {
    Retention::new()
        .tombstones(hours * HOUR)
        .dead_letters(hours * HOUR)
        .parked(hours * HOUR)
        .pause(Duration::ZERO)
}

/// Each state, young and old.
#[test]
fn only_what_is_old_and_not_needed_is_purged() {
    let mut pair = Pair::with([1]);
    let conn = &mut pair.replica;
    let key = |key: &str, hours| (key.to_owned(), hours);
    let all = [
        key("deleted 5 h ago", 5),
        key("deleted 1 h ago", 1),
        key("deleted 5 h ago, with an old letter", 5),
        key("deleted 5 h ago, with a young letter", 5),
        key("deleted 5 h ago, with an old parked event", 5),
        key("deleted 5 h ago, with a young parked event", 5),
    ];
    tombstones("copies", &all, conn);
    // Those of others are not this replica's.
    tombstones("others", &all, conn);
    tombstones("", &all, conn);
    letter(&all[2].0, "old", 5, conn);
    letter(&all[3].0, "young", 1, conn);
    parked(&all[4].0, 6, 5, conn);
    parked(&all[4].0, 7, 5, conn);
    parked(&all[5].0, 6, 5, conn);
    parked(&all[5].0, 7, 1, conn);

    // Nothing is purged unless it is asked for.
    assert_eq!(purge(&Retention::new(), conn), Purged::default());
    let purged = purge(&of_hours(6), conn);
    assert_eq!(purged.rows(), 0, "{purged}");

    // Without the letters and the parked events, their records' deletions stay, too.
    let purged = purge(&Retention::new().tombstones(3 * HOUR), conn);
    assert_eq!((purged.tombstones, purged.rows()), (1, 1), "{purged}");
    let ours = format!("versioned_positions WHERE replica = 'copies' AND {KEY} <> '1'");
    let mut left: Vec<&str> = all[1..].iter().map(|(key, _)| key.as_str()).collect();
    left.sort_unstable();
    assert_eq!(kept(KEY, &ours, conn), left);

    let purged = purge(&of_hours(3), conn);
    assert_eq!(
        (purged.tombstones, purged.dead_letters, purged.parked),
        (2, 1, 3),
        "{purged}"
    );
    assert!(!purged.has_more && !purged.is_other_running);
    let mut left = vec![all[1].0.as_str(), &all[3].0, &all[5].0];
    left.sort_unstable();
    assert_eq!(kept(KEY, &ours, conn), left);
    assert_eq!(kept("source", "versioned_dead_letters", conn), ["young"]);
    assert_eq!(kept(KEY, "versioned_parked", conn), [all[5].0.as_str()]);
    // The record that exists has its position, and the others have all of theirs.
    let others = "versioned_positions WHERE replica <> 'copies'";
    assert_eq!(kept(KEY, others, conn).len(), 2 * all.len());
    let live = format!("versioned_positions WHERE replica = 'copies' AND {KEY} = '1'");
    assert_eq!(kept(KEY, &live, conn), ["1"]);
}

/// Requests that have ended, with their results: by the model, and by the names.
#[test]
fn ended_requests_are_purged_and_open_ones_stay() {
    let mut pair = Pair::new();
    let conn = &mut pair.replica;
    conn.run_pending_migrations(MIGRATIONS.with_requests())
        .unwrap();
    let at = |hours: Option<i64>| hours.map_or(0, ago);
    // The state, the hours since it was stored and since it was worked on, and the items.
    let all = [
        ("copies", "done", 9, Some(5), 2_500),
        ("copies", "done", 9, Some(1), 3),
        ("copies", "open", 9, Some(5), 3),
        ("copies", "stopped", 9, Some(5), 1),
        ("copies", "canceled", 5, None, 0),
        ("others", "done", 9, Some(5), 3),
        ("", "done", 9, Some(5), 3),
    ];
    for (id, (replica, state, created, last, items)) in (1..).zip(all) {
        let insert = format!(
            "INSERT INTO versioned_requests (id, kind, replica, entity, state, terms, progress, note, due, created_at, last_at)
             VALUES ({id}, 'redrive', '{replica}', 'tickets', '{state}', '{{}}', '{{}}', '', 0, {}, {})",
            ago(created),
            at(last)
        );
        diesel::sql_query(insert).execute(conn).unwrap();
        let rows: Vec<String> = (0..items)
            .map(|item| format!("({id}, {item}, '7', 1, '', '', 0)"))
            .collect();
        for rows in rows.chunks(500) {
            let insert = format!(
                "INSERT INTO versioned_request_items (request, item, {KEY}, version, outcome, error, at) VALUES {}",
                rows.join(", ")
            );
            diesel::sql_query(insert).execute(conn).unwrap();
        }
    }
    let states =
        |conn: &mut Conn| kept("state", "versioned_requests WHERE replica = 'copies'", conn);
    let items = |conn: &mut Conn| kept(KEY, "versioned_request_items", conn).len();
    let retention = Retention::new().requests(3 * HOUR).pause(Duration::ZERO);
    let old = front::old(&retention, "copies", 2, conn).unwrap();
    assert_eq!((old.requests.value, old.requests.at_least), (2, true));
    let old = front::old(&retention, "copies", 100, conn).unwrap();
    assert_eq!((old.requests.value, old.requests.at_least), (3, false));
    assert_eq!(
        old.tombstones.value + old.dead_letters.value + old.parked.value,
        0
    );

    assert_eq!(purge(&of_hours(3), conn).requests, 0, "not asked for");
    let purged = purge(&retention.clone().at_most(1), conn);
    assert_eq!(
        (purged.requests, purged.rows(), purged.has_more),
        (1, 1, true),
        "{purged}"
    );
    assert_eq!(
        items(conn),
        13,
        "those of the first one were more than a batch"
    );
    let purged = front::purge_named(&retention, "copies", conn).unwrap();
    assert_eq!((purged.requests, purged.has_more), (2, false), "{purged}");
    assert_eq!(states(conn), ["done", "open"]);
    assert_eq!(items(conn), 12);
    let others = kept(
        "replica",
        "versioned_requests WHERE replica <> 'copies'",
        conn,
    );
    assert_eq!(others, ["", "others"]);
    // An empty name is the owner.
    assert_eq!(
        front::purge_named(&retention, "", conn).unwrap().requests,
        1
    );
    assert_eq!(
        front::purge_named(&retention, "copies", conn).unwrap(),
        Purged::default()
    );
}

/// The names do what the model does.
#[test]
fn a_purge_by_names_counts_what_it_deletes() {
    let mut pair = Pair::new();
    let conn = &mut pair.replica;
    let key = |key: &str, hours| (key.to_owned(), hours);
    tombstones("copies", &[key("1", 5), key("2", 1), key("3", 5)], conn);
    tombstones("others", &[key("1", 5)], conn);
    letter("3", "old", 5, conn);
    letter("4", "young", 1, conn);
    let position = format!(
        "INSERT INTO versioned_positions (replica, entity, {KEY}, version) VALUES ('copies', 'tickets', '5', 3)"
    );
    diesel::sql_query(position).execute(conn).unwrap();
    parked("5", 6, 5, conn);
    parked("5", 7, 5, conn);
    let old = front::old(&of_hours(3), "copies", 100, conn).unwrap();
    let counts =
        [old.tombstones, old.dead_letters, old.parked, old.requests].map(|count| count.value);
    // The deletion of 3 is kept for as long as the letter, which goes first.
    assert_eq!(counts, [1, 1, 2, 0]);
    let purged = front::purge_named(&of_hours(3), "copies", conn).unwrap();
    assert_eq!(
        (purged.tombstones, purged.dead_letters, purged.parked),
        (2, 1, 2),
        "{purged}"
    );
    assert_eq!(
        kept(KEY, "versioned_positions WHERE replica = 'copies'", conn),
        ["2", "5"]
    );
    assert_eq!(
        kept(KEY, "versioned_positions WHERE replica = 'others'", conn),
        ["1"]
    );
    let wrong = front::old(&of_hours(3).dead_letters(4 * HOUR), "copies", 100, conn);
    assert!(matches!(wrong, Err(Error::Other(_))), "{wrong:?}");
}

/// It may be of any record.
#[test]
fn a_letter_of_no_record_keeps_all_deletions() {
    let mut pair = Pair::new();
    let conn = &mut pair.replica;
    tombstones("copies", &[("7".to_owned(), 5), (String::new(), 5)], conn);
    letter("", "unreadable", 4, conn);
    let tombstones = Retention::new().tombstones(3 * HOUR);
    assert_eq!(purge(&tombstones, conn).rows(), 0);
    let purged = purge(&tombstones.dead_letters(3 * HOUR), conn);
    assert_eq!((purged.tombstones, purged.dead_letters), (2, 1), "{purged}");
}

/// Otherwise the record could be made again at a version that the replicas have seen.
#[test]
fn a_deletion_that_is_not_published_is_kept() {
    let mut pair = Pair::with(1..=2);
    pair.delete(1);
    pair.relay();
    pair.delete(2);
    let conn = &mut pair.owner;
    let aged = "UPDATE versioned_positions SET deleted_at = deleted_at - 7200000000";
    diesel::sql_query(aged).execute(conn).unwrap();
    let retention = of_hours(1);
    let purged = front::purge_owner::<Ticket, _>(&retention, conn).unwrap();
    assert_eq!(purged.rows(), 1);
    assert_eq!(kept(KEY, "versioned_positions", conn), ["2"]);
    pair.relay();
    let purged = front::purge_owner::<Ticket, _>(&retention, &mut pair.owner).unwrap();
    assert_eq!(purged.tombstones, 1);
}

#[test]
fn tombstones_outlive_what_is_kept() {
    let mut pair = Pair::new();
    let conn = &mut pair.replica;
    letter("7", "old", 9, conn);
    let days = |days: u32| 24 * days * HOUR;
    for (retention, kind) in [
        (Retention::new().dead_letters(days(2)), "dead letters"),
        (Retention::new().parked(days(2)), "parked events"),
    ] {
        let refused = front::purge::<Copy, _>(&retention.clone().tombstones(days(1)), conn);
        let Err(Error::Other(error)) = refused else {
            panic!("{refused:?}")
        };
        let says = format!(
            "keep tombstones for at least as long as {kind}: an event that is applied after its \
             record's deletion was purged restores the record"
        );
        assert_eq!(error.to_string(), says);
        assert_eq!(purge(&retention.tombstones(days(2)), conn).rows(), 0);
    }
    assert_eq!(kept("source", "versioned_dead_letters", conn), ["old"]);
}

#[test]
fn a_purge_deletes_in_batches_up_to_a_limit() {
    let mut pair = Pair::new();
    let conn = &mut pair.replica;
    let keys: Vec<_> = (0..25).map(|number| (format!("key {number}"), 5)).collect();
    tombstones("copies", &keys, conn);
    for number in 0..9 {
        letter("", &format!("letter {number}"), 5, conn);
        parked(&format!("key {number}"), 9, 5, conn);
    }
    let retention = of_hours(3).batch(4).at_most(12);
    let mut rounds = Vec::new();
    loop {
        let purged = purge(&retention, conn);
        rounds.push((purged.dead_letters, purged.parked, purged.tombstones));
        if !purged.has_more {
            break;
        }
    }
    assert_eq!(rounds, [(9, 3, 0), (0, 6, 6), (0, 0, 12), (0, 0, 7)]);
    assert_eq!(kept(KEY, "versioned_positions", conn).len(), 0);
}

/// Version 4 was the deletion. Within the retention, no older event restores the record. After it,
/// those that need a predecessor do not, and the first version and a snapshot do.
#[test]
fn events_from_before_a_deletion() {
    let event = |op, version| {
        let (id, title, note) = (1, "old".to_owned(), None);
        let data = Copy {
            id,
            title,
            note,
            seen: None,
            version,
        };
        Event::new(op, "tickets", "1", version, Some(data))
    };
    let late = [
        event(Op::Created, 1),
        event(Op::Updated, 2),
        event(Op::Updated, 3),
    ];
    let orders = [
        [0, 1, 2],
        [0, 2, 1],
        [1, 0, 2],
        [1, 2, 0],
        [2, 0, 1],
        [2, 1, 0],
    ];
    for order in orders {
        for is_purged in [false, true] {
            let mut pair = Pair::with([1]);
            pair.save(1);
            pair.save(1);
            pair.delete(1);
            pair.relay();
            let conn = &mut pair.replica;
            let aged = "UPDATE versioned_positions SET deleted_at = deleted_at - 7200000000";
            diesel::sql_query(aged).execute(conn).unwrap();
            let hours = if is_purged { 1 } else { 3 };
            let purged = purge(&of_hours(hours), conn);
            assert_eq!(purged.tombstones, usize::from(is_purged));
            let mut seen = Vec::new();
            for place in order {
                let outcome = Copy::apply(&late[place], conn).unwrap();
                if !is_purged {
                    assert_eq!(outcome, Outcome::Duplicate { current: 4 });
                }
                seen.push(place);
                // It is there from the first version on.
                let is_there = Copy::find(&1, conn).is_ok();
                assert_eq!(is_there, is_purged && seen.contains(&0), "{order:?}");
            }
        }
    }
    // A position that is forgotten for good is a tombstone as well.
    let mut pair = Pair::with([1]);
    let conn = &mut pair.replica;
    positions::forget::<Copy, _>(&1, conn).unwrap();
    assert_eq!(purge(&of_hours(1), conn).rows(), 0);
    assert_eq!(
        Copy::apply(&event(Op::Snapshot, 3), conn).unwrap(),
        Outcome::Duplicate { current: i64::MAX }
    );
}
