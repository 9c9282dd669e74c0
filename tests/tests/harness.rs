//! The tests of the harness: what every other test takes for granted.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "clippy.toml exempts what is inside a test, and not its helpers; `table!` has no docs"
)]

use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;

diesel::table! {
    notes (id) {
        id -> BigInt,
    }
}

const DDL: &str =
    "CREATE TABLE notes (id BIGINT PRIMARY KEY); CREATE TABLE others (id BIGINT PRIMARY KEY);";

macro_rules! on {
    ($backend:ident) => {
        mod $backend {
            use super::*;
            use versioned_tests::$backend::{Conn, Db};

            fn count(conn: &mut Conn) -> i64 {
                notes::table.count().get_result(conn).unwrap()
            }

            fn insert(id: i64, conn: &mut Conn) {
                diesel::insert_into(notes::table)
                    .values(notes::id.eq(id))
                    .execute(conn)
                    .unwrap();
            }

            #[test]
            fn each_database_is_empty_and_apart_from_the_others() {
                let (first, second) = (Db::fresh(DDL), Db::fresh(DDL));
                assert_ne!(first.url(), second.url());
                insert(1, &mut first.connect());
                assert_eq!(count(&mut first.connect()), 1);
                assert_eq!(count(&mut second.connect()), 0);
            }

            #[test]
            fn many_tests_at_once_have_their_own() {
                std::thread::scope(|scope| {
                    for _ in 0..8 {
                        scope.spawn(|| {
                            let db = Db::fresh(DDL);
                            insert(1, &mut db.connect());
                            assert_eq!(count(&mut db.connect()), 1);
                        });
                    }
                });
            }

            #[test]
            fn no_ddl_is_fine() {
                Db::fresh("")
                    .connect()
                    .batch_execute("CREATE TABLE notes (id BIGINT)")
                    .unwrap();
            }

            #[test]
            #[should_panic(expected = "the DDL failed")]
            fn wrong_ddl_fails_the_test() {
                Db::fresh("CREATE TABLE notes (id BIGINT); CREATE TABLE notes (id BIGINT)");
            }

            #[test]
            fn connections_see_what_others_commit_and_nothing_else() {
                let db = Db::fresh(DDL);
                let (mut writer, mut reader) = (db.connect(), db.connect());
                writer
                    .transaction(|conn| {
                        insert(1, conn);
                        assert_eq!(count(&mut reader), 0);
                        QueryResult::Ok(())
                    })
                    .unwrap();
                assert_eq!(count(&mut reader), 1);
            }

            #[test]
            fn a_dropped_database_is_gone_although_a_transaction_is_open() {
                let db = Db::fresh(DDL);
                let url = db.url().to_owned();
                let mut left = db.connect();
                left.batch_execute("BEGIN").unwrap();
                insert(1, &mut left);
                let start = Instant::now();
                drop(db);
                assert!(
                    start.elapsed() < Duration::from_secs(5),
                    "{:?}",
                    start.elapsed()
                );
                assert!(Conn::establish(&url).is_err());
            }
        }
    };
}

on!(sqlite);
#[cfg(feature = "postgres")]
on!(postgres);
#[cfg(feature = "mysql")]
on!(mysql);

/// A test process is killed without warning, and the server and its directory go.
#[cfg(any(feature = "postgres", feature = "mysql"))]
mod killed {
    use std::env;
    use std::io::{BufRead as _, BufReader};
    use std::path::Path;
    use std::process::{Command, Stdio};
    use std::thread::sleep;

    use diesel::dsl::sql;
    use diesel::sql_types::Text;

    use super::*;

    const VICTIM: &str = "VERSIONED_TEST_VICTIM";

    /// The test calls itself: in a second process it says which server it has, and waits to be killed.
    fn check(
        test: &str,
        variable: &str,
        server_pid: impl Fn() -> Option<u32>,
        data: impl Fn() -> String,
    ) {
        if env::var_os(VICTIM).is_some() {
            println!("\nserver {} {}", server_pid().unwrap(), data());
            sleep(Duration::from_secs(99));
            return;
        }
        if env::var_os(variable).is_some() {
            assert_eq!(
                server_pid(),
                None,
                "nothing was started, so nothing needs an end"
            );
            return;
        }
        let mut victim = Command::new(env::current_exe().unwrap())
            .args(["--exact", test, "--nocapture"])
            .env(VICTIM, "yes")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let line = BufReader::new(victim.stdout.take().unwrap())
            .lines()
            .map(Result::unwrap)
            .find(|line| line.starts_with("server "))
            .expect("the second process starts a server");
        let (pid, data) = line["server ".len()..].split_once(' ').unwrap();
        let dir = Path::new(data).parent().unwrap();
        assert!(alive(pid) && dir.join("pid").exists(), "{line}");

        victim.kill().unwrap();
        victim.wait().unwrap();
        let end = Instant::now() + Duration::from_secs(10);
        while alive(pid) || dir.exists() {
            assert!(Instant::now() < end, "left behind: {line}");
            sleep(Duration::from_millis(10));
        }
    }

    fn alive(pid: &str) -> bool {
        Command::new("kill")
            .args(["-0", pid])
            .stderr(Stdio::null())
            .status()
            .unwrap()
            .success()
    }

    #[cfg(feature = "postgres")]
    #[test]
    fn postgres() {
        use versioned_tests::postgres::{Db, server_pid};
        check(
            "killed::postgres",
            "VERSIONED_TEST_POSTGRES_URL",
            server_pid,
            || {
                diesel::select(sql::<Text>("current_setting('data_directory')"))
                    .get_result(&mut Db::fresh("").connect())
                    .unwrap()
            },
        );
    }

    #[cfg(feature = "mysql")]
    #[test]
    fn mysql() {
        use versioned_tests::mysql::{Db, server_pid};
        check(
            "killed::mysql",
            "VERSIONED_TEST_MYSQL_URL",
            server_pid,
            || {
                diesel::select(sql::<Text>("@@datadir"))
                    .get_result(&mut Db::fresh("").connect())
                    .unwrap()
            },
        );
    }
}
