//! The raw drivers, with their prepared statements: the floor.

use std::fmt::Write as _;

use mysql::prelude::Queryable as _;
use rusqlite::OpenFlags;
use rusqlite::types::{ToSql, ToSqlOutput};
use versioned_raw::Prepared;

use crate::tickets::{DELETE, INSERT, LOOK, SAVE, TOUCH, Ticket, Writer};

/// A parameter.
#[derive(Clone, Copy)]
pub(crate) enum Bind<'a> {
    Number(i64),
    Text(&'a str),
    /// PostgreSQL: an array, in its binary form.
    Array(&'a [u8]),
}

use Bind::{Number, Text};

/// A driver's connection. Statements are written with `?`, and with `"` around a reserved word.
pub(crate) trait Raw {
    /// Its name.
    const NAME: &'static str;

    /// Runs SQL.
    fn batch(&mut self, sql: &str);

    /// Prepares a statement, and answers with its number.
    fn prepare(&mut self, sql: &str) -> usize;

    /// Runs a prepared statement; the number of its rows.
    fn run(&mut self, statement: usize, binds: &[Bind<'_>]) -> u64;

    /// The one row of a prepared query of numbers.
    fn numbers<const N: usize>(&mut self, statement: usize, binds: &[Bind<'_>]) -> [i64; N];
}

/// SQLite, with rusqlite's cache of statements.
pub(crate) struct Rusqlite {
    conn: rusqlite::Connection,
    statements: Vec<String>,
}

impl Rusqlite {
    pub(crate) fn open(path: &str) -> Self {
        // With the same threading mode as Diesel's connections.
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_FULL_MUTEX;
        Self {
            conn: rusqlite::Connection::open_with_flags(path, flags).unwrap(),
            statements: Vec::new(),
        }
    }
}

impl ToSql for Bind<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        match self {
            Number(number) => number.to_sql(),
            Text(text) => text.to_sql(),
            Self::Array(bytes) => bytes.to_sql(),
        }
    }
}

impl Raw for Rusqlite {
    const NAME: &'static str = "rusqlite";

    fn batch(&mut self, sql: &str) {
        self.conn.execute_batch(sql).unwrap();
    }

    fn prepare(&mut self, sql: &str) -> usize {
        self.statements.push(sql.to_owned());
        self.statements.len() - 1
    }

    fn run(&mut self, statement: usize, binds: &[Bind<'_>]) -> u64 {
        let mut statement = self
            .conn
            .prepare_cached(&self.statements[statement])
            .unwrap();
        let count = statement
            .execute(rusqlite::params_from_iter(binds))
            .unwrap();
        u64::try_from(count).unwrap()
    }

    fn numbers<const N: usize>(&mut self, statement: usize, binds: &[Bind<'_>]) -> [i64; N] {
        let mut statement = self
            .conn
            .prepare_cached(&self.statements[statement])
            .unwrap();
        statement
            .query_one(rusqlite::params_from_iter(binds), |row| {
                let mut numbers = [0; N];
                for (column, number) in numbers.iter_mut().enumerate() {
                    *number = row.get(column)?;
                }
                Ok(numbers)
            })
            .unwrap()
    }
}

/// PostgreSQL, by libpq.
pub(crate) struct Libpq {
    conn: versioned_raw::Connection,
    statements: Vec<Prepared>,
}

impl Libpq {
    pub(crate) fn open(url: &str) -> Self {
        Self {
            conn: versioned_raw::Connection::open(url).unwrap(),
            statements: Vec::new(),
        }
    }
}

/// The parameters as libpq wants them: numbers need a place to stay.
fn bytes<'a, T>(binds: &'a [Bind<'a>], then: impl FnOnce(&[&[u8]]) -> T) -> T {
    let numbers: Vec<[u8; 8]> = binds
        .iter()
        .map(|bind| match bind {
            Number(number) => number.to_be_bytes(),
            Text(_) | Bind::Array(_) => [0; 8],
        })
        .collect();
    let bytes: Vec<&[u8]> = binds
        .iter()
        .zip(&numbers)
        .map(|(bind, number)| match bind {
            Number(_) => number,
            Text(text) => text.as_bytes(),
            Bind::Array(bytes) => bytes,
        })
        .collect();
    then(&bytes)
}

impl Raw for Libpq {
    const NAME: &'static str = "libpq";

    fn batch(&mut self, sql: &str) {
        self.conn.execute(sql).unwrap();
    }

    fn prepare(&mut self, sql: &str) -> usize {
        self.statements
            .push(self.conn.prepare(&numbered(sql)).unwrap());
        self.statements.len() - 1
    }

    fn run(&mut self, statement: usize, binds: &[Bind<'_>]) -> u64 {
        let statement = &self.statements[statement];
        bytes(binds, |binds| self.conn.run(statement, binds)).unwrap()
    }

    fn numbers<const N: usize>(&mut self, statement: usize, binds: &[Bind<'_>]) -> [i64; N] {
        let statement = &self.statements[statement];
        let row = bytes(binds, |binds| self.conn.numbers(statement, binds));
        row.unwrap().unwrap()
    }
}

/// With `$1`, `$2`, .. in the place of `?`.
fn numbered(sql: &str) -> String {
    let mut pieces = sql.split('?');
    let mut text = pieces.next().unwrap().to_owned();
    for (place, piece) in pieces.enumerate() {
        write!(text, "${}{piece}", place + 1).unwrap();
    }
    text
}

/// MariaDB or MySQL, by the `mysql` crate.
pub(crate) struct MysqlCrate {
    conn: mysql::Conn,
    statements: Vec<mysql::Statement>,
}

impl MysqlCrate {
    pub(crate) fn open(url: &str) -> Self {
        // Diesel's connection goes through TCP, and so does this one.
        let opts =
            mysql::OptsBuilder::from_opts(mysql::Opts::from_url(url).unwrap()).prefer_socket(false);
        Self {
            conn: mysql::Conn::new(opts).unwrap(),
            statements: Vec::new(),
        }
    }
}

fn params(binds: &[Bind<'_>]) -> mysql::Params {
    let value = |bind: &Bind<'_>| match *bind {
        Number(number) => mysql::Value::Int(number),
        Text(text) => mysql::Value::Bytes(text.into()),
        Bind::Array(bytes) => mysql::Value::Bytes(bytes.into()),
    };
    mysql::Params::Positional(binds.iter().map(value).collect())
}

impl Raw for MysqlCrate {
    const NAME: &'static str = "mysql";

    fn batch(&mut self, sql: &str) {
        self.conn.query_drop(sql).unwrap();
    }

    fn prepare(&mut self, sql: &str) -> usize {
        self.statements
            .push(self.conn.prep(sql.replace('"', "`")).unwrap());
        self.statements.len() - 1
    }

    fn run(&mut self, statement: usize, binds: &[Bind<'_>]) -> u64 {
        let statement = &self.statements[statement];
        self.conn.exec_drop(statement, params(binds)).unwrap();
        self.conn.affected_rows()
    }

    fn numbers<const N: usize>(&mut self, statement: usize, binds: &[Bind<'_>]) -> [i64; N] {
        let statement = &self.statements[statement];
        let row: Option<mysql::Row> = self.conn.exec_first(statement, params(binds)).unwrap();
        let row = row.unwrap();
        std::array::from_fn(|column| row.get(column).unwrap())
    }
}

/// A driver that writes tickets.
pub(crate) struct RawWriter<R> {
    pub(crate) raw: R,
    insert: usize,
    save: usize,
    touch: usize,
    delete: usize,
    look: usize,
}

impl<R: Raw> RawWriter<R> {
    pub(crate) fn new(mut raw: R) -> Self {
        let [insert, save, touch, delete, look] =
            [INSERT, SAVE, TOUCH, DELETE, LOOK].map(|sql| raw.prepare(sql));
        Self {
            raw,
            insert,
            save,
            touch,
            delete,
            look,
        }
    }

    /// How many rows were at the version of the ticket, and are saved.
    pub(crate) fn update(&mut self, ticket: &Ticket) -> u64 {
        self.raw.run(
            self.save,
            &[
                Text(&ticket.title),
                Number(ticket.price),
                Number(ticket.version + 1),
                Number(ticket.id),
                Number(ticket.version),
            ],
        )
    }
}

impl<R: Raw> Writer for RawWriter<R> {
    fn insert(&mut self, ticket: &mut Ticket) {
        let binds = [
            Number(ticket.id),
            Text(&ticket.title),
            Number(ticket.price),
            Number(ticket.version),
        ];
        self.raw.run(self.insert, &binds);
    }

    fn save(&mut self, ticket: &mut Ticket) {
        assert_eq!(self.update(ticket), 1);
        ticket.version += 1;
    }

    fn stale(&mut self, ticket: &mut Ticket) {
        assert_eq!(self.update(ticket), 0);
        let [found] = self.raw.numbers(self.look, &[Number(ticket.id)]);
        assert_ne!(found, ticket.version);
    }

    fn touch(&mut self, ticket: &mut Ticket) {
        let (next, id, version) = (ticket.version + 1, ticket.id, ticket.version);
        let count = self
            .raw
            .run(self.touch, &[Number(next), Number(id), Number(version)]);
        assert_eq!(count, 1);
        ticket.version = next;
    }

    fn delete(&mut self, ticket: &mut Ticket) {
        let binds = [Number(ticket.id), Number(ticket.version)];
        assert_eq!(self.raw.run(self.delete, &binds), 1);
        ticket.version += 1;
    }
}
