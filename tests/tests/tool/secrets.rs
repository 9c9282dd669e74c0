//! A password is never printed, wherever it stands in a URL that is wrong.

use crate::tool::{READING, WRITING, command, ran, run, run_with};

const CANARY: &str = "c4n4ry";

/// URLs that are wrong, or of servers that are not there. `~` stands for the password.
const URLS: &[&str] = &[
    "postgres://user:~@127.0.0.1:1/db",
    "postgresql://user:~@127.0.0.1:1/db?sslmode=disable",
    "postgres://user:~@127.0.0.1:1,127.0.0.1:2/db",
    "postgres://user:~@[::1]:1/db",
    "postgres://user:~@[::1/db",
    "postgres://user:~@127.0.0.1:port/db",
    "postgres://user:p@~@127.0.0.1:1/db",
    "postgres://user:p/~@127.0.0.1:1/db",
    "postgres://user:1/~@127.0.0.1:1/db",
    "postgres://user:1?~@127.0.0.1:1/db",
    "postgres://user:1?x=~@127.0.0.1:1/db",
    "postgres://user:1#~@127.0.0.1:1/db",
    "postgres://user:a:~@127.0.0.1:1/db",
    "postgres://user:%zz~@127.0.0.1:1/db",
    "postgres://user:~%@127.0.0.1:1/db",
    "postgres://user:a ~@127.0.0.1:1/db",
    "postgres://user:~ 127.0.0.1:1/db",
    "postgres://user:~",
    "postgres://127.0.0.1:1/db?password=~",
    "postgres://127.0.0.1:1/db?pasword=~",
    "postgres://127.0.0.1:1/db?sslmode=~",
    "postgres://127.0.0.1:1/db?connect_timeout=~",
    "postgres://127.0.0.1:1/db?~",
    "postgres:/user:~@127.0.0.1:1/db",
    "postgres//user:~@127.0.0.1:1/db",
    "postgre://user:~@127.0.0.1:1/db",
    "user:~@127.0.0.1:1/db",
    "user:~",
    "host=127.0.0.1 port=1 user=user password=~",
    "mysql://user:~@127.0.0.1:1/db",
    "mysql://user:~@127.0.0.1:port/db",
    "mysql://user:~@127.0.0.1:1/db/more",
    "mysql://user:~@127.0.0.1:1/db?ssl_mode=~",
    "mysql://user:p/~@127.0.0.1:1/db",
    "mariadb://user:~@127.0.0.1:1/db",
    "sqlite://user:~@127.0.0.1/db",
    "sqlite:///nowhere/db?key=~",
    "/nowhere/db?key=~",
    "https://user:~@127.0.0.1:1/db",
    "postgres://user:~@127.0.0.1:1/db\nmore",
    "jdbc:postgresql://127.0.0.1:1/db?user=user&password=~",
];

#[test]
fn a_password_is_never_printed() {
    assert!(URLS.len() >= 30);
    let commands: Vec<_> = READING.iter().chain(WRITING).collect();
    // All commands connect in one place, so each URL goes through two of them.
    for (place, url) in URLS.iter().enumerate() {
        let url = url.replace('~', CANARY);
        let args = commands[place % commands.len()];
        check(&url, &run(&url, &[*args, &["--timeout", "2s"]].concat()));
        let args = commands[(place + 5) % commands.len()];
        let json = [*args, &["--timeout", "2s", "--json"]].concat();
        check(
            &url,
            &match place % 2 {
                0 => run_with(
                    "",
                    &[&json[..], &["--database-url-file", "-"]].concat(),
                    &url,
                ),
                _ => ran(command()
                    .args(json)
                    .args(["--database-url", &url])
                    .output()
                    .unwrap()),
            },
        );
    }
}

#[track_caller]
fn check(url: &str, ran: &crate::tool::Ran) {
    assert!(matches!(ran.code, Some(1 | 2)), "{url}: {ran:?}");
    assert!(!ran.text().contains(CANARY), "{url}: {ran:?}");
    assert!(!ran.stderr.contains(CANARY), "{url}: {ran:?}");
    assert!(!ran.stderr.trim().is_empty(), "{url}");
}

#[test]
fn help_does_not_show_the_environment() {
    let url = format!("postgres://user:{CANARY}@127.0.0.1:1/db");
    for args in [
        &["--help"][..],
        &["status", "--help"],
        &["dead", "discard", "--help"],
        &["nonsense"],
    ] {
        let mut command = command();
        command
            .env("DATABASE_URL", &url)
            .env("VERSIONED_DATABASE_URL", &url);
        let ran = ran(command.args(args).output().unwrap());
        assert!(
            !ran.text().contains(CANARY) && !ran.stderr.contains(CANARY),
            "{ran:?}"
        );
    }
}

/// A server that answers shows the user, and not the password.
#[test]
fn a_wrong_password_is_not_printed() {
    let db = versioned_tests::mysql::Db::fresh("");
    let (_, place) = db.url().split_once('@').unwrap();
    let url = format!("mysql://nobody:{CANARY}@{place}");
    let ran = run(&url, &["status", "--json"]);
    let error = ran.error(1);
    assert_eq!(error["code"], "connect_failed");
    assert!(!ran.stderr.contains(CANARY), "{ran:?}");
}
