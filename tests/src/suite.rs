//! The instances of a suite.

/// Compiles the modules of a suite for backends and fronts.
///
/// The modules `sqlite`, `postgres` and `mysql` are for the blocking front, and `async_sqlite`,
/// `async_postgres` and `async_mysql` for the async front. Each exists if its backend is enabled.
/// Its files are in the directory of the calling file, and the connections in `super::backend`.
///
/// `cargo fmt` does not see files that a macro names: `.ci/run` passes all files to rustfmt.
///
/// ```ignore
/// versioned_tests::suite! {
///     mod sqlite { mod scenarios; }
///     mod async_mysql { mod scenarios; mod snapshots; }
/// }
/// ```
#[macro_export]
macro_rules! suite {
    ($(mod $name:ident { $($content:tt)* })+) => {$(
        $crate::suite! { @ $name { $($content)* } }
    )+};
    (@ sqlite $content:tt) => {
        $crate::suite! { @ sqlite ($crate::sqlite) $content }
    };
    (@ postgres $content:tt) => {
        $crate::suite! { @ #[cfg(feature = "postgres")] postgres ($crate::postgres) $content }
    };
    (@ mysql $content:tt) => {
        $crate::suite! { @ #[cfg(feature = "mysql")] mysql ($crate::mysql) $content }
    };
    (@ async_sqlite $content:tt) => {
        $crate::suite! { @ async_sqlite ($crate::asynchronous::sqlite) $content }
    };
    (@ async_postgres $content:tt) => {
        $crate::suite! {
            @ #[cfg(feature = "postgres")]
            async_postgres ($crate::asynchronous::postgres) $content
        }
    };
    (@ async_mysql $content:tt) => {
        $crate::suite! {
            @ #[cfg(feature = "mysql")]
            async_mysql ($crate::asynchronous::mysql) $content
        }
    };
    (@ $(#[$condition:meta])? $name:ident ($($backend:tt)+) { $($content:tt)* }) => {
        $(#[$condition])?
        #[path = "."]
        mod $name {
            use $($backend)+ as backend;

            $($content)*
        }
    };
}
