//! Wrong usage, and what the tool does not do by itself.

use diesel_migrations::MigrationHarness as _;
use versioned_tests::sqlite::Db;

use crate::tool::{command, on, ran, run};

fn db() -> Db {
    let db = Db::fresh("");
    let mut conn = db.connect();
    conn.run_pending_migrations(versioned_core::MIGRATIONS)
        .unwrap();
    db
}

#[test]
fn wrong_usage_ends_with_2() {
    let db = db();
    for args in [
        &["nonsense"][..],
        &["status", "--nonsense"],
        &["dead", "list", "--limit", "0"],
        &["dead", "list", "--since", "yesterday"],
        &["dead", "list", "--after", "x"],
        &["parked", "--after", "7"],
        &["outbox", "--rejected", "--after", "7"],
        &["dead", "show"],
        &["dead", "show", "1", "--raw", "--json"],
        &["watch", "--interval", "100ms"],
        &["status", "--json", "--jsonl"],
        &["check", "--role", "admin"],
    ] {
        let ran = run(db.url(), args);
        assert_eq!((ran.code, ran.text().as_str()), (Some(2), ""), "{args:?}");
        assert!(ran.stderr.contains("error: "), "{}", ran.stderr);
    }
    let ran = ran(command().args(["status", "--json"]).output().unwrap());
    assert_eq!(ran.error(2)["code"], "no_database");
}

#[test]
fn the_database_is_named_in_this_order() {
    let (db, other) = (db(), Db::fresh(""));
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("url");
    std::fs::write(&file, format!("{}\n", db.url())).unwrap();
    let file = file.to_str().unwrap();
    // The other one has no tables.
    let code = |env: &[(&str, &str)], args: &[&str]| {
        let mut command = command();
        command.envs(env.iter().copied()).arg("status").args(args);
        ran(command.output().unwrap()).code
    };
    let (own, general) = ("VERSIONED_DATABASE_URL", "DATABASE_URL");
    assert_eq!(code(&[(general, db.url())], &[]), Some(0));
    assert_eq!(
        code(&[(own, db.url()), (general, other.url())], &[]),
        Some(0)
    );
    assert_eq!(
        code(&[(own, other.url()), (general, db.url())], &[]),
        Some(6)
    );
    assert_eq!(
        code(&[(own, other.url())], &["--database-url-file", file]),
        Some(0)
    );
    let both = ["--database-url-file", file, "--database-url", other.url()];
    assert_eq!(code(&[(own, db.url())], &both), Some(6));
    let piped = crate::tool::run_with("", &["status", "--database-url-file", "-"], db.url());
    assert_eq!(piped.code, Some(0));
}

#[test]
fn a_file_of_sqlite_is_never_created() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("with a space, 100%.db");
    let url = path.to_str().unwrap();
    for args in [
        &["status", "--json"][..],
        &["outbox", "retry", "--all", "--yes", "--json"],
    ] {
        assert_eq!(run(url, args).error(1)["code"], "connect_failed");
        assert!(!path.exists());
    }
    let mut conn: diesel::SqliteConnection = diesel::Connection::establish(url).unwrap();
    conn.run_pending_migrations(versioned_core::MIGRATIONS)
        .unwrap();
    for url in [
        url.to_owned(),
        format!("sqlite://{url}"),
        format!("sqlite:{url}"),
    ] {
        assert_eq!(run(&url, &["status"]).code, Some(0), "{url}");
    }
}

#[test]
fn a_folder_with_a_dotenv_changes_nothing() {
    let (db, other) = (db(), Db::fresh(""));
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(
        dir.path().join(".env"),
        format!("DATABASE_URL={}\n", other.url()),
    )
    .unwrap();
    let mut command = on(db.url());
    command.current_dir(dir.path()).arg("status");
    assert_eq!(ran(command.output().unwrap()).code, Some(0));
}

#[test]
fn a_name_cannot_write_to_the_terminal() {
    use diesel::connection::SimpleConnection as _;

    let db = db();
    let sql = "INSERT INTO versioned_dead_letters (replica, entity, \"key\", version, source, subject, message_key,
            headers, body, reason, attempts, first_at, last_at)
        VALUES ('copies', 'tickets', char(27) || '[2J', 1, 's', 's', 'none:', '', '{}', 'a' || char(10) || 'b', 1, 1, 1)";
    db.connect().batch_execute(sql).unwrap();
    for args in [
        &["dead", "list"][..],
        &["dead", "show", "1"],
        &["dead", "discard", "1", "--dry-run"],
    ] {
        let ran = run(db.url(), args);
        assert_eq!(ran.code, Some(0));
        assert!(
            !ran.text().contains('\u{1b}') && !ran.stderr.contains('\u{1b}'),
            "{ran:?}"
        );
    }
    let text = run(db.url(), &["dead", "list"]).text();
    assert!(
        text.contains("\\u{1b}[2J") && text.contains("a b"),
        "{text}"
    );
    let colored = run(db.url(), &["dead", "list", "--color", "always"]).text();
    assert!(colored.starts_with("\u{1b}[1m"), "{colored:?}");
    let document = run(db.url(), &["dead", "list", "--json", "--color", "always"]).json(0);
    assert_eq!(document["items"][0]["record"], "\u{1b}[2J");
}
