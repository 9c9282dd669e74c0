//! A connection that fails at one statement.

use diesel::backend::Backend;
use diesel::connection::{
    AnsiTransactionManager, CacheSize, Connection, ConnectionSealed, Instrumentation,
    LoadConnection, SimpleConnection, TransactionManager, TransactionManagerStatus,
};
use diesel::expression::QueryMetadata;
use diesel::query_builder::{Query, QueryBuilder as _, QueryFragment, QueryId};
use diesel::result::{ConnectionResult, DatabaseErrorKind, Error, QueryResult};

/// Whether the database saw the statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    /// It was never sent.
    Before,
    /// It took effect, and its answer is lost.
    After,
}

/// How a statement fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The connection is gone, and Diesel knows it at once, as it does with libpq: it does not even try to roll back.
    Closed,
    /// The connection is gone, and each further statement finds out for itself.
    Unsent,
    /// The database refuses the statement, and the connection goes on; on PostgreSQL an open transaction is aborted.
    Refused,
    /// Another transaction is in the way.
    Busy,
}

/// A way to fail.
pub(crate) type Fault = (Moment, Kind);

/// All of them. A statement that another transaction is in the way of has had no effect.
pub(crate) const FAULTS: [Fault; 6] = [
    (Moment::Before, Kind::Closed),
    (Moment::Before, Kind::Unsent),
    (Moment::Before, Kind::Refused),
    (Moment::Before, Kind::Busy),
    (Moment::After, Kind::Closed),
    (Moment::After, Kind::Refused),
];

/// The statement that failed.
#[derive(Debug, Clone)]
pub(crate) struct Struck {
    pub(crate) statement: String,
    pub(crate) took_effect: bool,
    /// It was a COMMIT, or a transaction of its own, and took effect: what it wrote is there to stay.
    pub(crate) answer_lost: bool,
}

/// A connection of Diesel's, whose statements can be shown.
pub(crate) trait Real:
    LoadConnection<Backend: Backend<QueryBuilder: Default> + Default>
{
}

impl<C: LoadConnection<Backend: Backend<QueryBuilder: Default> + Default>> Real for C {}

/// Counts the statements that reach the database, BEGIN, SAVEPOINT, COMMIT and ROLLBACK included, and fails at one of them.
pub(crate) struct Faulty<C> {
    conn: C,
    // Not that of `conn`, which PostgreSQL's puts right by itself.
    transactions: AnsiTransactionManager,
    sent: usize,
    plan: Option<(usize, Fault)>,
    struck: Option<Struck>,
    lost: bool,
}

impl<C: Real> Faulty<C> {
    pub(crate) fn new(conn: C) -> Self {
        Self {
            conn,
            transactions: AnsiTransactionManager::default(),
            sent: 0,
            plan: None,
            struck: None,
            lost: false,
        }
    }

    /// A session with nothing behind it, which fails at this statement; they are counted from 1.
    pub(crate) fn begin_anew(&mut self, plan: Option<(usize, Fault)>) {
        self.hang_up();
        self.transactions = AnsiTransactionManager::default();
        self.sent = 0;
        self.plan = plan;
        self.struck = None;
        self.lost = false;
    }

    /// How many statements there were.
    pub(crate) fn sent(&self) -> usize {
        self.sent
    }

    pub(crate) fn struck(&self) -> Option<&Struck> {
        self.struck.as_ref()
    }

    pub(crate) fn is_lost(&self) -> bool {
        self.lost
    }

    /// The database rolls back what a session leaves open.
    fn hang_up(&mut self) {
        // Refused where nothing is open.
        drop(self.conn.batch_execute("ROLLBACK"));
    }

    /// Whether a transaction is open that can be used, as far as Diesel knows.
    pub(crate) fn in_transaction(&mut self) -> bool {
        matches!(self.status().transaction_depth(), Ok(Some(_)))
    }

    fn status(&mut self) -> &mut TransactionManagerStatus {
        AnsiTransactionManager::transaction_manager_status_mut(self)
    }

    /// Before a statement is sent; the fault that waits for its answer.
    fn send(&mut self, statement: impl FnOnce() -> String) -> QueryResult<Option<Kind>> {
        if self.lost {
            return Err(Kind::Closed.error());
        }
        self.sent += 1;
        let (moment, kind) = match self.plan {
            Some((at, fault)) if at == self.sent => fault,
            _ => return Ok(None),
        };
        let statement = statement();
        let commits = match statement.as_str() {
            "COMMIT" => true,
            "BEGIN" => false,
            _ => !self.in_transaction(),
        };
        // A savepoint whose release is refused was not released.
        let kept = kind == Kind::Refused && statement.starts_with("RELEASE");
        let took_effect = moment == Moment::After && !kept;
        self.struck = Some(Struck {
            statement,
            took_effect,
            answer_lost: commits && took_effect,
        });
        if !took_effect {
            return Err(self.fail(kind));
        }
        Ok(Some(kind))
    }

    /// After a statement was answered.
    fn receive<T>(&mut self, answer: QueryResult<T>, fault: Option<Kind>) -> QueryResult<T> {
        match fault {
            Some(kind) if answer.is_ok() => Err(self.fail(kind)),
            _ => answer,
        }
    }

    fn fail(&mut self, kind: Kind) -> Error {
        match kind {
            Kind::Closed | Kind::Unsent => {
                self.lost = true;
                self.hang_up();
                if kind == Kind::Closed {
                    self.status().set_in_error();
                }
            }
            Kind::Refused | Kind::Busy => self.refuse(),
        }
        kind.error()
    }

    /// Does to an open transaction what the database does when it refuses a statement.
    fn refuse(&mut self) {
        drop(self.conn.batch_execute("SELECT nothing"));
        if self.conn.batch_execute("SELECT 1").is_err() {
            self.aborted(true);
        }
    }

    /// What Diesel notes of a transaction in which PostgreSQL takes no more statements.
    fn aborted(&mut self, aborted: bool) {
        self.status()
            .set_requires_rollback_maybe_up_to_top_level(aborted);
    }
}

impl Kind {
    fn error(self) -> Error {
        let (kind, text) = match self {
            Self::Closed => (DatabaseErrorKind::ClosedConnection, "connection closed"),
            Self::Unsent => (DatabaseErrorKind::UnableToSendCommand, "broken pipe"),
            Self::Refused => (DatabaseErrorKind::Unknown, "disk full"),
            Self::Busy => (DatabaseErrorKind::SerializationFailure, "try again"),
        };
        Error::DatabaseError(kind, Box::new(text.to_owned()))
    }
}

impl<C: Real> SimpleConnection for Faulty<C> {
    fn batch_execute(&mut self, query: &str) -> QueryResult<()> {
        let fault = self.send(|| query.to_owned())?;
        let answer = self.conn.batch_execute(query);
        if answer.is_ok() && query.starts_with("ROLLBACK TO") {
            self.aborted(false);
        }
        self.receive(answer, fault)
    }
}

impl<C> ConnectionSealed for Faulty<C> {}

impl<C: Real> Connection for Faulty<C> {
    type Backend = C::Backend;
    type TransactionManager = AnsiTransactionManager;

    fn establish(url: &str) -> ConnectionResult<Self> {
        C::establish(url).map(Self::new)
    }

    fn execute_returning_count<T>(&mut self, source: &T) -> QueryResult<usize>
    where
        T: QueryFragment<Self::Backend> + QueryId,
    {
        let fault = self.send(|| text::<C, T>(source))?;
        let answer = self.conn.execute_returning_count(source);
        self.receive(answer, fault)
    }

    fn transaction_state(&mut self) -> &mut AnsiTransactionManager {
        &mut self.transactions
    }

    fn instrumentation(&mut self) -> &mut dyn Instrumentation {
        self.conn.instrumentation()
    }

    fn set_instrumentation(&mut self, instrumentation: impl Instrumentation) {
        self.conn.set_instrumentation(instrumentation);
    }

    fn set_prepared_statement_cache_size(&mut self, size: CacheSize) {
        self.conn.set_prepared_statement_cache_size(size);
    }
}

impl<C: Real> LoadConnection for Faulty<C> {
    type Cursor<'conn, 'query>
        = C::Cursor<'conn, 'query>
    where
        Self: 'conn;
    type Row<'conn, 'query>
        = C::Row<'conn, 'query>
    where
        Self: 'conn;

    fn load<'conn, 'query, T>(
        &'conn mut self,
        source: T,
    ) -> QueryResult<Self::Cursor<'conn, 'query>>
    where
        T: Query + QueryFragment<Self::Backend> + QueryId + 'query,
        Self::Backend: QueryMetadata<T::SqlType>,
    {
        match self.send(|| text::<C, T>(&source))? {
            None => self.conn.load(source),
            Some(kind) => {
                // SQLite's goes on as the rows are read.
                for row in self.conn.load(source)? {
                    row?;
                }
                Err(self.fail(kind))
            }
        }
    }
}

fn text<C: Real, T: QueryFragment<C::Backend>>(source: &T) -> String {
    let mut sql = <C::Backend as Backend>::QueryBuilder::default();
    match source.to_sql(&mut sql, &C::Backend::default()) {
        Ok(()) => sql.finish(),
        Err(error) => error.to_string(),
    }
}
