//! The statements of `apply`, by the raw driver.

use super::Kind;
use crate::batch::{numbers, texts};
use crate::raw::{Bind, Raw};
use crate::tickets::Ticket;

use Bind::{Number, Text};

const ADVANCE: &str = "UPDATE versioned_positions SET version = ?, deleted_at = NULL \
    WHERE replica = 'ticket_copies' AND entity = ? AND \"key\" = ? AND version BETWEEN ? AND ?";
const UPSERT: &str = "INSERT INTO versioned_positions (replica, version, entity, \"key\", deleted_at) \
    VALUES ('ticket_copies', ?, ?, ?, NULL) ON CONFLICT (replica, entity, \"key\") DO UPDATE SET version = excluded.version, deleted_at = excluded.deleted_at \
    WHERE versioned_positions.version BETWEEN ? AND ?";
const MERGE: &str = "INSERT INTO ticket_copies (title, price, version, id) VALUES (?, ?, ?, ?) \
    ON CONFLICT (id) DO UPDATE SET title = excluded.title, price = excluded.price, version = excluded.version";
const OVERWRITE: &str = "UPDATE ticket_copies SET title = ?, price = ?, version = ? WHERE id = ?";
/// Position and row in one statement: PostgreSQL, with the guard in it, and MariaDB.
const FOLLOW: &str = "WITH moved AS (GUARD RETURNING 1), written AS ( \
    INSERT INTO ticket_copies (title, price, version, id) SELECT ?, ?, ?, ? FROM moved \
    ON CONFLICT (id) DO UPDATE SET title = excluded.title, price = excluded.price, version = excluded.version) \
    SELECT 1 FROM moved";
const FOLLOW_BOTH: &str = "UPDATE versioned_positions AS held STRAIGHT_JOIN ticket_copies AS target \
    SET held.version = ?, held.deleted_at = NULL, target.title = ?, target.price = ?, target.version = ? \
    WHERE held.replica = 'ticket_copies' AND held.entity = ? AND held.\"key\" = ? AND held.version BETWEEN ? AND ? AND target.id = ?";
const UPSERT_ALL: &str = "INSERT INTO versioned_positions (replica, entity, \"key\", version) \
    SELECT 'ticket_copies', 'tickets', v.\"key\", v.version FROM unnest(?::text[], ?::bigint[]) AS v (\"key\", version) ORDER BY v.\"key\" \
    ON CONFLICT (replica, entity, \"key\") DO UPDATE SET version = excluded.version, deleted_at = excluded.deleted_at \
    WHERE versioned_positions.version < excluded.version";
const MERGE_ALL: &str = "INSERT INTO ticket_copies (id, title, price, version) \
    SELECT * FROM unnest(?::bigint[], ?::text[], ?::bigint[], ?::bigint[]) \
    ON CONFLICT (id) DO UPDATE SET title = excluded.title, price = excluded.price, version = excluded.version";

pub(super) struct RawReplica<R> {
    raw: R,
    kind: Kind,
    /// The position moves by this one, if that is the guard.
    guard: usize,
    write: usize,
    /// Both as one statement, where that can be.
    follow: Option<usize>,
    /// The two statements for many events, on PostgreSQL.
    together: Option<[usize; 2]>,
}

impl<R: Raw> RawReplica<R> {
    pub(super) fn new(mut raw: R, kind: Kind) -> Self {
        let Kind { latest, position } = kind;
        let upserts = R::NAME != "mysql";
        let write = match (position, latest) {
            (true, _) if upserts => MERGE.to_owned(),
            (true, _) => OVERWRITE.to_owned(),
            (false, true) if upserts => {
                format!("{MERGE} WHERE ticket_copies.version < excluded.version")
            }
            (false, true) => format!("{OVERWRITE} AND version < ?"),
            (false, false) => format!("{OVERWRITE} AND version = ?"),
        };
        let moves = if latest && upserts { UPSERT } else { ADVANCE };
        let follow = match R::NAME {
            "libpq" => Some(FOLLOW.replace("GUARD", moves)),
            "mysql" => Some(FOLLOW_BOTH.to_owned()),
            _ => None,
        };
        let follow = follow.filter(|_| position).map(|sql| raw.prepare(&sql));
        let guard = raw.prepare(moves);
        let write = raw.prepare(&write);
        let together = (R::NAME == "libpq" && latest && position)
            .then(|| [UPSERT_ALL, MERGE_ALL].map(|sql| raw.prepare(sql)));
        Self {
            raw,
            kind,
            guard,
            write,
            follow,
            together,
        }
    }

    /// Guard and write in a transaction, also where they could be one statement.
    pub(super) fn in_a_transaction(mut self) -> Self {
        self.follow = None;
        self
    }

    /// Whether there are both ways.
    pub(super) fn follows(&self) -> bool {
        self.follow.is_some()
    }

    pub(super) fn apply(&mut self, key: &str, ticket: &Ticket) {
        if let Some(follow) = self.follow {
            return self.at_once(follow, key, ticket);
        }
        if self.kind.position {
            self.raw.batch("BEGIN");
        }
        self.step(key, ticket);
        if self.kind.position {
            self.raw.batch("COMMIT");
        }
    }

    /// In one transaction; a statement for each event, or for all of them.
    pub(super) fn apply_all(&mut self, events: &[(String, Ticket)]) {
        self.raw.batch("BEGIN");
        match self.together {
            Some([guard, write]) => {
                let binds = [
                    texts(events, |(key, _)| key),
                    numbers(events, |(_, ticket)| ticket.version),
                ];
                let moved = self
                    .raw
                    .run(guard, &binds.each_ref().map(|bytes| Bind::Array(bytes)));
                assert_eq!(moved, events.len() as u64);
                let binds = [
                    numbers(events, |(_, ticket)| ticket.id),
                    texts(events, |(_, ticket)| &ticket.title),
                    numbers(events, |(_, ticket)| ticket.price),
                    numbers(events, |(_, ticket)| ticket.version),
                ];
                self.raw
                    .run(write, &binds.each_ref().map(|bytes| Bind::Array(bytes)));
            }
            None => {
                for (key, ticket) in events {
                    self.step(key, ticket);
                }
            }
        }
        self.raw.batch("COMMIT");
    }

    fn at_once(&mut self, follow: usize, key: &str, ticket: &Ticket) {
        let before = ticket.version - 1;
        let version = Number(ticket.version);
        let entity = Text("tickets");
        let oldest = Number(if self.kind.latest { 0 } else { before });
        let (title, price) = (Text(&ticket.title), Number(ticket.price));
        let (newest, id) = (Number(before), Number(ticket.id));
        let key = Text(key);
        let binds = if R::NAME == "mysql" {
            [
                version, title, price, version, entity, key, oldest, newest, id,
            ]
        } else {
            [
                version, entity, key, oldest, newest, title, price, version, id,
            ]
        };
        assert_ne!(self.raw.run(follow, &binds), 0);
    }

    fn step(&mut self, key: &str, ticket: &Ticket) {
        let before = ticket.version - 1;
        if self.kind.position {
            let oldest = if self.kind.latest { 0 } else { before };
            let binds = [
                Number(ticket.version),
                Text("tickets"),
                Text(key),
                Number(oldest),
                Number(before),
            ];
            assert_eq!(self.raw.run(self.guard, &binds), 1);
        }
        let binds = [
            Text(&ticket.title),
            Number(ticket.price),
            Number(ticket.version),
            Number(ticket.id),
            Number(if self.kind.latest {
                ticket.version
            } else {
                before
            }),
        ];
        let last = self.kind.position || (self.kind.latest && R::NAME != "mysql");
        let binds = &binds[..if last { 4 } else { 5 }];
        assert_eq!(self.raw.run(self.write, binds), 1);
    }
}
