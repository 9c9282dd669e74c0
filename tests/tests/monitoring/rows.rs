//! Rows of the crate's tables, written as SQL, and the status of a database on both fronts.

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel_async::AsyncConnection;
use diesel_async::async_connection_wrapper::AsyncConnectionWrapper;
use versioned_core::Result;
use versioned_core::metrics::Gauges;
use versioned_core::outbox::SupportedBackend;
use versioned_core::status::{self, Status};
use versioned_tests::asynchronous::{Waiting, block_on};

/// Each front has its own function.
pub(crate) trait Look {
    fn status(&mut self, most: u64) -> Result<Status>;
    fn refresh(&mut self, gauges: &mut Gauges) -> Result<bool>;
}

impl Look for SqliteConnection {
    fn status(&mut self, most: u64) -> Result<Status> {
        status::load(most, self)
    }

    fn refresh(&mut self, gauges: &mut Gauges) -> Result<bool> {
        gauges.refresh(self)
    }
}

#[cfg(feature = "postgres")]
impl Look for PgConnection {
    fn status(&mut self, most: u64) -> Result<Status> {
        status::load(most, self)
    }

    fn refresh(&mut self, gauges: &mut Gauges) -> Result<bool> {
        gauges.refresh(self)
    }
}

#[cfg(feature = "mysql")]
impl Look for MysqlConnection {
    fn status(&mut self, most: u64) -> Result<Status> {
        status::load(most, self)
    }

    fn refresh(&mut self, gauges: &mut Gauges) -> Result<bool> {
        gauges.refresh(self)
    }
}

impl<C> Look for AsyncConnectionWrapper<C, Waiting>
where
    Self: AsyncConnection<Backend: SupportedBackend>,
{
    fn status(&mut self, most: u64) -> Result<Status> {
        block_on(status::load_async(most, self))
    }

    fn refresh(&mut self, gauges: &mut Gauges) -> Result<bool> {
        block_on(gauges.refresh_async(self))
    }
}

/// The time in microseconds since 1970, so many seconds ago.
pub(crate) fn ago(seconds: i64) -> i64 {
    let since = std::time::UNIX_EPOCH.elapsed().unwrap();
    i64::try_from(since.as_micros()).unwrap() - seconds * 1_000_000
}

fn run(sql: &str, is_mysql: bool, conn: &mut impl SimpleConnection) {
    let sql = if is_mysql {
        sql.replace('"', "`")
    } else {
        sql.to_owned()
    };
    conn.batch_execute(&sql).unwrap();
}

/// Rows in the three tables, numbered from 1 in the order in which they are written.
pub(crate) struct Rows<'a, C> {
    pub(crate) conn: &'a mut C,
    /// The name of the backend.
    pub(crate) name: &'static str,
}

impl<C: SimpleConnection> Rows<'_, C> {
    /// A query of the numbers up to one.
    fn numbers(&self, most: u32) -> String {
        match self.name {
            "postgres" => format!("SELECT n FROM generate_series(1, {most}) AS s (n)"),
            // A recursion ends after 1,000 rows, and MariaDB and MySQL have other names for that setting.
            "mysql" => {
                let digits = (0..10)
                    .map(|d| format!("SELECT {d} AS d"))
                    .collect::<Vec<_>>();
                let digits = digits.join(" UNION ALL ");
                format!(
                    "SELECT n FROM (
                         SELECT a.d + 10 * b.d + 100 * c.d + 1000 * d.d + 10000 * e.d + 1 AS n
                         FROM ({digits}) AS a, ({digits}) AS b, ({digits}) AS c, ({digits}) AS d, ({digits}) AS e
                     ) AS numbers WHERE n <= {most}"
                )
            }
            _ => format!(
                "WITH RECURSIVE s (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < {most}) \
                 SELECT n FROM s"
            ),
        }
    }

    /// The number `n` as a text with a prefix.
    fn text(&self, prefix: &str) -> String {
        match self.name {
            "mysql" => format!("CONCAT('{prefix}', n)"),
            _ => format!("'{prefix}' || n"),
        }
    }

    fn run(&mut self, sql: &str) {
        run(sql, self.name == "mysql", self.conn);
    }

    /// Pending events, written at this time.
    pub(crate) fn pending(&mut self, count: u32, attempts: u32, at: i64) {
        let (numbers, key) = (self.numbers(count), self.text(""));
        self.run(&format!(
            "INSERT INTO versioned_outbox (entity, \"key\", version, op, payload, at, attempts)
             SELECT 'tickets', {key}, 1, 'created', '', {at} + n, {attempts} FROM ({numbers}) AS s ORDER BY n"
        ));
    }

    pub(crate) fn parked(&mut self, count: u32, replica: &str, entity: &str, at: i64) {
        let (numbers, key) = (self.numbers(count), self.text(""));
        self.run(&format!(
            "INSERT INTO versioned_parked (replica, entity, \"key\", version, event, at)
             SELECT '{replica}', '{entity}', {key}, 2, '', {at} + n FROM ({numbers}) AS s ORDER BY n"
        ));
    }

    pub(crate) fn letters(&mut self, count: u32, replica: &str, entity: &str, at: i64) {
        let (numbers, key) = (self.numbers(count), self.text(""));
        let source = self.text("S:");
        self.run(&format!(
            "INSERT INTO versioned_dead_letters (replica, entity, \"key\", version, source, subject,
                 message_key, headers, body, reason, attempts, first_at, last_at)
             SELECT '{replica}', '{entity}', {key}, 2, {source}, '', '', '', '', 'no', 1, {at} + n, {at} + n
             FROM ({numbers}) AS s ORDER BY n"
        ));
    }

    pub(crate) fn positions(&mut self, count: u32, replica: &str, entity: &str) {
        let (numbers, key) = (self.numbers(count), self.text(""));
        self.run(&format!(
            "INSERT INTO versioned_positions (replica, entity, \"key\", version)
             SELECT '{replica}', '{entity}', {key}, 1 FROM ({numbers}) AS s ORDER BY n"
        ));
    }
}
