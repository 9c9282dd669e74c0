//! The blocking front: connections of Diesel's.

use diesel::connection::{
    AnsiTransactionManager, CacheSize, Connection, ConnectionSealed, Instrumentation,
    LoadConnection, SimpleConnection, TransactionManager, TransactionManagerStatus,
};
use diesel::expression::QueryMetadata;
use diesel::query_builder::{Query, QueryFragment, QueryId};
use diesel::result::{ConnectionResult, QueryResult};

use versioned_core::Error;
use versioned_core::outbox::{Pass, Publisher, Relay, SupportedBackend};

use super::faulty::{Faulty, Real, Report, text};
use super::habits::{Driver, Fault};

macro_rules! real {
    ($($(#[$attribute:meta])* $connection:ty: $driver:ident;)*) => {$(
        $(#[$attribute])*
        impl Real for $connection {
            const DRIVER: Driver = Driver::$driver;

            type Transactions = AnsiTransactionManager;

            fn status(line: &mut Faulty<Self>) -> &mut TransactionManagerStatus {
                AnsiTransactionManager::transaction_manager_status_mut(line)
            }
        }
    )*};
}

real! {
    diesel::SqliteConnection: Sqlite;
    #[cfg(feature = "postgres")]
    diesel::PgConnection: Libpq;
    #[cfg(feature = "mysql")]
    diesel::MysqlConnection: MysqlClient;
}

/// A connection that fails where it is told to, on either front.
pub(crate) trait Line {
    /// The ways in which it is let fail.
    const FAULTS: &'static [Fault];

    /// Of up to so many statements each fails.
    const ALL: usize;

    fn begin_anew(&mut self, plan: Option<(usize, Fault)>);
    fn report(&mut self) -> Report;
}

impl<C: Real> Line for Faulty<C> {
    const FAULTS: &'static [Fault] = C::DRIVER.faults();
    const ALL: usize = C::DRIVER.all();

    fn begin_anew(&mut self, plan: Option<(usize, Fault)>) {
        Self::begin_anew(self, plan);
    }

    fn report(&mut self) -> Report {
        Self::report(self)
    }
}

/// What the scenarios ask of a front beside its prelude.
pub(crate) use versioned_core::positions::{purge_tombstones, rebuild};

pub(crate) fn run_once<P, C>(relay: &Relay<P>, conn: &mut C) -> Result<Pass, Error>
where
    P: Publisher,
    C: LoadConnection<Backend: SupportedBackend>,
{
    relay.run_once(conn)
}

impl<C: Real> SimpleConnection for Faulty<C> {
    fn batch_execute(&mut self, query: &str) -> QueryResult<()> {
        self.batch(query)
    }
}

impl<C: Real> ConnectionSealed for Faulty<C> {}

impl<C: Real<Transactions = AnsiTransactionManager>> Connection for Faulty<C> {
    type Backend = C::Backend;
    type TransactionManager = AnsiTransactionManager;

    fn establish(url: &str) -> ConnectionResult<Self> {
        C::establish(url).map(Self::new)
    }

    fn execute_returning_count<T>(&mut self, source: &T) -> QueryResult<usize>
    where
        T: QueryFragment<Self::Backend> + QueryId,
    {
        let doom = self.send(|| text::<C, T>(source))?;
        let answer = self.conn.execute_returning_count(source);
        self.receive(answer, doom)
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

impl<C: Real<Transactions = AnsiTransactionManager>> LoadConnection for Faulty<C> {
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
            Some((kind, statement)) => {
                // SQLite's goes on as the rows are read.
                for row in self.conn.load(source)? {
                    row?;
                }
                Err(self.fail(kind, &statement))
            }
        }
    }
}
