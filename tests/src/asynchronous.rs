//! The connections of `diesel-async`, with the same items as the modules of the backends: the scenarios that are written for
//! blocking connections run on these too, and their [`prelude`] sends each operation through the async front.

pub mod prelude;

use std::future::Future;
use std::pin::Pin;
use std::sync::LazyLock;

use diesel_async::async_connection_wrapper::BlockOn;
use diesel_async::sync_connection_wrapper::{SpawnBlocking, SyncConnectionWrapper};
use futures_util::future::BoxFuture;
use tokio::runtime::Runtime;
use tokio::task::block_in_place;

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime")
});

/// Waits for a future on the one runtime of the test process, also within a future that is waited for in the same way:
/// a closure of a scenario does, when it uses its connection.
///
/// # Panics
///
/// Panics if the runtime cannot be started.
pub fn block_on<F: Future>(future: F) -> F::Output {
    // One type for all futures: tokio's part is compiled once, and not for each.
    let mut output = None;
    let done: Pin<Box<dyn Future<Output = ()> + '_>> =
        Box::pin(async { output = Some(future.await) });
    block_in_place(|| RUNTIME.block_on(done));
    output.expect("the future has ended")
}

/// Tokio's threads for SQLite, with one type for all statements.
#[derive(Debug)]
pub struct Threads;

impl SpawnBlocking for Threads {
    fn spawn_blocking<'a, R: Send + 'static>(
        &mut self,
        task: impl FnOnce() -> R + Send + 'static,
    ) -> BoxFuture<'a, Result<R, Box<dyn std::error::Error + Send + Sync>>> {
        let (answer, answered) = tokio::sync::oneshot::channel();
        let task: Box<dyn FnOnce() + Send> = Box::new(move || drop(answer.send(task())));
        let running = RUNTIME.spawn_blocking(task);
        Box::pin(async move {
            running.await?;
            Ok(answered.await?)
        })
    }

    fn get_runtime() -> Self {
        Self
    }
}

/// How diesel-async's wrapper, for what scenarios ask of Diesel itself, waits.
#[derive(Debug)]
pub struct Waiting;

impl BlockOn for Waiting {
    fn block_on<F: Future>(&self, future: F) -> F::Output {
        block_on(future)
    }

    fn get_runtime() -> Self {
        Self
    }
}

macro_rules! backends {
    ($($(#[$attribute:meta])* $name:ident: $connection:ty;)*) => {$(
        $(#[$attribute])*
        #[doc = concat!("As [`", stringify!($name), "`](crate::", stringify!($name), "), with connections of `diesel-async`.")]
        pub mod $name {
            use diesel_async::async_connection_wrapper::AsyncConnectionWrapper;

            pub use super::prelude;
            pub use crate::$name::{Backend, LEVELS, NAME, isolate, server_pid};

            /// A connection: to Diesel a blocking one, to the async front its own.
            pub type Conn = AsyncConnectionWrapper<$connection, super::Waiting>;

            /// A database of one test, dropped with the value.
            #[derive(Debug)]
            pub struct Db(crate::$name::Db);

            impl Db {
                /// A new database, in which these statements have run.
                ///
                /// # Panics
                ///
                /// As with the blocking connections.
                pub fn fresh(ddl: &str) -> Self {
                    Self(crate::$name::Db::fresh(ddl))
                }

                /// One more connection.
                ///
                /// # Panics
                ///
                /// When it fails.
                pub fn connect(&self) -> Conn {
                    self.0.connect_as()
                }

                /// One more connection, of another type.
                ///
                /// # Panics
                ///
                /// When it fails.
                pub fn connect_as<C: diesel::Connection<Backend = Backend>>(&self) -> C {
                    self.0.connect_as()
                }

                /// What other connections to this database are opened with.
                pub fn url(&self) -> &str {
                    self.0.url()
                }
            }
        }
    )*};
}

backends! {
    sqlite: super::SyncConnectionWrapper<diesel::SqliteConnection, super::Threads>;
    #[cfg(feature = "postgres")]
    postgres: diesel_async::AsyncPgConnection;
    #[cfg(feature = "mysql")]
    mysql: diesel_async::AsyncMysqlConnection;
}
