//! Each status that the example answers with, and clients that race.

use std::path::PathBuf;
use std::sync::Barrier;
use std::thread;

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use tempfile::TempDir;

use super::client::{Answer, Service, if_match};

diesel::table! {
    tickets {
        id -> BigInt,
        title -> Text,
        price -> BigInt,
        version -> BigInt,
    }
}

type Row = (i64, String, i64, i64);

/// The service, and its database behind its back.
struct World {
    service: Service,
    directory: TempDir,
}

impl World {
    fn new() -> Self {
        let directory = TempDir::with_prefix("versioned-tests-").unwrap();
        Self {
            service: Service::start(&directory.path().join("tickets.db")),
            directory,
        }
    }

    /// With a ticket: `/tickets/1`, for 20.
    fn with_a_ticket() -> Self {
        let world = Self::new();
        assert_eq!(world.service.post("/tickets", CONCERT).status, 201);
        world
    }

    fn database(&self) -> PathBuf {
        self.directory.path().join("tickets.db")
    }

    fn connect(&self) -> SqliteConnection {
        let mut conn = SqliteConnection::establish(self.database().to_str().unwrap()).unwrap();
        conn.batch_execute("PRAGMA busy_timeout = 5000").unwrap();
        conn
    }

    fn rows(&self) -> Vec<Row> {
        tickets::table
            .order(tickets::id)
            .load(&mut self.connect())
            .unwrap()
    }
}

const CONCERT: &str = r#"{"title":"concert","price":20}"#;
const OPERA: &str = r#"{"title":"opera","price":25}"#;

fn row(title: &str, price: i64, version: i64) -> Vec<Row> {
    vec![(1, title.to_owned(), price, version)]
}

fn json(title: &str, price: i64, version: i64) -> String {
    format!(r#"{{"id":1,"title":"{title}","price":{price},"version":{version}}}"#)
}

#[test]
fn a_tickets_life() {
    let world = World::new();
    let service = &world.service;
    let rows = || world.rows();

    let created = service.post("/tickets", CONCERT);
    assert_eq!(
        created.facts(),
        (201, Some("\"1\""), json("concert", 20, 1).as_str())
    );
    assert_eq!(created.location.as_deref(), Some("/tickets/1"));
    assert_eq!(rows(), row("concert", 20, 1));
    assert_eq!(
        service.get("/tickets/1").facts(),
        (200, Some("\"1\""), json("concert", 20, 1).as_str())
    );
    assert_eq!(service.post("/tickets", "{}").status, 422);

    let updated = service.put("/tickets/1", "\"1\"", OPERA);
    assert_eq!(
        updated.facts(),
        (200, Some("\"2\""), json("opera", 25, 2).as_str())
    );
    assert_eq!(rows(), row("opera", 25, 2));
    // The tag of an answer is the one to go on with.
    let again = service.put("/tickets/1", &updated.tag.unwrap(), CONCERT);
    assert_eq!(again.facts().1, Some("\"3\""));

    let raised = service.post("/tickets/1/raise", "");
    assert_eq!(
        raised.facts(),
        (200, Some("\"4\""), json("concert", 21, 4).as_str())
    );
    assert_eq!(rows(), row("concert", 21, 4));

    assert_eq!(service.delete("/tickets/1", "\"3\"").status, 412);
    assert_eq!(rows(), row("concert", 21, 4));
    assert_eq!(
        service.delete("/tickets/1", "\"4\"").facts(),
        (204, None, "")
    );
    assert_eq!(rows(), []);
}

#[test]
fn a_client_that_has_it_already_gets_304() {
    let world = World::with_a_ticket();
    for (known, status) in [
        ("if-none-match: \"1\"", 304),
        ("if-none-match: W/\"1\"", 304),
        ("if-none-match: \"0\", \"1\"", 304),
        ("if-none-match: *", 304),
        ("if-none-match: \"0\"", 200),
        ("if-none-match: \"one\"", 200),
        ("if-none-match:", 200),
        ("if-none-match: 1", 400),
    ] {
        let answer = world
            .service
            .send("GET", "/tickets/1", &[known.as_bytes()], "");
        assert_eq!(answer.status, status, "{known}");
        match status {
            304 => assert_eq!(answer.facts(), (304, Some("\"1\""), "")),
            200 => assert_eq!(
                answer.facts(),
                (200, Some("\"1\""), json("concert", 20, 1).as_str())
            ),
            _ => assert_eq!(
                answer.body,
                "if-none-match is malformed at byte 0: expected a quoted tag or `*`, found `1`"
            ),
        }
    }
}

#[test]
fn a_write_must_say_what_it_changes() {
    let world = World::with_a_ticket();
    for (method, body) in [("PUT", OPERA), ("DELETE", "")] {
        let missing = world.service.send(method, "/tickets/1", &[], body);
        assert_eq!(
            missing.facts(),
            (
                428,
                None,
                "if-match is missing: send the ETag of the version to change"
            )
        );
        let malformed = world
            .service
            .send(method, "/tickets/1", &[b"if-match: \"1"], body);
        assert_eq!(
            malformed.facts(),
            (
                400,
                None,
                "if-match is malformed at byte 2: expected the closing quote of the tag, found the end of the value"
            )
        );
        for (tag, present) in [
            // Named, and not there: a row at another version is not found.
            ("\"0\"", "tickets 1 is stale: expected version 0, found 1"),
            ("\"2\"", "tickets 1 is stale: expected version 2, found 1"),
            // Not even a version, or not to be compared.
            ("W/\"1\"", NAMES_ANOTHER),
            ("\"01\"", NAMES_ANOTHER),
            ("\"one\"", NAMES_ANOTHER),
            ("\"12345678-9abc-def0-1122-334455667788\"", NAMES_ANOTHER),
            ("\"2\", \"3\"", NAMES_ANOTHER),
            ("", NAMES_ANOTHER),
        ] {
            let headers = if_match(tag);
            let stale = world
                .service
                .send(method, "/tickets/1", &[headers.as_bytes()], body);
            assert_eq!(stale.facts(), (412, Some("\"1\""), present), "{tag}");
        }
        // Bytes beyond ASCII may stand in a tag.
        let obs_text = world
            .service
            .send(method, "/tickets/1", &[b"if-match: \"\xE9\xFF\""], body);
        assert_eq!(obs_text.facts(), (412, Some("\"1\""), NAMES_ANOTHER));
        assert_eq!(world.rows(), row("concert", 20, 1));
    }
}

const NAMES_ANOTHER: &str = "if-match does not match the current version, \"1\"";

#[test]
fn a_write_may_name_any_version_or_several() {
    let world = World::with_a_ticket();
    let service = &world.service;
    let lists: [&[&[u8]]; 4] = [
        &[b"if-match: *"],
        &[b"if-match: \"9\", \"2\""],
        &[b"if-match: \"9\"", b"If-Match: , \"3\","],
        &[b"if-match: W/\"9\",\"4\""],
    ];
    for (headers, version) in lists.into_iter().zip(2..) {
        let updated = service.send("PUT", "/tickets/1", headers, OPERA);
        assert_eq!(
            updated.facts(),
            (
                200,
                Some(format!("\"{version}\"").as_str()),
                json("opera", 25, version).as_str()
            )
        );
        assert_eq!(world.rows(), row("opera", 25, version));
    }
    assert_eq!(service.delete("/tickets/1", "*").status, 204);
}

#[test]
fn what_is_not_there_is_not_found() {
    let world = World::with_a_ticket();
    let service = &world.service;
    assert_eq!(service.delete("/tickets/1", "\"1\"").status, 204);
    assert_eq!(
        service.get("/tickets/1").facts(),
        (404, None, "tickets 1 does not exist")
    );
    let gone = "tickets 1 was deleted or never existed: expected version 1";
    for answer in [
        service.put("/tickets/1", "\"1\"", OPERA),
        service.delete("/tickets/1", "\"1\""),
    ] {
        assert_eq!(answer.facts(), (404, None, gone));
    }
    for answer in [
        service.put("/tickets/1", "*", OPERA),
        service.delete("/tickets/1", "\"1\", \"2\""),
        service.post("/tickets/1/raise", ""),
    ] {
        assert_eq!(answer.facts(), (404, None, "tickets 1 does not exist"));
    }
    assert_eq!(world.rows(), []);
    // A key is used once.
    let next = service.post("/tickets", CONCERT);
    assert_eq!(next.location.as_deref(), Some("/tickets/2"));
}

/// A write that the database suppresses is not tried again.
#[test]
fn a_suppressed_write_is_a_409() {
    let world = World::with_a_ticket();
    let attempts = "CREATE TABLE attempts (version BIGINT NOT NULL);
        CREATE TRIGGER suppresses BEFORE UPDATE ON tickets BEGIN
            INSERT INTO attempts VALUES (NEW.version);
            SELECT RAISE(IGNORE);
        END";
    world.connect().batch_execute(attempts).unwrap();
    let lost = world.service.post("/tickets/1/raise", "");
    let text = "the write of tickets 1 was suppressed by a trigger, a rule or row-level security: \
        expected version 1, found 1";
    assert_eq!(lost.facts(), (409, None, text));
    let count: i64 = diesel::select(diesel::dsl::sql::<diesel::sql_types::BigInt>(
        "(SELECT count(*) FROM attempts WHERE version = 2)",
    ))
    .get_result(&mut world.connect())
    .unwrap();
    assert_eq!(count, 1);
    // With a version named it is the client's turn; here it is the server's.
    assert_eq!(world.service.put("/tickets/1", "\"1\"", OPERA).status, 409);
    assert_eq!(world.service.put("/tickets/1", "*", OPERA).status, 409);

    world
        .connect()
        .batch_execute("DROP TRIGGER suppresses")
        .unwrap();
    assert_eq!(world.service.post("/tickets/1/raise", "").status, 200);
    assert_eq!(world.rows(), row("concert", 21, 2));
}

/// Each of the 201 attempts loses: a trigger moves the version first.
#[test]
fn retries_that_are_used_up_are_a_409() {
    let world = World::with_a_ticket();
    let faster = "CREATE TRIGGER faster BEFORE UPDATE ON tickets BEGIN
            UPDATE tickets SET version = OLD.version + 1 WHERE id = OLD.id;
            SELECT RAISE(IGNORE);
        END";
    world.connect().batch_execute(faster).unwrap();
    let lost = world.service.post("/tickets/1/raise", "");
    let text = "tickets 1 is stale: expected version 201, found 202";
    assert_eq!(lost.facts(), (409, None, text));
    assert_eq!(world.rows(), row("concert", 20, 202));
    // With a version named it is the client's turn; with `*` it is not.
    assert_eq!(
        world.service.put("/tickets/1", "\"202\"", OPERA).status,
        412
    );
    assert_eq!(world.service.put("/tickets/1", "*", OPERA).status, 409);
}

#[test]
fn a_broken_database_is_nobodys_conflict() {
    let world = World::with_a_ticket();
    world
        .connect()
        .batch_execute("ALTER TABLE tickets RENAME TO elsewhere")
        .unwrap();
    for answer in [
        world.service.get("/tickets/1"),
        world.service.put("/tickets/1", "\"1\"", OPERA),
        world.service.post("/tickets/1/raise", ""),
    ] {
        assert_eq!(answer.facts(), (500, None, "not your fault"));
    }
}

/// The requests, sent at the same moment.
fn race<const N: usize>(requests: [&(dyn Fn() -> Answer + Sync); N]) -> [Answer; N] {
    let barrier = &Barrier::new(N);
    thread::scope(|scope| {
        let clients = requests.map(|request| {
            scope.spawn(move || {
                barrier.wait();
                request()
            })
        });
        clients.map(|client| client.join().unwrap())
    })
}

#[test]
fn of_two_with_the_same_tag_exactly_one_wins() {
    let world = World::with_a_ticket();
    let service = &world.service;
    for version in 1..=40_i64 {
        let tag = format!("\"{version}\"");
        let put = |title: &str| {
            let body = format!(r#"{{"title":"{title}","price":{version}}}"#);
            service.put("/tickets/1", &tag, &body)
        };
        let [alice, bob] = race([&|| put("Alice"), &|| put("Bob")]);
        let ((name, won), lost) = match (alice.status, bob.status) {
            (200, 412) => (("Alice", alice), bob),
            (412, 200) => (("Bob", bob), alice),
            other => unreachable!("{other:?}"),
        };
        let next = version + 1;
        let next_tag = format!("\"{next}\"");
        let body = json(name, version, next);
        assert_eq!(won.facts(), (200, Some(next_tag.as_str()), body.as_str()));
        let stale = format!("tickets 1 is stale: expected version {version}, found {next}");
        assert_eq!(lost.facts(), (412, Some(next_tag.as_str()), stale.as_str()));
        assert_eq!(world.rows(), row(name, version, next));
    }
}

#[test]
fn of_a_change_and_a_deletion_exactly_one_wins() {
    let world = World::new();
    let service = &world.service;
    for id in 1..=40_i64 {
        let path = service.post("/tickets", CONCERT).location.unwrap();
        assert_eq!(path, format!("/tickets/{id}"));
        let [put, delete] = race([&|| service.put(&path, "\"1\"", OPERA), &|| {
            service.delete(&path, "\"1\"")
        }]);
        let rows = world.rows();
        let there = rows.iter().find(|row| row.0 == id);
        match (put.status, delete.status) {
            (200, 412) => assert_eq!(there, Some(&(id, "opera".to_owned(), 25, 2))),
            (404, 204) => assert_eq!(there, None),
            other => unreachable!("{other:?}"),
        }
    }
}

#[test]
fn no_raise_is_lost() {
    const CLIENTS: i64 = 8;
    const RAISES: i64 = 25;
    let world = World::with_a_ticket();
    let mut prices: Vec<(String, String)> = thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|_| {
                scope.spawn(|| {
                    (0..RAISES)
                        .map(|_| {
                            let raised = world.service.post("/tickets/1/raise", "");
                            assert_eq!(raised.status, 200, "{}", raised.body);
                            (raised.tag.unwrap(), raised.body)
                        })
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        clients
            .into_iter()
            .flat_map(|client| client.join().unwrap())
            .collect()
    });
    let all = CLIENTS * RAISES;
    assert_eq!(world.rows(), row("concert", 20 + all, 1 + all));
    // Each answer is a state of its own, and they are all there are.
    let mut expected: Vec<_> = (1..=all)
        .map(|raise| {
            let version = 1 + raise;
            (
                format!("\"{version}\""),
                json("concert", 20 + raise, version),
            )
        })
        .collect();
    prices.sort();
    expected.sort();
    assert_eq!(prices, expected);
}

/// What was answered is in the database, also when the service is killed at once.
#[test]
fn a_killed_service_goes_on_where_it_was() {
    let world = World::with_a_ticket();
    let updated = world.service.put("/tickets/1", "\"1\"", OPERA);
    assert_eq!(updated.status, 200);
    let World { service, directory } = world;
    service.kill();
    let service = Service::start(&directory.path().join("tickets.db"));
    assert_eq!(
        service.get("/tickets/1").facts(),
        (200, Some("\"2\""), json("opera", 25, 2).as_str())
    );
    assert_eq!(service.put("/tickets/1", "\"1\"", OPERA).status, 412);
    assert_eq!(service.put("/tickets/1", "\"2\"", OPERA).status, 200);
}
