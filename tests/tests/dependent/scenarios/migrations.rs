//! The toolkit's tables come and go with `diesel_migrations`.

use diesel::migration::MigrationSource;
use diesel_migrations::MigrationHarness as _;

use super::*;

#[test]
fn the_tables_are_made_and_taken_away() {
    let db = Db::fresh(COPIES);
    let mut conn = db.connect();
    assert!(conn.has_pending_migration(MIGRATIONS).unwrap());
    let migrations = MigrationSource::<Backend>::migrations(&MIGRATIONS).unwrap();
    let names = migrations.iter().map(|step| step.name().to_string());
    assert_eq!(
        names.collect::<Vec<_>>(),
        [
            "00000000000000_versioned_1_positions",
            "00000000000000_versioned_2_outbox"
        ]
    );
    assert_eq!(conn.run_pending_migrations(MIGRATIONS).unwrap().len(), 2);
    assert!(!conn.has_pending_migration(MIGRATIONS).unwrap());
    assert_eq!(conn.run_pending_migrations(MIGRATIONS).unwrap().len(), 0);
    apply_each::<SequentialPark>(&mut conn, &[created(20)]);
    conn.revert_all_migrations(MIGRATIONS).unwrap();
    assert!(matches!(
        SequentialPark::apply(&updated(2, 20), &mut conn),
        Err(Error::Database(_))
    ));
    assert_eq!(row(&mut conn), at(20, 1));
    conn.run_pending_migrations(MIGRATIONS).unwrap();
}

/// Keys are compared byte by byte, whatever the database's collation does.
#[test]
fn keys_that_a_collation_would_confuse_are_different_records() {
    let (_db, mut conn) = replica();
    for (id, key) in ["a", "A", "ä", "a ", "a\u{301}"].into_iter().enumerate() {
        let position = diesel::sql_query(format!(
            "INSERT INTO versioned_positions (entity, {quote}key{quote}, version) VALUES ('tickets', '{key}', {id})",
            quote = if backend::NAME == "mysql" { '`' } else { '"' },
        ));
        assert_eq!(position.execute(&mut conn).unwrap(), 1, "{key}");
    }
}
