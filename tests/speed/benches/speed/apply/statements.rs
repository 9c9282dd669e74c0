//! The statements of `apply`, by the raw driver.

use super::Kind;
use crate::batch::{numbers, texts};
use crate::raw::{Bind, Raw};
use crate::tickets::Ticket;

use Bind::{Number, Text};

const ADVANCE: &str = "UPDATE versioned_positions SET version = ?, deleted_at = NULL \
    WHERE entity = ? AND \"key\" = ? AND version BETWEEN ? AND ?";
const UPSERT: &str = "INSERT INTO versioned_positions (version, entity, \"key\", deleted_at) VALUES (?, ?, ?, NULL) \
    ON CONFLICT (entity, \"key\") DO UPDATE SET version = excluded.version, deleted_at = excluded.deleted_at \
    WHERE versioned_positions.version BETWEEN ? AND ?";
const MERGE: &str = "INSERT INTO ticket_copies (title, price, version, id) VALUES (?, ?, ?, ?) \
    ON CONFLICT (id) DO UPDATE SET title = excluded.title, price = excluded.price, version = excluded.version";
const OVERWRITE: &str = "UPDATE ticket_copies SET title = ?, price = ?, version = ? WHERE id = ?";
const UPSERT_ALL: &str = "INSERT INTO versioned_positions (entity, \"key\", version) \
    SELECT 'tickets', v.\"key\", v.version FROM unnest(?::text[], ?::bigint[]) AS v (\"key\", version) ORDER BY v.\"key\" \
    ON CONFLICT (entity, \"key\") DO UPDATE SET version = excluded.version, deleted_at = excluded.deleted_at \
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
        let guard = raw.prepare(if latest && upserts { UPSERT } else { ADVANCE });
        let write = raw.prepare(&write);
        let together = (R::NAME == "libpq" && latest && position)
            .then(|| [UPSERT_ALL, MERGE_ALL].map(|sql| raw.prepare(sql)));
        Self {
            raw,
            kind,
            guard,
            write,
            together,
        }
    }

    pub(super) fn apply(&mut self, key: &str, ticket: &Ticket) {
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
