//! Models that are right, out of everything that a model may have.

use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs};

/// Numbers that are the same on each machine (`SplitMix64`).
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut number = self.0;
        number = (number ^ (number >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        number = (number ^ (number >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((number ^ (number >> 31)) % end as u64).unwrap()
    }

    /// One time in so many.
    fn one_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }
}

/// Names of columns that could be mistaken for something of the derive's, or of the language's.
const COLUMNS: [&str; 14] = [
    "title",
    "walk",
    "__walk",
    "__id",
    "__converted",
    "conn",
    "model",
    "r#type",
    "r#match",
    "union",
    "key",
    "bounds",
    "größe",
    "self_",
];

/// A type, and that of its column.
const TYPES: [(&str, &str); 10] = [
    ("i64", "BigInt"),
    ("::core::primitive::i32", "Integer"),
    ("(i16)", "SmallInt"),
    ("String", "Text"),
    ("std::borrow::Cow<'static, str>", "Text"),
    ("bool", "Bool"),
    ("f64", "Double"),
    ("Vec<u8>", "Binary"),
    ("Option<String>", "Nullable<Text>"),
    ("std::option::Option<i64>", "Nullable<BigInt>"),
];

const KEYS: [(&str, &str); 3] = [("i64", "BigInt"), ("i32", "Integer"), ("String", "Text")];

/// A column, and the field that has it.
struct Column {
    name: String,
    sql: &'static str,
    attributes: String,
    field: String,
    ty: String,
}

/// A table, a model of it, and a question whether the model can do all that its mode says.
pub(super) fn model(dice: &mut Dice, number: usize) -> String {
    let dependent = dice.one_in(3);
    let tuple = dice.one_in(5);
    let generic = !tuple && dice.one_in(4);
    let mut columns = key(dice);
    let parts: Vec<_> = columns.iter().map(|part| part.name.clone()).collect();
    let mut names = COLUMNS.to_vec();
    for place in 0..dice.below(6) {
        let name = names.swap_remove(dice.below(names.len()));
        columns.push(state(dice, name, dependent, generic && place == 0));
    }
    columns.insert(dice.below(columns.len() + 1), version(dice));

    let mut text = String::new();
    let table = format!("table_{number}");
    writeln!(
        text,
        "diesel::table! {{\n    {table} ({}) {{",
        parts.join(", ")
    )
    .unwrap();
    for column in &columns {
        writeln!(text, "        {} -> {},", column.name, column.sql).unwrap();
    }
    writeln!(text, "    }}\n}}\n").unwrap();

    let derives = "Debug, Clone, PartialEq, Queryable, Selectable, serde::Serialize, serde::Deserialize, Versioned";
    writeln!(text, "#[derive({derives})]").unwrap();
    let primary = if parts == ["id"] {
        String::new()
    } else {
        format!(", primary_key({})", parts.join(", "))
    };
    let check = if !generic && dice.one_in(3) {
        ", check_for_backend(diesel::sqlite::Sqlite)"
    } else {
        ""
    };
    writeln!(text, "#[diesel(table_name = {table}{primary}{check})]").unwrap();
    writeln!(text, "#[versioned({})]", keys(dice, dependent)).unwrap();
    let (parameters, arguments) = if generic { ("<T>", "<i64>") } else { ("", "") };
    let fields: Vec<_> = columns
        .iter()
        .map(
            |Column {
                 name,
                 attributes,
                 field,
                 ty,
                 ..
             }| match tuple {
                true if attributes.contains("column_name") => format!("    {attributes}{ty},\n"),
                true => format!("    {attributes}#[diesel(column_name = {name})] {ty},\n"),
                false => format!("    {attributes}{field}: {ty},\n"),
            },
        )
        .collect();
    let (open, close) = if tuple { ("(", ");") } else { (" {", "}") };
    writeln!(
        text,
        "struct Model{number}{parameters}{open}\n{}{close}\n",
        fields.concat()
    )
    .unwrap();
    let mode = if dependent { "dependent" } else { "owner" };
    writeln!(
        text,
        "const _: fn() = {mode}::<Model{number}{arguments}>;\n"
    )
    .unwrap();
    text
}

fn key(dice: &mut Dice) -> Vec<Column> {
    let names = match dice.below(4) {
        0 => vec!["shop", "number"],
        1 => vec!["code"],
        2 if dice.one_in(2) => vec!["a", "b", "c", "d", "e", "f"],
        _ => vec!["id"],
    };
    let mut part = |name: &str| {
        let (ty, sql) = dice.of(&KEYS);
        let renamed = dice.one_in(4);
        Column {
            name: name.to_owned(),
            sql,
            attributes: if renamed {
                format!("#[diesel(column_name = \"{name}\")] ")
            } else {
                String::new()
            },
            field: if renamed {
                format!("the_{name}")
            } else {
                name.to_owned()
            },
            ty: ty.to_owned(),
        }
    };
    names.into_iter().map(&mut part).collect()
}

fn state(dice: &mut Dice, name: &str, dependent: bool, generic: bool) -> Column {
    let (ty, sql) = if generic {
        ("T", "BigInt")
    } else {
        dice.of(&TYPES)
    };
    let mut attributes = String::new();
    let mut field = name.to_owned();
    if dice.one_in(4) {
        write!(attributes, "#[diesel(column_name = {name})] ").unwrap();
        field = format!("r#{}_", name.trim_start_matches("r#"));
    }
    match dice.below(8) {
        0 => attributes.push_str("#[diesel(skip_insertion)] "),
        1 => attributes.push_str("#[diesel(skip_update,)] "),
        2 => attributes.push_str("#[diesel(skip_insertion, skip_update)] "),
        3 if !generic => write!(
            attributes,
            "#[diesel(serialize_as = {})] ",
            ty.trim_matches(['(', ')'])
        )
        .unwrap(),
        _ => {}
    }
    if !dependent && dice.one_in(6) {
        attributes.push_str("#[versioned(excluded)] ");
    }
    Column {
        name: name.to_owned(),
        sql,
        attributes,
        field,
        ty: ty.to_owned(),
    }
}

fn version(dice: &mut Dice) -> Column {
    let (ty, sql) = dice.of(&[("i64", "BigInt"), ("i32", "Integer"), ("i16", "SmallInt")]);
    let (name, attributes) = match dice.below(3) {
        0 => ("revision", "#[versioned(version)] "),
        1 => ("version", "#[versioned(version,)] "),
        _ => ("version", ""),
    };
    Column {
        name: name.to_owned(),
        sql,
        attributes: attributes.to_owned(),
        field: name.to_owned(),
        ty: ty.to_owned(),
    }
}

/// What stands in `#[versioned(..)]`.
fn keys(dice: &mut Dice, dependent: bool) -> String {
    let mut keys = Vec::new();
    if dice.one_in(3) {
        keys.push("entity = \"tickets, \\\"all\\\" of them\"");
    }
    if dice.one_in(3) {
        keys.push(dice.of(&["initial = 0", "initial = 32_767", "initial = 0x10"]));
    }
    if dependent {
        keys.push("dependent");
        keys.extend(dice.of(&[
            &["policy = \"latest\""][..],
            &["policy = \"sequential\"", "gap = \"park\""],
            &["guard = \"row\""],
            &["policy = \"latest\"", "guard = \"row\"", "gap = \"nack\""],
            &[],
        ]));
    } else {
        keys.push("owner");
        keys.extend(dice.of(&[
            &["outbox"][..],
            &["tombstones"],
            &["tombstones", "outbox"],
            &[],
        ]));
    }
    if dice.one_in(4) {
        keys.push("crate = versioned_core");
    }
    let first = dice.below(keys.len());
    keys.rotate_left(first);
    keys.join(", ")
}

const HEAD: &str = "//! Models that `tests/fuzz` made up; `UPDATE_SNAPSHOTS=1 cargo test --test fuzz` rewrites them.

#![allow(dead_code, non_snake_case)]

use diesel::prelude::*;
use versioned_core::model::Fields;
use versioned_core::prelude::*;

fn owner<M: OwnerDsl + Owner<diesel::sqlite::Sqlite> + Fields>() {}

fn dependent<M: DependentDsl + Dependent<diesel::sqlite::Sqlite>>() {}

";

/// `tests/ui/pass/made_up.rs`, which `tests/ui/pass/main.rs` compiles.
#[test]
fn models_for_the_compiler() {
    let mut dice = Dice::new(7);
    let models: Vec<_> = (0..60).map(|number| model(&mut dice, number)).collect();
    let text = format!("{HEAD}{}pub(crate) fn main() {{}}\n", models.concat());
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("ui/pass/made_up.rs");
    if env::var_os("UPDATE_SNAPSHOTS").is_some() {
        fs::write(&path, text).unwrap();
        return;
    }
    let expected = fs::read_to_string(&path).expect("UPDATE_SNAPSHOTS=1 writes it");
    assert!(
        text == expected,
        "{} is behind; UPDATE_SNAPSHOTS=1 writes it",
        path.display()
    );
}
