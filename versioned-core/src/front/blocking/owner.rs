//! `ticket.save(conn)`: the methods of an owner.

use super::{At, BlockingExecutor, Closure, poll_ready};
use crate::change::Change;
use crate::connection::BlockingConnection;
use crate::error::Result;
use crate::event::Event;
use crate::model::{OwnerModel, PlainOwner, Versioned};
use crate::operation::{self, Deleting, Saving};
use crate::owner::Owner;
use crate::retry::Retry;
use crate::statement::{Bump, NewRow};
use crate::version::SequentialVersion;

/// The methods of an owner on a Diesel connection: guarded writes, and the reads that they start from.
///
/// | purpose | methods |
/// | --- | --- |
/// | insert a record | [`insert`](OwnerDsl::insert) at the initial version, [`create`](OwnerDsl::create) with a key or defaults from the database, [`import`](OwnerDsl::import) at the version that the model carries |
/// | read | [`find`](OwnerDsl::find), [`reload`](OwnerDsl::reload), [`verify`](OwnerDsl::verify), [`snapshot`](OwnerDsl::snapshot) |
/// | write a loaded record | [`save`](OwnerDsl::save), [`touch`](OwnerDsl::touch), [`delete`](OwnerDsl::delete) |
/// | write without a loaded record | [`at`](OwnerDsl::at) a version that a client sent, [`update_with`](OwnerDsl::update_with) and [`update_with_retry`](OwnerDsl::update_with_retry), which load and retry, [`bump`](OwnerDsl::bump) in an ordinary Diesel update |
/// | write many records | [`insert_all`](OwnerDsl::insert_all), [`save_all`](OwnerDsl::save_all), [`delete_all`](OwnerDsl::delete_all), [`save_each`](OwnerDsl::save_each) |
///
/// The trait is implemented for every model with `#[versioned(owner)]`. `insert`, `save`, `touch`
/// and `delete` return a [`Change`], which serializes as its event. [`Tracked`](crate::Tracked)
/// writes changed columns only; [`transaction`](fn@crate::transaction) restores the versions in
/// memory after a rollback.
///
/// Each method takes any Diesel connection: plain, pooled or `#[derive(MultiConnection)]`. Generic
/// code needs one bound, [`Owner<C::Backend>`](crate::Owner). The
/// [guide](crate::guide::reference::backends) lists how many statements each method takes on each
/// database. The SQL below is that of a table `tickets (id, title, version)`.
pub trait OwnerDsl: OwnerModel {
    /// Inserts the record with the key that it carries, at the initial version; the version in memory follows.
    ///
    /// Every field is written, a `None` as NULL, so that row and model agree; for a key or defaults that the database
    /// makes, see [`create`](OwnerDsl::create).
    ///
    /// ```sql
    /// INSERT INTO tickets (id, title, version) VALUES ($1, $2, 1)
    /// ```
    ///
    /// With `#[versioned(tombstones)]` a record that was deleted goes on from the version of its deletion, in a
    /// transaction that holds its position.
    ///
    /// # Errors
    ///
    /// [`Error::Database`](crate::Error::Database) with a UNIQUE violation if the key is taken;
    /// [`Error::Conflict`](crate::Error::Conflict) of the kind [`Suppressed`](crate::ConflictKind::Suppressed) if the database
    /// wrote no row; [`Error::KeyGenerated`](crate::Error::KeyGenerated) if MySQL made another key of 0.
    fn insert<C>(&mut self, conn: &mut C) -> Result<Change<'_, Self>>
    where
        C: BlockingConnection,
        Self: Owner<C::Db>,
    {
        poll_ready(operation::insert(self, &mut BlockingExecutor::new(conn)))
    }

    /// Inserts a row that is not a model yet, where the database makes the key or other columns; answers with the
    /// row. `new` is any Diesel `Insertable` for the table that leaves the version out.
    ///
    /// ```sql
    /// INSERT INTO tickets (version, title) VALUES (1, $1) RETURNING id, title, version
    /// ```
    ///
    /// SQLite: the same in a transaction, so that nothing is left of a row that cannot be read; in
    /// an attached database `INSERT .. RETURNING quote(id)` and a SELECT by that key. MySQL and
    /// MariaDB: `DO LAST_INSERT_ID(0)`, INSERT and `SELECT .. WHERE id = LAST_INSERT_ID()` in a
    /// transaction.
    ///
    /// # Errors
    ///
    /// [`Error::KeyNotGenerated`](crate::Error::KeyNotGenerated) on MySQL and MariaDB, if the key
    /// is not an `AUTO_INCREMENT` that was left out of `new`.
    /// [`Error::VersionAssigned`](crate::Error::VersionAssigned), before any SQL, if `new` has the
    /// version.
    fn create<N, C>(new: N, conn: &mut C) -> Result<Self>
    where
        C: BlockingConnection,
        Self: Owner<C::Db>,
        N: NewRow<Self, C::Db>,
    {
        poll_ready(operation::create(new, &mut BlockingExecutor::new(conn)))
    }

    /// Inserts the record at the version that it carries: for records that come from somewhere else.
    ///
    /// ```sql
    /// INSERT INTO tickets (id, title, version) VALUES ($1, $2, $3)
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Database`](crate::Error::Database) with a UNIQUE violation if the key is taken.
    fn import<C>(&self, conn: &mut C) -> Result<()>
    where
        C: BlockingConnection,
        Self: Owner<C::Db>,
    {
        poll_ready(operation::import(self, &mut BlockingExecutor::new(conn)))
    }

    /// Loads the record with this key.
    ///
    /// ```sql
    /// SELECT id, title, version FROM tickets WHERE id = $1
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`](crate::Error::NotFound) if there is none;
    /// [`optional`](crate::OptionalExt::optional) turns that into `None`.
    fn find<C>(id: &Self::Id, conn: &mut C) -> Result<Self>
    where
        C: BlockingConnection,
        Self: Owner<C::Db>,
    {
        poll_ready(operation::find(id, &mut BlockingExecutor::new(conn)))
    }

    /// Writes all fields, if the row is still at the version that was loaded; the version moves by one, also when no
    /// field changed.
    ///
    /// The record is the one that the key names: a model whose key field was changed by hand is another record. A
    /// column with `#[diesel(skip_update)]` is not written. A model with such fields, or with `skip_insertion`, is replaced by
    /// its row: by RETURNING on PostgreSQL, by a SELECT in a transaction elsewhere.
    ///
    /// ```sql
    /// UPDATE tickets SET title = $1, version = $2 WHERE id = $3 AND version = $4
    /// ```
    ///
    /// A key of text is also compared by its bytes, whatever its collation is.
    ///
    /// # Errors
    ///
    /// [`Error::Conflict`](crate::Error::Conflict) if the row is at another version, or gone, or if the database suppressed
    /// the write; [`Error::VersionExhausted`](crate::Error::VersionExhausted) before any SQL at the type's maximum. The model
    /// is as it was, and saving it again fails again.
    fn save<C>(&mut self, conn: &mut C) -> Result<Change<'_, Self>>
    where
        C: BlockingConnection,
        Self: Owner<C::Db>,
    {
        poll_ready(operation::save(self, &mut BlockingExecutor::new(conn)))
    }

    /// Moves the version and writes nothing else: for a record whose children changed. The change shows the row, not what
    /// was changed in memory and not saved.
    ///
    /// ```sql
    /// UPDATE tickets SET version = $1 WHERE id = $2 AND version = $3 RETURNING id, title, version
    /// ```
    ///
    /// MySQL and MariaDB: UPDATE and SELECT in a transaction.
    ///
    /// # Errors
    ///
    /// As [`save`](OwnerDsl::save).
    fn touch<C>(&mut self, conn: &mut C) -> Result<Change<'_, Self>>
    where
        C: BlockingConnection,
        Self: Owner<C::Db>,
    {
        poll_ready(operation::touch(self, &mut BlockingExecutor::new(conn)))
    }

    /// Deletes the row, if it is still at the version that was loaded. The deletion has a version of its own, one
    /// after the deleted one, and the model in memory carries it.
    ///
    /// ```sql
    /// DELETE FROM tickets WHERE id = $1 AND version = $2
    /// ```
    ///
    /// # Errors
    ///
    /// As [`save`](OwnerDsl::save).
    fn delete<C>(&mut self, conn: &mut C) -> Result<Change<'_, Self>>
    where
        C: BlockingConnection,
        Self: Owner<C::Db>,
    {
        poll_ready(operation::delete(self, &mut BlockingExecutor::new(conn)))
    }

    /// Inserts all of these records at the initial version, or none.
    ///
    /// PostgreSQL: one statement for each 2,000 rows, with each column as an array; a transaction around several of them.
    /// MySQL and MariaDB: the same with `JSON_TABLE`; SQLite: with `VALUES`, 50 rows at a time; as
    /// [`save_all`](OwnerDsl::save_all). Models with `tombstones`: a loop of [`insert`](OwnerDsl::insert) in a transaction.
    ///
    /// ```sql
    /// WITH given AS (SELECT unnest($1) AS c0, unnest($2) AS c1, ..) INSERT INTO tickets (id, ..) SELECT c0, .. FROM given
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::TwiceInBatch`](crate::Error::TwiceInBatch) before any SQL; [`Error::Database`](crate::Error::Database) with a UNIQUE
    /// violation if a key is taken. Nothing was inserted then, and the models are as they were.
    fn insert_all<'m, C>(models: &'m mut [Self], conn: &mut C) -> Result<Vec<Change<'m, Self>>>
    where
        C: BlockingConnection,
        Self: Owner<C::Db>,
    {
        poll_ready(operation::insert_all(
            models,
            &mut BlockingExecutor::new(conn),
        ))
    }

    /// Saves all of these records, or none: each row must be at the version that its model was loaded at.
    ///
    /// The rows are written in the order of their keys, so that batches which meet wait for each other but do not deadlock.
    ///
    /// PostgreSQL: one statement for each 2,000 rows, with each column as an array; in a transaction if they are more than
    /// 100. Fewer are locked before the first of them is written (`WITH held AS (SELECT .. FOR NO KEY UPDATE)`), by the same
    /// statement, and need no transaction.
    ///
    /// ```sql
    /// WITH given AS (SELECT unnest($1) AS c0, unnest($2) AS c1, ..) UPDATE tickets AS target SET title = c2, version = c3
    ///     FROM given WHERE target.version = ANY(ARRAY[c0]) AND target.id = ANY(ARRAY[c1])
    /// ```
    ///
    /// MySQL and MariaDB, from 4 rows on, in a transaction: the rows as JSON, up to 2,000 of them or 1 MiB at a time, if each
    /// column's type keeps its values on this way (not bytes), and keys and version are integers.
    ///
    /// ```sql
    /// UPDATE JSON_TABLE(?, '$[*]' COLUMNS (c0 BIGINT PATH '$[0]' ERROR ON ERROR, ..)) AS given
    ///     STRAIGHT_JOIN tickets AS target ON target.version = c0 AND target.id = c1 SET target.title = c2, target.version = c3
    /// ```
    ///
    /// SQLite, in a transaction: 50 rows at a time.
    ///
    /// ```sql
    /// WITH given (c0, c1, ..) AS (VALUES (?, ?, ..), ..) UPDATE tickets AS target SET title = c2, version = c3
    ///     FROM given WHERE target.version = c0 AND target.id = c1
    /// ```
    ///
    /// Whatever cannot be written so goes row by row, by [`save`](OwnerDsl::save) in a transaction: what is left over, columns
    /// without an array form on PostgreSQL (arrays), a database that does not know the statement, a `MultiConnection`. On
    /// SQLite, MySQL and MariaDB so does a batch with a row that is refused, to say which, and with an outbox.
    ///
    /// # Errors
    ///
    /// [`Error::Conflicts`](crate::Error::Conflicts) names each row that is at another version, or gone;
    /// [`Error::TwiceInBatch`](crate::Error::TwiceInBatch) and [`Error::VersionExhausted`](crate::Error::VersionExhausted) come before
    /// any SQL. Nothing was written then, and the models are as they were.
    fn save_all<'m, C>(models: &'m mut [Self], conn: &mut C) -> Result<Vec<Change<'m, Self>>>
    where
        C: BlockingConnection,
        Self: Owner<C::Db>,
    {
        poll_ready(operation::write_all::<Saving, _, _>(
            models,
            &mut BlockingExecutor::new(conn),
        ))
    }

    /// Deletes all of these records, or none, as [`save_all`](OwnerDsl::save_all) saves them; on SQLite, and with `tombstones`,
    /// row by row.
    ///
    /// # Errors
    ///
    /// As [`save_all`](OwnerDsl::save_all).
    fn delete_all<'m, C>(models: &'m mut [Self], conn: &mut C) -> Result<Vec<Change<'m, Self>>>
    where
        C: BlockingConnection,
        Self: Owner<C::Db>,
    {
        poll_ready(operation::write_all::<Deleting, _, _>(
            models,
            &mut BlockingExecutor::new(conn),
        ))
    }

    /// Saves those of these records that can be saved, with an outcome for each. A row that is stale, gone, or refused by a
    /// constraint stays as it is, and so does its model.
    ///
    /// PostgreSQL: one statement for each 2,000 rows, as [`save_all`](OwnerDsl::save_all). When a constraint refuses a row,
    /// and elsewhere: a loop of [`save`](OwnerDsl::save) in a transaction.
    ///
    /// # Errors
    ///
    /// What concerns no row alone: [`Error::TwiceInBatch`](crate::Error::TwiceInBatch) and
    /// [`Error::VersionExhausted`](crate::Error::VersionExhausted) before any SQL, a deadlock, a lost connection. Nothing was
    /// written then.
    fn save_each<'m, C>(
        models: &'m mut [Self],
        conn: &mut C,
    ) -> Result<Vec<Result<Change<'m, Self>>>>
    where
        C: BlockingConnection,
        Self: Owner<C::Db>,
    {
        poll_ready(operation::save_each(
            models,
            &mut BlockingExecutor::new(conn),
        ))
    }

    /// Replaces the model by its row as it is now. On MySQL and MariaDB the row is locked for it until the
    /// transaction ends, as an unlocked read would show the transaction's snapshot.
    ///
    /// ```sql
    /// SELECT id, title, version FROM tickets WHERE id = $1            -- MySQL, MariaDB: FOR UPDATE
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`](crate::Error::NotFound) if the row is gone; the model is as it was.
    fn reload<C>(&mut self, conn: &mut C) -> Result<()>
    where
        C: BlockingConnection,
        Self: Owner<C::Db>,
    {
        poll_ready(operation::reload(self, &mut BlockingExecutor::new(conn)))
    }

    /// Checks that the row is still at the version that was loaded; writes nothing. Inside of a transaction the row
    /// is held at this version until the transaction ends: for a decision that rests on a record which it does not
    /// change.
    ///
    /// ```sql
    /// SELECT version FROM tickets WHERE id = $1 FOR SHARE             -- MySQL, MariaDB: LOCK IN SHARE MODE
    /// ```
    ///
    /// `SQLite` has no row locks: there the row is held only in a transaction that already writes (`BEGIN IMMEDIATE`).
    ///
    /// # Errors
    ///
    /// [`Error::Conflict`](crate::Error::Conflict) if the row is at another version, or gone.
    fn verify<C>(&self, conn: &mut C) -> Result<()>
    where
        C: BlockingConnection,
        Self: Owner<C::Db>,
    {
        poll_ready(operation::verify(self, &mut BlockingExecutor::new(conn)))
    }

    /// The record with this key at this version, not loaded: for the version that a client sent (`If-Match`).
    fn at(id: impl Into<Self::Id>, version: impl Into<Self::Version>) -> At<Self> {
        At::new(id.into(), version.into())
    }

    /// Loads the record, changes it and saves it; after a conflict it is loaded again and `change` runs again, as
    /// [`Retry::default`] says. Answers with the record as it was saved.
    ///
    /// ```
    /// # use diesel::prelude::*;
    /// # use versioned_core::prelude::*;
    /// # diesel::table! { tickets { id -> BigInt, price -> BigInt, version -> BigInt, } }
    /// # #[derive(Clone, Queryable, Selectable, Versioned)]
    /// # #[diesel(table_name = tickets)]
    /// # #[versioned(owner)]
    /// # struct Ticket { id: i64, price: i64, version: i64 }
    /// # fn raise(conn: &mut SqliteConnection) -> versioned_core::Result<Ticket> {
    /// Ticket::update_with(&7, conn, |ticket| {
    ///     ticket.price += 5;
    ///     Ok(())
    /// })
    /// # }
    /// ```
    ///
    /// Inside of a transaction a serialization failure is not retried: the transaction must be run again, by whoever
    /// opened it.
    ///
    /// # Errors
    ///
    /// What `change` returns ([`Error::other`](crate::Error::other) for errors of your own),
    /// without a retry; [`Error::NotFound`](crate::Error::NotFound) if the row is gone; the last
    /// conflict, when the retries are used up; [`Error::KeyChanged`](crate::Error::KeyChanged) or
    /// [`Error::VersionAssigned`](crate::Error::VersionAssigned) if `change` assigns to these.
    fn update_with<C, F>(id: &Self::Id, conn: &mut C, change: F) -> Result<Self>
    where
        C: BlockingConnection,
        Self: Owner<C::Db>,
        F: FnMut(&mut Self) -> Result<()>,
    {
        Self::update_with_retry(id, Retry::default(), conn, change)
    }

    /// As [`update_with`](OwnerDsl::update_with), with a policy of your own.
    ///
    /// # Errors
    ///
    /// As [`update_with`](OwnerDsl::update_with).
    fn update_with_retry<C, F>(id: &Self::Id, retry: Retry, conn: &mut C, change: F) -> Result<Self>
    where
        C: BlockingConnection,
        Self: Owner<C::Db>,
        F: FnMut(&mut Self) -> Result<()>,
    {
        let change = Closure(change);
        poll_ready(operation::update_with(
            id,
            &mut BlockingExecutor::new(conn),
            retry,
            change,
        ))
    }

    /// A page of the records as they stand, as events of `op` [`Snapshot`](crate::Op::Snapshot), for replicas that join
    /// late: at most `limit` after the event `after`, the last one of the page before. An empty page is the end.
    ///
    /// A replica applies them in any order, and live events in between: they carry versions. With
    /// `#[versioned(tombstones)]` the deleted records follow the live ones, as snapshots without data; without them a
    /// replica that joins late waits for ever for the rest of a record of which it has heard only the deletion.
    ///
    /// ```sql
    /// SELECT id, title, version FROM tickets WHERE (id) > ($1) ORDER BY id LIMIT $2
    /// ```
    ///
    /// # Errors
    ///
    /// What the database says.
    fn snapshot<C>(
        after: Option<&Event<Self>>,
        limit: usize,
        conn: &mut C,
    ) -> Result<Vec<Event<Self>>>
    where
        C: BlockingConnection,
        Self: Owner<C::Db> + Versioned<Version: SequentialVersion>,
    {
        poll_ready(operation::snapshot(
            after,
            limit,
            &mut BlockingExecutor::new(conn),
        ))
    }

    /// The assignment `version = version + 1`, for an ordinary Diesel update of many rows:
    /// `diesel::update(tickets::table).set((tickets::price.eq(0), Ticket::bump()))`. Only a version
    /// that counts has it.
    ///
    /// It guards nothing; copies that were loaded before are stale after it. Name the version column in the same
    /// `set` nowhere else. At the type's maximum PostgreSQL and MySQL refuse the update, `SQLite` does not.
    fn bump() -> Bump<Self>
    where
        Self: PlainOwner + Versioned<Version: SequentialVersion>,
    {
        Bump::new()
    }
}

impl<M: OwnerModel> OwnerDsl for M {}
