//! A connection that fails at one statement.

use diesel::backend::Backend;
use diesel::connection::{LoadConnection, TransactionManagerStatus};
use diesel::query_builder::{QueryBuilder as _, QueryFragment};
use diesel::result::{Error, QueryResult};

use super::habits::{Driver, Fault, Kind, Moment, is_noted};

/// The statement that failed.
#[derive(Debug, Clone)]
pub(crate) struct Struck {
    pub(crate) kind: Kind,
    pub(crate) statement: String,
    pub(crate) took_effect: bool,
    /// It was a COMMIT, or a transaction of its own, and took effect: what it wrote is there to stay.
    pub(crate) answer_lost: bool,
}

/// A connection whose statements can be shown.
pub(crate) trait Real:
    LoadConnection<Backend: Backend<QueryBuilder: Default> + Default>
{
    const DRIVER: Driver;

    /// What counts the transactions: not the connection's own, which PostgreSQL's puts right by itself.
    type Transactions: Default + Send;

    fn status(line: &mut Faulty<Self>) -> &mut TransactionManagerStatus;
}

/// Counts the statements that reach the database, BEGIN, SAVEPOINT, COMMIT and ROLLBACK included, and fails at one of them.
pub(crate) struct Faulty<C: Real> {
    pub(super) conn: C,
    pub(super) transactions: C::Transactions,
    sent: usize,
    plan: Option<(usize, Fault)>,
    struck: Option<Struck>,
    lost: bool,
}

/// How a session went.
#[derive(Debug, Clone)]
pub(crate) struct Report {
    /// How many statements there were.
    pub(crate) sent: usize,
    pub(crate) struck: Option<Struck>,
    /// Whether a transaction is open, as far as Diesel knows.
    pub(crate) left_open: bool,
}

/// What waits for the answer of a statement: that it fails.
pub(super) type Doom = Option<(Kind, String)>;

impl<C: Real> Faulty<C> {
    pub(super) fn new(conn: C) -> Self {
        Self {
            conn,
            transactions: C::Transactions::default(),
            sent: 0,
            plan: None,
            struck: None,
            lost: false,
        }
    }

    /// A session with nothing behind it, which fails at this statement; they are counted from 1.
    pub(super) fn begin_anew(&mut self, plan: Option<(usize, Fault)>) {
        self.hang_up();
        self.transactions = C::Transactions::default();
        self.sent = 0;
        self.plan = plan;
        self.struck = None;
        self.lost = false;
    }

    pub(super) fn report(&mut self) -> Report {
        Report {
            sent: self.sent,
            struck: self.struck.clone(),
            left_open: !self.lost && self.in_transaction(),
        }
    }

    /// The database rolls back what a session leaves open.
    fn hang_up(&mut self) {
        // Refused where nothing is open.
        drop(self.conn.batch_execute("ROLLBACK"));
    }

    /// Whether a transaction is open that can be used, as far as Diesel knows.
    fn in_transaction(&mut self) -> bool {
        matches!(C::status(self).transaction_depth(), Ok(Some(_)))
    }

    /// Before a statement is sent.
    pub(super) fn send(&mut self, statement: impl FnOnce() -> String) -> QueryResult<Doom> {
        if self.lost {
            return Err(C::DRIVER.error(Kind::Unsent, ""));
        }
        self.sent += 1;
        let (moment, kind) = match self.plan {
            Some((at, fault)) if at == self.sent => fault,
            _ => return Ok(None),
        };
        let statement = statement();
        if !C::DRIVER.can(kind, &statement) {
            return Ok(None);
        }
        let commits = match statement.as_str() {
            "COMMIT" => true,
            "BEGIN" => false,
            _ => !self.in_transaction(),
        };
        // A savepoint whose release is refused was not released.
        let kept = kind == Kind::Refused && statement.starts_with("RELEASE");
        let took_effect = moment == Moment::After && !kept;
        self.struck = Some(Struck {
            kind,
            statement: statement.clone(),
            took_effect,
            answer_lost: commits && took_effect,
        });
        if !took_effect {
            return Err(self.fail(kind, &statement));
        }
        Ok(Some((kind, statement)))
    }

    /// After a statement was answered.
    pub(super) fn receive<T>(&mut self, answer: QueryResult<T>, doom: Doom) -> QueryResult<T> {
        match doom {
            Some((kind, statement)) if answer.is_ok() => Err(self.fail(kind, &statement)),
            _ => answer,
        }
    }

    pub(super) fn fail(&mut self, kind: Kind, statement: &str) -> Error {
        let error = C::DRIVER.error(kind, statement);
        match kind {
            Kind::Closed | Kind::Unsent => {
                self.lost = true;
                self.hang_up();
                if kind == Kind::Closed {
                    C::status(self).set_in_error();
                }
            }
            Kind::Refused | Kind::Busy | Kind::Waited => {
                if C::DRIVER.ends_the_transaction(kind, statement) {
                    self.hang_up();
                    if C::DRIVER.knows_the_transaction() {
                        *C::status(self) = TransactionManagerStatus::default();
                    }
                } else if self.is_aborted() && C::DRIVER.knows_the_transaction() {
                    self.aborted(true);
                }
                if is_noted(&error, statement) {
                    self.aborted(true);
                }
            }
        }
        error
    }

    /// Does to an open transaction what the database does when it refuses a statement.
    fn is_aborted(&mut self) -> bool {
        drop(self.conn.batch_execute("SELECT nothing"));
        self.conn.batch_execute("SELECT 1").is_err()
    }

    /// What Diesel notes of a transaction in which no more statements are taken.
    fn aborted(&mut self, aborted: bool) {
        C::status(self).set_requires_rollback_maybe_up_to_top_level(aborted);
    }

    pub(super) fn batch(&mut self, query: &str) -> QueryResult<()> {
        let doom = self.send(|| query.to_owned())?;
        let answer = self.conn.batch_execute(query);
        if answer.is_ok() && query.starts_with("ROLLBACK TO") && C::DRIVER.knows_the_transaction() {
            self.aborted(false);
        }
        self.receive(answer, doom)
    }
}

pub(super) fn text<C: Real, T: QueryFragment<C::Backend>>(source: &T) -> String {
    let mut sql = <C::Backend as Backend>::QueryBuilder::default();
    match source.to_sql(&mut sql, &C::Backend::default()) {
        Ok(()) => sql.finish(),
        Err(error) => error.to_string(),
    }
}
