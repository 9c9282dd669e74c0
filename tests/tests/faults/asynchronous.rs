//! The async front: connections of `diesel-async`.
//!
//! `SQLite`'s has a blocking one inside, and that is the one that fails. Around the others is one that waits for their
//! answers by itself, so that its futures are ready when they are made; transactions are counted by diesel-async.

use std::future::{Ready, ready};
use std::time::Duration;
use std::vec::IntoIter;

use diesel::SqliteConnection;
use diesel::connection::{
    CacheSize, Connection, Instrumentation, TransactionManagerStatus, WithMetadataLookup,
};
use diesel::query_builder::{AsQuery, QueryFragment, QueryId};
use diesel::result::{ConnectionResult, QueryResult};
use diesel::row::Row;
use diesel::sql_types::TypeMetadata;
use diesel_async::async_connection_wrapper::AsyncConnectionWrapper;
use diesel_async::sync_connection_wrapper::SyncConnectionWrapper;
use diesel_async::{
    AnsiTransactionManager, AsyncConnection, AsyncConnectionCore, SimpleAsyncConnection,
    TransactionManager,
};
use futures_util::StreamExt as _;
use futures_util::stream::{Iter, iter};
use versioned_core::outbox::{Pass, Publisher, Relay, SupportedBackend};
use versioned_core::prelude::Dependent;
use versioned_core::{Error, positions};
use versioned_tests::asynchronous::{Waiting, block_on};

pub(crate) use super::blocking::Line;
use super::faulty::{Faulty, Real, Report, text};
use super::habits::{Driver, Fault};

/// A connection to `SQLite`.
pub(crate) type Within =
    AsyncConnectionWrapper<SyncConnectionWrapper<Faulty<SqliteConnection>>, Waiting>;

/// A connection to a server.
pub(crate) type Around<C> = AsyncConnectionWrapper<Faulty<C>, Waiting>;

impl Line for Within {
    const FAULTS: &'static [Fault] = Driver::ASYNC;
    const ALL: usize = Driver::FEW;

    fn begin_anew(&mut self, plan: Option<(usize, Fault)>) {
        let line = self.spawn_blocking(move |line| {
            line.begin_anew(plan);
            Ok(())
        });
        block_on(line).unwrap();
    }

    fn report(&mut self) -> Report {
        block_on(self.spawn_blocking(|line| Ok(line.report()))).unwrap()
    }
}

impl WithMetadataLookup for Faulty<SqliteConnection> {
    fn metadata_lookup(
        &mut self,
    ) -> &mut <<Self as Connection>::Backend as TypeMetadata>::MetadataLookup {
        self.conn.metadata_lookup()
    }
}

impl<C: Awaited> Line for Around<C> {
    const FAULTS: &'static [Fault] = Driver::ASYNC;
    const ALL: usize = Driver::FEW;

    fn begin_anew(&mut self, plan: Option<(usize, Fault)>) {
        (**self).begin_anew(plan);
    }

    fn report(&mut self) -> Report {
        (**self).report()
    }
}

pub(crate) fn run_once<P, C>(relay: &Relay<P>, conn: &mut C) -> Result<Pass, Error>
where
    P: Publisher,
    C: AsyncConnection<Backend: SupportedBackend>,
{
    block_on(relay.run_once_async(conn))
}

pub(crate) fn rebuild<M, C>(conn: &mut C) -> Result<(), Error>
where
    C: AsyncConnection,
    M: Dependent<C::Backend>,
{
    block_on(positions::rebuild_async::<M, _>(conn))
}

pub(crate) fn purge_tombstones<M, C>(age: Duration, conn: &mut C) -> Result<usize, Error>
where
    C: AsyncConnection,
    M: Dependent<C::Backend>,
{
    block_on(positions::purge_tombstones_async::<M, _>(age, conn))
}

/// One of diesel-async's, which waits for its answers by itself.
pub(crate) trait Awaited: Real<Transactions = AnsiTransactionManager> {
    type Read: for<'c> Row<'c, Self::Backend> + Send + 'static;

    /// All rows, up to an error.
    fn rows<T>(&mut self, query: T) -> QueryResult<Vec<QueryResult<Self::Read>>>
    where
        T: AsQuery<Query: QueryFragment<Self::Backend> + QueryId>;
}

macro_rules! awaited {
    ($($(#[$attribute:meta])* $connection:ty: $driver:ident;)*) => {$(
        $(#[$attribute])*
        impl Real for AsyncConnectionWrapper<$connection, Waiting> {
            const DRIVER: Driver = Driver::$driver;

            type Transactions = AnsiTransactionManager;

            fn status(line: &mut Faulty<Self>) -> &mut TransactionManagerStatus {
                AnsiTransactionManager::transaction_manager_status_mut(line)
            }
        }

        $(#[$attribute])*
        impl Awaited for AsyncConnectionWrapper<$connection, Waiting> {
            type Read = <$connection as AsyncConnectionCore>::Row<'static, 'static>;

            fn rows<T>(&mut self, query: T) -> QueryResult<Vec<QueryResult<Self::Read>>>
            where
                T: AsQuery<Query: QueryFragment<Self::Backend> + QueryId>,
            {
                block_on(async {
                    Ok(AsyncConnectionCore::load(&mut **self, query).await?.collect().await)
                })
            }
        }
    )*};
}

awaited! {
    #[cfg(feature = "postgres")]
    diesel_async::AsyncPgConnection: TokioPostgres;
    #[cfg(feature = "mysql")]
    diesel_async::AsyncMysqlConnection: MysqlAsync;
}

impl<C: Awaited> SimpleAsyncConnection for Faulty<C> {
    fn batch_execute(&mut self, query: &str) -> impl Future<Output = QueryResult<()>> + Send {
        ready(self.batch(query))
    }
}

impl<C: Awaited> AsyncConnectionCore for Faulty<C> {
    type ExecuteFuture<'conn, 'query> = Ready<QueryResult<usize>>;
    type LoadFuture<'conn, 'query> = Ready<QueryResult<Self::Stream<'conn, 'query>>>;
    type Stream<'conn, 'query> = Iter<IntoIter<QueryResult<C::Read>>>;
    type Row<'conn, 'query> = C::Read;
    type Backend = C::Backend;

    fn load<'conn, 'query, T>(&'conn mut self, source: T) -> Self::LoadFuture<'conn, 'query>
    where
        T: AsQuery + 'query,
        T::Query: QueryFragment<Self::Backend> + QueryId + 'query,
    {
        let query = source.as_query();
        ready(self.send(|| text::<C, _>(&query)).and_then(|doom| {
            let rows = self
                .conn
                .rows(query)
                .and_then(|rows| rows.into_iter().collect());
            let rows: Vec<C::Read> = self.receive(rows, doom)?;
            Ok(iter(rows.into_iter().map(Ok).collect::<Vec<_>>()))
        }))
    }

    fn execute_returning_count<'conn, 'query, T>(
        &'conn mut self,
        source: T,
    ) -> Self::ExecuteFuture<'conn, 'query>
    where
        T: QueryFragment<Self::Backend> + QueryId + 'query,
    {
        ready(self.send(|| text::<C, T>(&source)).and_then(|doom| {
            let answer = self.conn.execute_returning_count(&source);
            self.receive(answer, doom)
        }))
    }
}

impl<C: Awaited> AsyncConnection for Faulty<C> {
    type TransactionManager = AnsiTransactionManager;

    fn establish(url: &str) -> impl Future<Output = ConnectionResult<Self>> + Send {
        ready(C::establish(url).map(Self::new))
    }

    fn transaction_state(&mut self) -> &mut AnsiTransactionManager {
        &mut self.transactions
    }

    fn instrumentation(&mut self) -> &mut dyn Instrumentation {
        Connection::instrumentation(&mut self.conn)
    }

    fn set_instrumentation(&mut self, instrumentation: impl Instrumentation) {
        Connection::set_instrumentation(&mut self.conn, instrumentation);
    }

    fn set_prepared_statement_cache_size(&mut self, size: CacheSize) {
        Connection::set_prepared_statement_cache_size(&mut self.conn, size);
    }
}
