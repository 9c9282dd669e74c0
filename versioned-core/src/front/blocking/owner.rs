//! `ticket.save(conn)`: the methods of an owner.

use super::{At, BlockingExecutor, Closure, poll_ready};
use crate::change::Change;
use crate::connection::BlockingConnection;
use crate::error::Result;
use crate::event::Event;
use crate::model::{OwnerModel, PlainOwner, ScopeOf, Scoped, Unscoped, Versioned};
use crate::operation::{self, Deleting, Saving};
use crate::owner::Owner;
use crate::retry::Retry;
use crate::statement::{Bump, NewRow, NewRows};
use crate::version::SequentialVersion;

/// The methods of an owner on a Diesel connection: guarded writes, and the reads that precede them.
///
/// | purpose | methods |
/// | --- | --- |
/// | insert a record | [`insert`](OwnerDsl::insert) at the initial version, [`create`](OwnerDsl::create) with a key or defaults from the database, [`import`](OwnerDsl::import) at the version that the model carries |
/// | read | [`find`](OwnerDsl::find), [`reload`](OwnerDsl::reload), [`verify`](OwnerDsl::verify), [`snapshot`](OwnerDsl::snapshot), [`snapshot_in`](OwnerDsl::snapshot_in) a scope |
/// | send again | [`resend`](OwnerDsl::resend), [`resend_page`](OwnerDsl::resend_page), [`resend_page_in`](OwnerDsl::resend_page_in) a scope |
/// | write a loaded record | [`save`](OwnerDsl::save), [`touch`](OwnerDsl::touch), [`delete`](OwnerDsl::delete) |
/// | write a record that may not exist yet | [`upsert`](OwnerDsl::upsert) |
/// | write without a loaded record | [`at`](OwnerDsl::at) a version that a client sent, [`update_with`](OwnerDsl::update_with) and [`update_with_retry`](OwnerDsl::update_with_retry), which load and retry, [`bump`](OwnerDsl::bump) in an ordinary Diesel update |
/// | write many records | [`insert_all`](OwnerDsl::insert_all), [`create_all`](OwnerDsl::create_all), [`save_all`](OwnerDsl::save_all), [`upsert_all`](OwnerDsl::upsert_all), [`delete_all`](OwnerDsl::delete_all), [`save_each`](OwnerDsl::save_each) |
///
/// The trait is implemented for every model with `#[versioned(owner)]`. `insert`, `save`, `upsert`,
/// `touch` and `delete` return a [`Change`], which serializes as its event. [`Tracked`](crate::Tracked)
/// writes changed columns only; [`transaction`](fn@crate::transaction) restores the versions in
/// memory after a rollback.
///
/// Each method takes any Diesel connection: plain, pooled or `#[derive(MultiConnection)]`. Generic
/// code needs one bound, [`Owner<C::Backend>`](crate::Owner). The
/// [guide](crate::guide::reference::backends) lists how many statements each method takes on each
/// database. The SQL below is that of a table `tickets (id, title, version)`. With
/// `#[versioned(scope)]`, each statement also compares the scope, as in `id = $1 AND tenant = $2`, and
/// keys are an [`InScope`](crate::InScope): see the [guide](crate::guide::how_to::scope).
///
/// # Errors
///
/// If a method returns an error, its model is unchanged. These errors are common to several
/// methods, and are not repeated below:
///
/// - [`Error::Conflict`](crate::Error::Conflict) of kind
///   [`Serialization`](crate::ConflictKind::Serialization), if the database rejects the statement
///   because of another transaction: a serialization failure, a deadlock or `SQLITE_BUSY`.
/// - [`Error::Database`](crate::Error::Database), if a query fails for another reason.
/// - [`Error::NotFound`](crate::Error::NotFound), in place of a conflict of kind
///   [`Deleted`](crate::ConflictKind::Deleted), if the model has a scope and no row of the scope has
///   the key.
/// - [`Error::NotUnique`](crate::Error::NotUnique), if several rows have the key of the model.
/// - [`Error::View`](crate::Error::View), if the table is a view of SQLite and the outcome of a
///   write is therefore unknown.
/// - [`Error::NotFinite`](crate::Error::NotFinite), if the model has an `outbox` and a field of the
///   event is NaN or infinite.
/// - [`Error::KeyTooLong`](crate::Error::KeyTooLong), if the text of the key has more than 2,400
///   bytes, in a write of a model with an `outbox`, and in an insertion or deletion with
///   `tombstones`.
pub trait OwnerDsl: OwnerModel {
    /// Inserts the record with the key that it carries, at the initial version, and sets the
    /// version in memory.
    ///
    /// The statement writes every field, and a `None` as NULL, so that the row equals the model.
    /// For a key or defaults from the database, use [`create`](OwnerDsl::create).
    ///
    /// ```sql
    /// INSERT INTO tickets (id, title, version) VALUES ($1, $2, 1)
    /// ```
    ///
    /// With `#[versioned(tombstones)]`, a record that was deleted continues after the version of
    /// its deletion. The insertion then runs in a transaction that locks the position of the
    /// record.
    ///
    /// # Errors
    ///
    /// - [`Error::Database`](crate::Error::Database) with a UNIQUE violation, if the key is taken.
    /// - [`Error::Conflict`](crate::Error::Conflict) of kind
    ///   [`Suppressed`](crate::ConflictKind::Suppressed), if the database reports success and wrote
    ///   no row.
    /// - [`Error::KeyGenerated`](crate::Error::KeyGenerated), if the database did not keep the key,
    ///   for example if MySQL replaced 0 in an `AUTO_INCREMENT` column.
    /// - [`Error::VersionExhausted`](crate::Error::VersionExhausted), if `tombstones` is set and
    ///   the deletion is at the maximum of the version's type.
    fn insert<C>(&mut self, conn: &mut C) -> Result<Change<'_, Self>>
    where
        C: BlockingConnection,
        Self: Owner<C::Db>,
    {
        poll_ready(operation::insert(self, &mut BlockingExecutor::new(conn)))
    }

    /// Inserts a row for which the database generates the key or other columns, and returns the
    /// row.
    ///
    /// `new` is any Diesel `Insertable` for the table that leaves the version out. The row gets the
    /// initial version.
    ///
    /// ```sql
    /// INSERT INTO tickets (version, title) VALUES (1, $1) RETURNING id, title, version
    /// ```
    ///
    /// - **SQLite** runs the same statement in a transaction, and rolls it back if the row cannot
    ///   be read. In an attached database it runs `INSERT .. RETURNING quote(id)` and a SELECT by
    ///   that key.
    /// - **MySQL and MariaDB** run `DO LAST_INSERT_ID(0)`, the INSERT and
    ///   `SELECT .. WHERE id = LAST_INSERT_ID()` in a transaction.
    ///
    /// # Errors
    ///
    /// - [`Error::VersionAssigned`](crate::Error::VersionAssigned), before any SQL, if `new`
    ///   assigns to the version.
    /// - [`Error::KeyNotGenerated`](crate::Error::KeyNotGenerated) on MySQL and MariaDB, unless the
    ///   key is one `AUTO_INCREMENT` column that `new` leaves out. In an attached database of
    ///   SQLite, if the key of the new row is NULL or a trigger changed it.
    /// - [`Error::Conflict`](crate::Error::Conflict) of kind
    ///   [`Suppressed`](crate::ConflictKind::Suppressed), if the database reports success and wrote
    ///   no row.
    fn create<N, C>(new: N, conn: &mut C) -> Result<Self>
    where
        C: BlockingConnection,
        Self: Owner<C::Db>,
        N: NewRow<Self, C::Db>,
    {
        poll_ready(operation::create(new, &mut BlockingExecutor::new(conn)))
    }

    /// Inserts the record at the version that it carries, for records from another system.
    ///
    /// ```sql
    /// INSERT INTO tickets (id, title, version) VALUES ($1, $2, $3)
    /// ```
    ///
    /// # Errors
    ///
    /// - [`Error::Database`](crate::Error::Database) with a UNIQUE violation, if the key is taken.
    /// - [`Error::Conflict`](crate::Error::Conflict) of kind
    ///   [`Suppressed`](crate::ConflictKind::Suppressed), and
    ///   [`Error::KeyGenerated`](crate::Error::KeyGenerated), as for [`insert`](OwnerDsl::insert).
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
    /// Returns [`Error::NotFound`](crate::Error::NotFound) if no row has the key.
    /// [`optional`](crate::OptionalExt::optional) turns that into `None`.
    fn find<C>(id: &Self::Id, conn: &mut C) -> Result<Self>
    where
        C: BlockingConnection,
        Self: Owner<C::Db>,
    {
        poll_ready(operation::find(id, &mut BlockingExecutor::new(conn)))
    }

    /// Writes all fields to the row if the row is still at the version that was loaded, and
    /// increments the version.
    ///
    /// The version is incremented even if no field changed. To write only changed columns, use
    /// [`Tracked`](crate::Tracked).
    ///
    /// ```sql
    /// UPDATE tickets SET title = $1, version = $2 WHERE id = $3 AND version = $4
    /// ```
    ///
    /// The key field selects the row. If the caller changes the key of a model, `save` addresses
    /// another record. A key of text is also compared by its bytes, whatever the collation of its
    /// column is.
    ///
    /// The statement does not write a field with `#[diesel(skip_update)]`. A model with such
    /// fields, or with `skip_insertion`, is replaced by its row: by RETURNING on PostgreSQL, and
    /// elsewhere by a SELECT in a transaction.
    ///
    /// # Errors
    ///
    /// - [`Error::Conflict`](crate::Error::Conflict) of kind [`Stale`](crate::ConflictKind::Stale)
    ///   if the row is at another version, [`Deleted`](crate::ConflictKind::Deleted) if no row has
    ///   the key, and [`Suppressed`](crate::ConflictKind::Suppressed) if a trigger, a rule or a
    ///   policy suppressed the write.
    /// - [`Error::VersionExhausted`](crate::Error::VersionExhausted), before any SQL, if the
    ///   version is at the maximum of its type.
    ///
    /// The model is unchanged, so the same save fails again. [`reload`](OwnerDsl::reload) the
    /// model, or use [`update_with`](OwnerDsl::update_with).
    fn save<C>(&mut self, conn: &mut C) -> Result<Change<'_, Self>>
    where
        C: BlockingConnection,
        Self: Owner<C::Db>,
    {
        poll_ready(operation::save(self, &mut BlockingExecutor::new(conn)))
    }

    /// Inserts the record if no row has its key. Otherwise saves it, if the row is still at the
    /// version in memory.
    ///
    /// The row that is inserted is at the initial version, and the row that is saved at the next
    /// one. The [`Change`] and the event, of which there is one, say which it was:
    /// [`Created`](crate::Op::Created) or [`Updated`](crate::Op::Updated).
    ///
    /// The version in memory decides which statement comes first. Both are guarded, so it does not
    /// decide what is written.
    ///
    /// ```sql
    /// -- version 0, or whatever precedes the initial version: a new record
    /// INSERT INTO tickets (id, title, version) VALUES ($1, $2, 1) ON CONFLICT (id) DO NOTHING
    /// -- any other version: a loaded record
    /// UPDATE tickets SET title = $1, version = $2 WHERE id = $3 AND version = $4
    /// ```
    ///
    /// If it writes no row, the other statement follows. MySQL and MariaDB run the INSERT without
    /// `ON CONFLICT`, and a UNIQUE violation is followed by the UPDATE. The rest is as in
    /// [`insert`](OwnerDsl::insert) and [`save`](OwnerDsl::save).
    ///
    /// Give a new record a version below the initial one, for example 0. Of several upserts of one
    /// new key, one inserts the row, and the others are conflicts of kind
    /// [`Stale`](crate::ConflictKind::Stale). A record that is given the initial version instead
    /// also updates a row that another upsert has just inserted.
    ///
    /// `upsert` inserts a record again that was deleted after it was loaded. With
    /// `#[versioned(tombstones)]`, it continues after the version of its deletion, as with
    /// `insert`. Use `save` if the deletion must win.
    ///
    /// ```
    /// # use diesel::prelude::*;
    /// # use versioned_core::prelude::*;
    /// # diesel::table! { tickets { id -> BigInt, price -> BigInt, version -> BigInt, } }
    /// # #[derive(Debug, Clone, Queryable, Selectable, Versioned)]
    /// # #[diesel(table_name = tickets)]
    /// # #[versioned(owner)]
    /// # struct Ticket { id: i64, price: i64, version: i64 }
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let conn = &mut SqliteConnection::establish(":memory:")?;
    /// # diesel::sql_query(
    /// #     "CREATE TABLE tickets (id BIGINT PRIMARY KEY, price BIGINT NOT NULL, version BIGINT NOT NULL)",
    /// # ).execute(conn)?;
    /// use versioned_core::Op;
    ///
    /// let mut ticket = Ticket { id: 7, price: 20, version: 0 };
    /// let mut another = ticket.clone();
    /// assert_eq!(ticket.upsert(conn)?.op(), Op::Created);
    /// ticket.price = 25;
    /// assert_eq!(ticket.upsert(conn)?.op(), Op::Updated);
    ///
    /// let error = another.upsert(conn).unwrap_err();
    /// assert_eq!(error.to_string(), "tickets 7 is stale: expected version 0, found 2");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// - [`Error::Conflict`](crate::Error::Conflict) of kind [`Stale`](crate::ConflictKind::Stale)
    ///   if the row is at another version, and [`Suppressed`](crate::ConflictKind::Suppressed) if a
    ///   trigger, a rule or a policy suppressed the write. It is of kind
    ///   [`Deleted`](crate::ConflictKind::Deleted) only if others insert and delete the row at every
    ///   attempt.
    /// - [`Error::Database`](crate::Error::Database) with a UNIQUE violation, if another row has
    ///   another unique key of this one, or the same key in another spelling.
    /// - [`Error::VersionExhausted`](crate::Error::VersionExhausted), before any SQL, if the
    ///   version is at the maximum of its type.
    /// - [`Error::KeyGenerated`](crate::Error::KeyGenerated), as for [`insert`](OwnerDsl::insert).
    fn upsert<C>(&mut self, conn: &mut C) -> Result<Change<'_, Self>>
    where
        C: BlockingConnection,
        Self: Owner<C::Db>,
    {
        poll_ready(operation::upsert(self, &mut BlockingExecutor::new(conn)))
    }

    /// Increments the version of the row if the row is still at the version that was loaded, and
    /// writes nothing else.
    ///
    /// Use this for a record whose children changed. The [`Change`] shows the row. It does not show
    /// fields that were changed in memory and not saved.
    ///
    /// ```sql
    /// UPDATE tickets SET version = $1 WHERE id = $2 AND version = $3 RETURNING id, title, version
    /// ```
    ///
    /// MySQL and MariaDB run the UPDATE and a SELECT in a transaction.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`save`](OwnerDsl::save).
    fn touch<C>(&mut self, conn: &mut C) -> Result<Change<'_, Self>>
    where
        C: BlockingConnection,
        Self: Owner<C::Db>,
    {
        poll_ready(operation::touch(self, &mut BlockingExecutor::new(conn)))
    }

    /// Deletes the row if the row is still at the version that was loaded.
    ///
    /// The deletion has its own version, which is the deleted version plus one. The model in memory
    /// gets that version.
    ///
    /// ```sql
    /// DELETE FROM tickets WHERE id = $1 AND version = $2
    /// ```
    ///
    /// # Errors
    ///
    /// Returns the errors of [`save`](OwnerDsl::save).
    fn delete<C>(&mut self, conn: &mut C) -> Result<Change<'_, Self>>
    where
        C: BlockingConnection,
        Self: Owner<C::Db>,
    {
        poll_ready(operation::delete(self, &mut BlockingExecutor::new(conn)))
    }

    /// Inserts all of these records at the initial version, or none.
    ///
    /// ```sql
    /// WITH given AS (SELECT unnest($1) AS c0, unnest($2) AS c1, ..)
    ///     INSERT INTO tickets (id, ..) SELECT c0, .. FROM given
    /// ```
    ///
    /// - **PostgreSQL** takes one statement for each 2,000 rows, with each column as an array.
    ///   Several statements share a transaction.
    /// - **MySQL and MariaDB** do the same with `JSON_TABLE`, and **SQLite** with `VALUES` for 50
    ///   rows at a time. The conditions are those of [`save_all`](OwnerDsl::save_all).
    /// - Models with `tombstones` are inserted one by one with [`insert`](OwnerDsl::insert), in a
    ///   transaction.
    ///
    /// # Errors
    ///
    /// - [`Error::TwiceInBatch`](crate::Error::TwiceInBatch), before any SQL, if two models have
    ///   the same key.
    /// - [`Error::Database`](crate::Error::Database) with a UNIQUE violation, if a key is taken.
    /// - The other errors of [`insert`](OwnerDsl::insert).
    ///
    /// No row was inserted then, and the models are unchanged.
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

    /// Inserts rows for which the database generates the keys or other columns, or none, and returns
    /// them in the order in which they are given.
    ///
    /// Each of `rows` is what [`create`](OwnerDsl::create) takes. Each row gets the initial
    /// version.
    ///
    /// **PostgreSQL** takes one statement for each 500 rows. Several statements, and those of a
    /// model with an outbox, share a transaction.
    ///
    /// ```sql
    /// WITH written AS (INSERT INTO tickets (version, title) VALUES (1, $1), (1, $2), ..
    ///     RETURNING id, title, version) SELECT * FROM written WHERE ..
    /// ```
    ///
    /// The condition fails the statement if the database suppressed one of its rows.
    ///
    /// **SQLite**, **MySQL** and **MariaDB** insert the rows one by one in a transaction, as
    /// `create` does. SQLite may return the rows of one statement in any order, and MySQL does not
    /// say which keys it generated for them.
    ///
    /// ```
    /// # use diesel::prelude::*;
    /// # use versioned_core::prelude::*;
    /// # diesel::table! { tickets { id -> BigInt, price -> BigInt, version -> BigInt, } }
    /// # #[derive(Clone, Queryable, Selectable, Versioned)]
    /// # #[diesel(table_name = tickets)]
    /// # #[versioned(owner)]
    /// # struct Ticket { id: i64, price: i64, version: i64 }
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let conn = &mut SqliteConnection::establish(":memory:")?;
    /// # diesel::sql_query(
    /// #     "CREATE TABLE tickets (id INTEGER PRIMARY KEY, price BIGINT NOT NULL, version BIGINT NOT NULL)",
    /// # ).execute(conn)?;
    /// let prices = vec![tickets::price.eq(20), tickets::price.eq(25)];
    /// let created = Ticket::create_all(prices, conn)?;
    /// assert_eq!((created[0].price, created[1].price), (20, 25));
    /// assert!(created[0].id != created[1].id);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Returns the errors of [`create`](OwnerDsl::create). No row was inserted then.
    fn create_all<N, C>(rows: Vec<N>, conn: &mut C) -> Result<Vec<Self>>
    where
        C: BlockingConnection,
        Self: Owner<C::Db>,
        N: NewRows<Self, C::Db> + Send,
    {
        poll_ready(operation::create_all(
            rows,
            &mut BlockingExecutor::new(conn),
        ))
    }

    /// Saves all of these records, or none. Each row must be at the version that its model was
    /// loaded at.
    ///
    /// The rows are written in the order of their keys. Batches that overlap therefore wait for
    /// each other and do not deadlock.
    ///
    /// **PostgreSQL** takes one statement for each 2,000 rows, with each column as an array. More
    /// than 100 rows are written in a transaction. Up to 100 rows need none: the statement locks
    /// all of them before it writes the first (`WITH held AS (SELECT .. FOR NO KEY UPDATE)`).
    ///
    /// ```sql
    /// WITH given AS (SELECT unnest($1) AS c0, unnest($2) AS c1, ..)
    ///     UPDATE tickets AS target SET title = c2, version = c3 FROM given
    ///     WHERE target.version = ANY(ARRAY[c0]) AND target.id = ANY(ARRAY[c1])
    /// ```
    ///
    /// **MySQL and MariaDB** take the rows as JSON in a transaction, up to 2,000 rows or 1 MiB at a
    /// time. This applies from 4 rows on, if keys and version are integers and the type of each
    /// column keeps its values in JSON (bytes do not).
    ///
    /// ```sql
    /// UPDATE JSON_TABLE(?, '$[*]' COLUMNS (c0 BIGINT PATH '$[0]' ERROR ON ERROR, ..)) AS given
    ///     STRAIGHT_JOIN tickets AS target ON target.version = c0 AND target.id = c1
    ///     SET target.title = c2, target.version = c3
    /// ```
    ///
    /// **SQLite** takes 50 rows at a time, in a transaction.
    ///
    /// ```sql
    /// WITH given (c0, c1, ..) AS (VALUES (?, ?, ..), ..)
    ///     UPDATE tickets AS target SET title = c2, version = c3
    ///     FROM given WHERE target.version = c0 AND target.id = c1
    /// ```
    ///
    /// In these cases the rows are written one by one with [`save`](OwnerDsl::save), in a
    /// transaction:
    ///
    /// - rows that are left over from the batches above;
    /// - on PostgreSQL, a column without an array form, such as an array;
    /// - a database that does not know the statement, and a `MultiConnection`;
    /// - on SQLite, MySQL and MariaDB, a model with an outbox, and a batch with a rejected row, to
    ///   find out which row that is.
    ///
    /// # Errors
    ///
    /// - [`Error::Conflicts`](crate::Error::Conflicts) with each row that is at another version or
    ///   gone.
    /// - [`Error::TwiceInBatch`](crate::Error::TwiceInBatch), before any SQL, if two models have
    ///   the same key.
    /// - [`Error::VersionExhausted`](crate::Error::VersionExhausted), before any SQL, if a version
    ///   is at the maximum of its type.
    ///
    /// No row was written then, and the models are unchanged.
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

    /// Inserts or saves all of these records, as [`upsert`](OwnerDsl::upsert) does, or none.
    ///
    /// The new records, by their versions in memory, are inserted by the statements of
    /// [`insert_all`](OwnerDsl::insert_all), and the others saved by those of
    /// [`save_all`](OwnerDsl::save_all). If both exist, the statements share a transaction.
    ///
    /// If a row is not as its version in memory says, the batch is rolled back and its records are
    /// upserted one by one in a transaction. The others that `insert_all` or `save_all` writes one
    /// by one are, too. Each [`Change`] says what was done with its record.
    ///
    /// # Errors
    ///
    /// - [`Error::Conflicts`](crate::Error::Conflicts) with each row that is at another version.
    /// - [`Error::TwiceInBatch`](crate::Error::TwiceInBatch), before any SQL, if two models have
    ///   the same key.
    /// - The other errors of [`upsert`](OwnerDsl::upsert).
    ///
    /// No row was written then, and the models are unchanged.
    fn upsert_all<'m, C>(models: &'m mut [Self], conn: &mut C) -> Result<Vec<Change<'m, Self>>>
    where
        C: BlockingConnection,
        Self: Owner<C::Db>,
    {
        poll_ready(operation::upsert_all(
            models,
            &mut BlockingExecutor::new(conn),
        ))
    }

    /// Deletes all of these records, or none. Each row must be at the version that its model was
    /// loaded at.
    ///
    /// The statements are those of [`save_all`](OwnerDsl::save_all) with DELETE. On SQLite, and
    /// with `tombstones`, the rows are deleted one by one in a transaction.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`save_all`](OwnerDsl::save_all).
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

    /// Saves those of these records that can be saved, and returns a result for each.
    ///
    /// A row that is at another version, gone, or rejected by a constraint is unchanged, and so is
    /// its model.
    ///
    /// **PostgreSQL** takes one statement for each 2,000 rows, as [`save_all`](OwnerDsl::save_all)
    /// does. If a constraint rejects a row, and on the other databases, the rows are saved one by
    /// one with [`save`](OwnerDsl::save) in a transaction.
    ///
    /// # Errors
    ///
    /// The outer result is an error if the cause is not a single row. No row was written then.
    ///
    /// - [`Error::TwiceInBatch`](crate::Error::TwiceInBatch), before any SQL, if two models have
    ///   the same key.
    /// - [`Error::VersionExhausted`](crate::Error::VersionExhausted), before any SQL, if a version
    ///   is at the maximum of its type.
    /// - [`Error::Conflict`](crate::Error::Conflict) of kind
    ///   [`Serialization`](crate::ConflictKind::Serialization), for example after a deadlock.
    /// - [`Error::Database`](crate::Error::Database), for example if the connection is lost.
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

    /// Replaces the model with its current row.
    ///
    /// On MySQL and MariaDB the statement locks the row until the transaction ends, because an
    /// unlocked read would show the snapshot of the transaction.
    ///
    /// ```sql
    /// SELECT id, title, version FROM tickets WHERE id = $1 -- MySQL, MariaDB: FOR UPDATE
    /// ```
    ///
    /// # Errors
    ///
    /// Returns [`Error::NotFound`](crate::Error::NotFound) if no row has the key.
    fn reload<C>(&mut self, conn: &mut C) -> Result<()>
    where
        C: BlockingConnection,
        Self: Owner<C::Db>,
    {
        poll_ready(operation::reload(self, &mut BlockingExecutor::new(conn)))
    }

    /// Checks that the row is still at the version that was loaded, and writes nothing.
    ///
    /// Inside a transaction, the row is locked at this version until the transaction ends. Use this
    /// for a decision that depends on a record which the transaction does not change.
    ///
    /// ```sql
    /// SELECT version FROM tickets WHERE id = $1 FOR SHARE -- MySQL, MariaDB: LOCK IN SHARE MODE
    /// ```
    ///
    /// `SQLite` has no row locks. There the row is held only in a transaction that already writes
    /// (`BEGIN IMMEDIATE`).
    ///
    /// # Errors
    ///
    /// Returns [`Error::Conflict`](crate::Error::Conflict) of kind
    /// [`Stale`](crate::ConflictKind::Stale) if the row is at another version, and of kind
    /// [`Deleted`](crate::ConflictKind::Deleted) if no row has the key.
    fn verify<C>(&self, conn: &mut C) -> Result<()>
    where
        C: BlockingConnection,
        Self: Owner<C::Db>,
    {
        poll_ready(operation::verify(self, &mut BlockingExecutor::new(conn)))
    }

    /// Names a record and a version without loading it, for the version that a client sent
    /// (`If-Match`). Runs no SQL.
    fn at(id: impl Into<Self::Id>, version: impl Into<Self::Version>) -> At<Self> {
        At::new(id.into(), version.into())
    }

    /// Loads the record, runs `change` on it and saves it; returns the saved record.
    ///
    /// After a conflict, the method loads the record again and runs `change` again, up to 200
    /// times, as [`Retry::default`] defines.
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
    /// Inside a transaction of the caller, a serialization failure is not retried. The caller must
    /// retry the whole transaction.
    ///
    /// # Errors
    ///
    /// - [`Error::NotFound`](crate::Error::NotFound), if no row has the key when the record is
    ///   loaded, for the first time or again.
    /// - [`Error::Conflict`](crate::Error::Conflict) of kind
    ///   [`Deleted`](crate::ConflictKind::Deleted), if the row disappears between a load and the
    ///   save.
    /// - [`Error::Conflict`](crate::Error::Conflict) of another kind, if the retries are used up or
    ///   the conflict is one that a retry cannot resolve.
    /// - [`Error::KeyChanged`](crate::Error::KeyChanged) or
    ///   [`Error::VersionAssigned`](crate::Error::VersionAssigned), if `change` assigns to the key
    ///   or to the version.
    /// - The error that `change` returns, without a retry. [`Error::other`](crate::Error::other)
    ///   wraps an error of the caller.
    fn update_with<C, F>(id: &Self::Id, conn: &mut C, change: F) -> Result<Self>
    where
        C: BlockingConnection,
        Self: Owner<C::Db>,
        F: FnMut(&mut Self) -> Result<()>,
    {
        Self::update_with_retry(id, Retry::default(), conn, change)
    }

    /// Loads, changes and saves the record as [`update_with`](OwnerDsl::update_with) does, with
    /// another retry policy.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`update_with`](OwnerDsl::update_with).
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

    /// Returns a page of the current records, as events of `op` [`Snapshot`](crate::Op::Snapshot),
    /// for a replica that joins late.
    ///
    /// The page has at most `limit` events. It starts after the event `after`, the last one of the
    /// previous page. An empty page is the end.
    ///
    /// A replica can apply the events in any order, and live events in between, because they carry
    /// versions. With `#[versioned(tombstones)]`, the deleted records follow the live ones, as
    /// snapshots without data. Without `tombstones`, a replica that joins late cannot apply a
    /// deletion of a record that it never saw, and reports it as a gap each time.
    ///
    /// ```sql
    /// SELECT id, title, version FROM tickets WHERE (id) > ($1) ORDER BY id LIMIT $2
    /// ```
    ///
    /// # Errors
    ///
    /// Returns [`Error::Database`](crate::Error::Database) if a query fails, and
    /// [`Error::Conflict`](crate::Error::Conflict) of kind
    /// [`Serialization`](crate::ConflictKind::Serialization) if the database rejects it because of
    /// another transaction.
    fn snapshot<C>(
        after: Option<&Event<Self>>,
        limit: usize,
        conn: &mut C,
    ) -> Result<Vec<Event<Self>>>
    where
        C: BlockingConnection,
        Self: Owner<C::Db> + Versioned<Version: SequentialVersion, KeyColumns: Unscoped>,
    {
        poll_ready(operation::snapshot(
            None,
            after,
            limit,
            &mut BlockingExecutor::new(conn),
        ))
    }

    /// Returns a page of the current records of one scope, for a model with `#[versioned(scope)]`,
    /// as [`snapshot`](OwnerDsl::snapshot) does for a model without.
    ///
    /// `after` names the record after which the page begins. Its scope is not used. Deletions that
    /// `tombstones` remember are not in the page, because they have no scope. A replica that needs
    /// them, or the records of every scope, takes the `snapshot` of a second model of the table
    /// without a scope.
    ///
    /// ```sql
    /// SELECT id, tenant, title, version FROM tickets
    ///     WHERE tenant = $1 AND (id) > ($2) ORDER BY id LIMIT $3
    /// ```
    ///
    /// # Errors
    ///
    /// Returns the errors of [`snapshot`](OwnerDsl::snapshot).
    fn snapshot_in<C>(
        scope: &<Self as Scoped<C::Db>>::Scope,
        after: Option<&Event<Self>>,
        limit: usize,
        conn: &mut C,
    ) -> Result<Vec<Event<Self>>>
    where
        C: BlockingConnection,
        Self: Owner<C::Db> + Scoped<C::Db> + Versioned<Version: SequentialVersion>,
    {
        poll_ready(operation::snapshot(
            Some(&ScopeOf::<Self, C::Db>(scope)),
            after,
            limit,
            &mut BlockingExecutor::new(conn),
        ))
    }

    /// Sends the present state of a record once more: inserts an event of `op`
    /// [`Snapshot`](crate::Op::Snapshot) into the outbox. It repairs a replica that has missed an
    /// event of the record, or that has a damaged row. Its version is that of the row, so the record
    /// does not move.
    ///
    /// With `#[versioned(tombstones)]`, the snapshot of a deleted record has no data, and a replica
    /// deletes its row. The row is locked against writes until the snapshot is in the outbox, so
    /// that the record's events there stay in their order. Calling it twice does no harm. It does
    /// not compile for an owner without `outbox`.
    ///
    /// ```sql
    /// SELECT id, title, version FROM tickets WHERE id = $1 FOR SHARE
    /// INSERT INTO versioned_outbox (entity, key, version, op, payload, at) VALUES (..)
    /// ```
    ///
    /// # Errors
    ///
    /// Returns [`Error::NotFound`](crate::Error::NotFound) if the record does not exist and its
    /// deletion is not remembered, and [`NotFinite`](crate::Error::NotFinite) or
    /// [`KeyTooLong`](crate::Error::KeyTooLong) if its row cannot be an event.
    fn resend<C>(id: &Self::Id, conn: &mut C) -> Result<()>
    where
        C: BlockingConnection,
        Self: Owner<C::Db>,
    {
        poll_ready(operation::resend::<Self, _>(
            id,
            &mut BlockingExecutor::new(conn),
        ))
    }

    /// Sends the present state of a page of records once more, as [`resend`](OwnerDsl::resend) does,
    /// in one transaction, and returns their events. The next page starts after the last of them, as
    /// with [`snapshot`](OwnerDsl::snapshot). An empty page is the end.
    ///
    /// The relay publishes these events in turn with new ones. Wait between pages until
    /// [`Lag::load`](crate::outbox::Lag::load) shows that few events are pending.
    ///
    /// ```
    /// # use diesel::prelude::*;
    /// # use versioned_core::prelude::*;
    /// # diesel::table! { tickets { id -> BigInt, price -> BigInt, version -> BigInt, } }
    /// # #[derive(Clone, Queryable, Selectable, serde::Serialize, Versioned)]
    /// # #[diesel(table_name = tickets)]
    /// # #[versioned(owner, outbox, tombstones)]
    /// # struct Ticket { id: i64, price: i64, version: i64 }
    /// use std::{thread, time::Duration};
    /// use versioned_core::outbox::Lag;
    ///
    /// fn resend_all(conn: &mut SqliteConnection) -> versioned_core::Result<()> {
    ///     let mut last = None;
    ///     loop {
    ///         let page = Ticket::resend_page(last.as_ref(), 500, conn)?;
    ///         if page.is_empty() {
    ///             return Ok(());
    ///         }
    ///         last = page.into_iter().last();
    ///         while Lag::load(conn)?.pending > 1_000 {
    ///             thread::sleep(Duration::from_millis(100));
    ///         }
    ///     }
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// Returns the errors of [`snapshot`](OwnerDsl::snapshot) and of [`resend`](OwnerDsl::resend).
    /// Nothing is inserted then. A row that cannot be an event stops its page: call `snapshot` for
    /// the page, and `resend` for its other records.
    fn resend_page<C>(
        after: Option<&Event<Self>>,
        limit: usize,
        conn: &mut C,
    ) -> Result<Vec<Event<Self>>>
    where
        C: BlockingConnection,
        Self: Owner<C::Db> + Versioned<Version: SequentialVersion, KeyColumns: Unscoped>,
    {
        poll_ready(operation::resend_page(
            None,
            after,
            limit,
            &mut BlockingExecutor::new(conn),
        ))
    }

    /// Sends the present state of a page of the records of one scope once more, as
    /// [`resend_page`](OwnerDsl::resend_page) does. Deletions are not sent: see
    /// [`snapshot_in`](OwnerDsl::snapshot_in).
    ///
    /// # Errors
    ///
    /// Returns the errors of [`resend_page`](OwnerDsl::resend_page).
    fn resend_page_in<C>(
        scope: &<Self as Scoped<C::Db>>::Scope,
        after: Option<&Event<Self>>,
        limit: usize,
        conn: &mut C,
    ) -> Result<Vec<Event<Self>>>
    where
        C: BlockingConnection,
        Self: Owner<C::Db> + Scoped<C::Db> + Versioned<Version: SequentialVersion>,
    {
        poll_ready(operation::resend_page(
            Some(&ScopeOf::<Self, C::Db>(scope)),
            after,
            limit,
            &mut BlockingExecutor::new(conn),
        ))
    }

    /// Returns the assignment `version = version + 1` for an ordinary Diesel update of many rows.
    ///
    /// It is available only for a sequential version:
    /// `diesel::update(tickets::table).set((tickets::price.eq(0), Ticket::bump()))`.
    ///
    /// The assignment guards nothing, also not the scope of a model that has one, and models that were loaded before the update are stale after
    /// it. Do not assign to the version column elsewhere in the same `set`. At the maximum of the
    /// type, PostgreSQL and MySQL reject the update, and SQLite does not.
    fn bump() -> Bump<Self>
    where
        Self: PlainOwner + Versioned<Version: SequentialVersion>,
    {
        Bump::new()
    }
}

impl<M: OwnerModel> OwnerDsl for M {}
