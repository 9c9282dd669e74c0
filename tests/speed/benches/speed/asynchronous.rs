//! The async writers: this toolkit on diesel-async, diesel-async by hand, `diesel_versioning`, sqlx, and tokio-postgres, the
//! floor. Each waits for one operation at a time, on one runtime of this thread.

use std::rc::Rc;

use diesel::ExpressionMethods as _;
use diesel::QueryDsl as _;
use diesel_async::{AsyncConnection as _, AsyncPgConnection};
use diesel_versioning::VersionedAsync as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _};
use tokio::runtime::Runtime;
use versioned_core::async_prelude::OwnerDsl;

use crate::by_hand::{changes, guarded, row};
use crate::tickets::{Operation, Ticket, Writer, tickets};

// The statements of `tickets.rs`, with numbered parameters.
const INSERT: &str = "INSERT INTO tickets (id, title, price, version) VALUES ($1, $2, $3, $4)";
const SAVE: &str =
    "UPDATE tickets SET title = $1, price = $2, version = $3 WHERE id = $4 AND version = $5";
const TOUCH: &str = "UPDATE tickets SET version = $1 WHERE id = $2 AND version = $3";
const DELETE: &str = "DELETE FROM tickets WHERE id = $1 AND version = $2";
const LOOK: &str = "SELECT version FROM tickets WHERE id = $1";

/// One for all.
pub(crate) fn runtime() -> Rc<Runtime> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    Rc::new(runtime.unwrap())
}

/// A connection that does not block, and a thread that waits for it.
struct Waiting<C> {
    runtime: Rc<Runtime>,
    conn: C,
}

/// This toolkit, on diesel-async.
pub(crate) struct Ours(Waiting<AsyncPgConnection>);

/// diesel-async's query builder.
pub(crate) struct ByHand(Waiting<AsyncPgConnection>);

/// The crate `diesel_versioning`, on diesel-async.
pub(crate) struct Incumbent(Waiting<AsyncPgConnection>);

/// sqlx.
pub(crate) struct Sqlx<C>(Waiting<C>);

/// tokio-postgres, with its prepared statements.
pub(crate) struct Tokio {
    on: Waiting<tokio_postgres::Client>,
    insert: tokio_postgres::Statement,
    save: tokio_postgres::Statement,
    touch: tokio_postgres::Statement,
    delete: tokio_postgres::Statement,
    look: tokio_postgres::Statement,
}

fn diesel_async(runtime: &Rc<Runtime>, url: &str) -> Waiting<AsyncPgConnection> {
    Waiting {
        runtime: runtime.clone(),
        conn: runtime.block_on(AsyncPgConnection::establish(url)).unwrap(),
    }
}

impl Ours {
    pub(crate) fn open(runtime: &Rc<Runtime>, url: &str) -> Self {
        Self(diesel_async(runtime, url))
    }
}

impl Writer for Ours {
    fn insert(&mut self, ticket: &mut Ticket) {
        let Waiting { runtime, conn } = &mut self.0;
        runtime.block_on(OwnerDsl::insert(ticket, conn)).unwrap();
    }

    fn save(&mut self, ticket: &mut Ticket) {
        let Waiting { runtime, conn } = &mut self.0;
        runtime.block_on(OwnerDsl::save(ticket, conn)).unwrap();
    }

    fn stale(&mut self, ticket: &mut Ticket) {
        let Waiting { runtime, conn } = &mut self.0;
        let saved = runtime.block_on(OwnerDsl::save(ticket, conn));
        assert!(saved.unwrap_err().is_conflict());
    }

    fn touch(&mut self, ticket: &mut Ticket) {
        let Waiting { runtime, conn } = &mut self.0;
        runtime.block_on(OwnerDsl::touch(ticket, conn)).unwrap();
    }

    fn delete(&mut self, ticket: &mut Ticket) {
        let Waiting { runtime, conn } = &mut self.0;
        runtime.block_on(OwnerDsl::delete(ticket, conn)).unwrap();
    }
}

impl ByHand {
    pub(crate) fn open(runtime: &Rc<Runtime>, url: &str) -> Self {
        Self(diesel_async(runtime, url))
    }
}

/// Runs what Diesel built, and answers with the number of rows.
macro_rules! execute {
    ($waiting:expr, $query:expr) => {{
        let Waiting { runtime, conn } = $waiting;
        runtime
            .block_on(diesel_async::RunQueryDsl::execute($query, conn))
            .unwrap()
    }};
}

impl Writer for ByHand {
    fn insert(&mut self, ticket: &mut Ticket) {
        let insert = diesel::insert_into(tickets::table).values(row!(ticket));
        execute!(&mut self.0, insert);
    }

    fn save(&mut self, ticket: &mut Ticket) {
        let save = diesel::update(guarded!(ticket)).set(changes!(ticket));
        assert_eq!(execute!(&mut self.0, save), 1);
        ticket.version += 1;
    }

    fn stale(&mut self, ticket: &mut Ticket) {
        let save = diesel::update(guarded!(ticket)).set(changes!(ticket));
        assert_eq!(execute!(&mut self.0, save), 0);
        let look = tickets::table.find(ticket.id).select(tickets::version);
        let Waiting { runtime, conn } = &mut self.0;
        let found: i64 = runtime
            .block_on(diesel_async::RunQueryDsl::first(look, conn))
            .unwrap();
        assert_ne!(found, ticket.version);
    }

    fn touch(&mut self, ticket: &mut Ticket) {
        let touch = diesel::update(guarded!(ticket)).set(tickets::version.eq(ticket.version + 1));
        assert_eq!(execute!(&mut self.0, touch), 1);
        ticket.version += 1;
    }

    fn delete(&mut self, ticket: &mut Ticket) {
        assert_eq!(execute!(&mut self.0, diesel::delete(guarded!(ticket))), 1);
        ticket.version += 1;
    }
}

impl Incumbent {
    pub(crate) fn open(runtime: &Rc<Runtime>, url: &str) -> Self {
        Self(diesel_async(runtime, url))
    }
}

impl Writer for Incumbent {
    fn insert(&mut self, ticket: &mut Ticket) {
        let insert = diesel::insert_into(tickets::table).values(row!(ticket));
        execute!(&mut self.0, insert);
    }

    fn save(&mut self, ticket: &mut Ticket) {
        let Waiting { runtime, conn } = &mut self.0;
        runtime.block_on(ticket.update_versioned(conn)).unwrap();
    }

    fn stale(&mut self, ticket: &mut Ticket) {
        let Waiting { runtime, conn } = &mut self.0;
        runtime.block_on(ticket.update_versioned(conn)).unwrap_err();
    }

    fn touch(&mut self, ticket: &mut Ticket) {
        self.save(ticket);
    }

    fn delete(&mut self, ticket: &mut Ticket) {
        let Waiting { runtime, conn } = &mut self.0;
        runtime.block_on(ticket.delete_versioned(conn)).unwrap();
    }

    fn can(&self, operation: Operation) -> bool {
        !matches!(operation, Operation::Insert | Operation::Touch)
    }
}

impl Sqlx<sqlx::PgConnection> {
    pub(crate) fn postgres(runtime: &Rc<Runtime>, url: &str) -> Self {
        Self(Waiting {
            runtime: runtime.clone(),
            conn: runtime.block_on(sqlx::PgConnection::connect(url)).unwrap(),
        })
    }
}

impl Sqlx<sqlx::SqliteConnection> {
    pub(crate) fn sqlite(runtime: &Rc<Runtime>, path: &str, ddl: &'static str) -> Self {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Off);
        let mut conn = runtime.block_on(options.connect()).unwrap();
        if !ddl.is_empty() {
            runtime
                .block_on(sqlx::raw_sql(ddl).execute(&mut conn))
                .unwrap();
        }
        Self(Waiting {
            runtime: runtime.clone(),
            conn,
        })
    }
}

/// Runs a statement of the raw drivers, and answers with the number of rows.
macro_rules! run {
    ($waiting:expr, $sql:expr $(, $bind:expr)*) => {{
        let Waiting { runtime, conn } = $waiting;
        let query = sqlx::query($sql)$(.bind($bind))*;
        runtime.block_on(query.execute(conn)).unwrap().rows_affected()
    }};
}

macro_rules! sqlx_on {
    ($($conn:ty),*) => {$(
        impl Writer for Sqlx<$conn> {
            fn insert(&mut self, ticket: &mut Ticket) {
                run!(&mut self.0, INSERT, ticket.id, &ticket.title, ticket.price, ticket.version);
            }

            fn save(&mut self, ticket: &mut Ticket) {
                let next = ticket.version + 1;
                let count = run!(
                    &mut self.0, SAVE, &ticket.title, ticket.price, next, ticket.id, ticket.version
                );
                assert_eq!(count, 1);
                ticket.version = next;
            }

            fn stale(&mut self, ticket: &mut Ticket) {
                let next = ticket.version + 1;
                let count = run!(
                    &mut self.0, SAVE, &ticket.title, ticket.price, next, ticket.id, ticket.version
                );
                assert_eq!(count, 0);
                let look = sqlx::query_scalar(LOOK).bind(ticket.id);
                let Waiting { runtime, conn } = &mut self.0;
                let found: i64 = runtime.block_on(look.fetch_one(conn)).unwrap();
                assert_ne!(found, ticket.version);
            }

            fn touch(&mut self, ticket: &mut Ticket) {
                let next = ticket.version + 1;
                assert_eq!(run!(&mut self.0, TOUCH, next, ticket.id, ticket.version), 1);
                ticket.version = next;
            }

            fn delete(&mut self, ticket: &mut Ticket) {
                assert_eq!(run!(&mut self.0, DELETE, ticket.id, ticket.version), 1);
                ticket.version += 1;
            }
        }
    )*};
}

sqlx_on!(sqlx::PgConnection, sqlx::SqliteConnection);

impl Tokio {
    pub(crate) fn open(runtime: &Rc<Runtime>, url: &str) -> Self {
        let open = async {
            let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await?;
            tokio::spawn(connection);
            Ok::<_, tokio_postgres::Error>(client)
        };
        let client = runtime.block_on(open).unwrap();
        let prepare = |sql| runtime.block_on(client.prepare(sql)).unwrap();
        let [insert, save, touch, delete, look] = [INSERT, SAVE, TOUCH, DELETE, LOOK].map(prepare);
        let on = Waiting {
            runtime: runtime.clone(),
            conn: client,
        };
        Self {
            on,
            insert,
            save,
            touch,
            delete,
            look,
        }
    }

    fn run(
        &self,
        statement: &tokio_postgres::Statement,
        binds: &[&(dyn tokio_postgres::types::ToSql + Sync)],
    ) -> u64 {
        let Waiting { runtime, conn } = &self.on;
        runtime.block_on(conn.execute(statement, binds)).unwrap()
    }

    /// How many rows were at the version of the ticket, and are saved.
    pub(crate) async fn update(&self, ticket: &Ticket) -> u64 {
        let Ticket {
            id,
            title,
            price,
            version,
        } = ticket;
        let next = version + 1;
        let binds: [&(dyn tokio_postgres::types::ToSql + Sync); 5] =
            [title, price, &next, id, version];
        let updated = self.on.conn.execute(&self.save, &binds);
        updated.await.unwrap()
    }
}

impl Writer for Tokio {
    fn insert(&mut self, ticket: &mut Ticket) {
        let Ticket {
            id,
            title,
            price,
            version,
        } = ticket;
        self.run(&self.insert, &[id, title, price, version]);
    }

    fn save(&mut self, ticket: &mut Ticket) {
        assert_eq!(self.on.runtime.block_on(self.update(ticket)), 1);
        ticket.version += 1;
    }

    fn stale(&mut self, ticket: &mut Ticket) {
        assert_eq!(self.on.runtime.block_on(self.update(ticket)), 0);
        let Waiting { runtime, conn } = &self.on;
        let row = runtime.block_on(conn.query_one(&self.look, &[&ticket.id]));
        assert_ne!(row.unwrap().get::<_, i64>(0), ticket.version);
    }

    fn touch(&mut self, ticket: &mut Ticket) {
        let next = ticket.version + 1;
        let count = self.run(&self.touch, &[&next, &ticket.id, &ticket.version]);
        assert_eq!(count, 1);
        ticket.version = next;
    }

    fn delete(&mut self, ticket: &mut Ticket) {
        assert_eq!(self.run(&self.delete, &[&ticket.id, &ticket.version]), 1);
        ticket.version += 1;
    }
}
