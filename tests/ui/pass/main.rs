//! Programs that compile, and that run on an `SQLite` database in memory: a module each.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{ExitCode, Termination as _};

macro_rules! programs {
    ($($name:ident)*) => {
        $(
            #[allow(warnings, clippy::all, clippy::pedantic, clippy::restriction, reason = "a program of a user")]
            mod $name;

            #[test]
            fn $name() {
                assert_eq!($name::main().report(), ExitCode::SUCCESS);
            }
        )*

        const PROGRAMS: &[&str] = &[$(stringify!($name)),*];
    };
}

programs! {
    attributes_together
    check_for_backend
    composite_key
    deprecated
    diesel_keys_passed_over
    embed
    etag
    excluded
    from_a_macro
    generic_function
    generics
    lifetimes
    made_up
    many_columns
    newtypes
    not_comparable
    option_fields
    outbox
    owner
    reserved_names
    schema_table
    scope
    select_expression
    serialize_as
    six_key_columns
    skip
    timestamp_version
    tracked
    tuple_struct
    version_field
}

#[test]
fn each_file_is_a_program() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("pass");
    let files = folder.read_dir().unwrap().map(|file| file.unwrap().path());
    let files: BTreeSet<String> = files
        .map(|file| file.file_stem().unwrap().to_str().unwrap().to_owned())
        .filter(|file| file != "main")
        .collect();
    assert_eq!(
        files,
        PROGRAMS.iter().map(|name| (*name).to_owned()).collect()
    );
}
