//! Structs and attributes, most of them wrong somewhere.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

/// Syntax, and values for them, of which few belong together.
struct Syntax {
    path: &'static str,
    keys: &'static [&'static str],
    values: &'static [&'static str],
}

const ON_STRUCTS: Syntax = Syntax {
    path: "versioned",
    keys: &[
        "owner",
        "dependent",
        "embedded",
        "entity",
        "initial",
        "policy",
        "guard",
        "gap",
        "tombstones",
        "outbox",
        "crate",
        "version",
        "excluded",
        "onwer",
        "r#owner",
        "self",
        "_",
        "fn",
        "7",
        "\"owner\"",
    ],
    values: &[
        "",
        "",
        "",
        "",
        " = \"tickets\"",
        " = \"\"",
        " = 0",
        " = -1",
        " = 32768",
        " = 1_000i64",
        " = 1.5",
        " = 'c'",
        " = true",
        " = \"latest\"",
        " = \"row\"",
        " = \"park\"",
        " = \"Latest\"",
        " = ::a::b",
        " = crate::a",
        " = a<b>",
        " = self",
        "()",
        "(owner)",
        " =",
        " = =",
        " = {}",
        " = b\"x\"",
        "::x",
        " owner",
    ],
};

const ON_FIELDS: Syntax = Syntax {
    path: "versioned",
    keys: &[
        "version",
        "precision",
        "excluded",
        "owner",
        "verison",
        "r#version",
        "crate",
        "0",
    ],
    values: &[
        "",
        "",
        "",
        " = \"seconds\"",
        " = \"micros\"",
        " = \"hours\"",
        " = 3",
        "(seconds)",
        " =",
        " = true",
    ],
};

const OF_STRUCTS: Syntax = Syntax {
    path: "diesel",
    keys: &[
        "table_name",
        "primary_key",
        "check_for_backend",
        "treat_none_as_null",
        "belongs_to",
        "base_query",
        "r#table_name",
        "3",
        "mysql_type(name = \"x\")",
    ],
    values: &[
        "",
        " = tickets",
        " = schema::tickets",
        " = r#type",
        " = \"tickets\"",
        " = ::tickets",
        " = tickets<u8>",
        "(id)",
        "(id, title)",
        "(id, id)",
        "(none)",
        "()",
        "(a, b, c, d, e, f, g, h)",
        "(\"id\")",
        "(r#type)",
        "(diesel::sqlite::Sqlite)",
        "(Pg, Sqlite,)",
        "(disable = true)",
        " = true",
        "(User, foreign_key = id)",
        " = a::b<c, d>.e(f)",
        " =",
        "[id]",
    ],
};

const OF_FIELDS: Syntax = Syntax {
    path: "diesel",
    keys: &[
        "column_name",
        "embed",
        "skip_insertion",
        "skip_update",
        "serialize_as",
        "deserialize_as",
        "select_expression",
        "select_expression_type",
        "treat_none_as_default_value",
        "sql_type",
        "type",
    ],
    values: &[
        "",
        "",
        " = title",
        " = \"title\"",
        " = \"two words\"",
        " = \"\"",
        " = \"type\"",
        " = \"self\"",
        " = \"9\"",
        " = r#type",
        " = id",
        " = a::b",
        " = Vec<Option<u8>>",
        " = dsl::Eq<a, b>",
        " = a.eq(b, c)",
        " = fn(u8) -> u8",
        " = 3",
        "(x)",
        " =",
        " = true",
    ],
};

const NAMES: &[&str] = &[
    "id",
    "id",
    "version",
    "version",
    "title",
    "price",
    "walk",
    "__walk",
    "__id",
    "__b",
    "__converted",
    "conn",
    "model",
    "r#type",
    "r#match",
    "r#version",
    "Version",
    "T",
    "_x",
    "größe",
    "columns",
    "key",
    "union",
];

const STRUCTS: &[&str] = &[
    "Ticket",
    "TicketCopy",
    "A",
    "r#Type",
    "Über",
    "HTTPServer",
    "Id",
    "i64",
    "__DB2",
];

const GENERICS: &[(&str, &str)] = &[
    ("", ""),
    ("", ""),
    ("", "where Self: Sized"),
    ("<T>", ""),
    ("<T: Clone>", "where T: Default,"),
    ("<'a>", "where"),
    ("<'a, T: 'a + ?Sized>", "where &'a T: Copy"),
    ("<'a: 'static, 'b: 'a, T = i64, const N: usize = 3>", ""),
    ("<const N: usize>", "where [u8; N]: Clone"),
    (
        "<T: for<'x> Fn(&'x u8) -> Option<&'x u8>>",
        "where for<'x> &'x T: Copy, T: Send",
    ),
    ("<#[cfg(test)] T>", ""),
    ("<>", ""),
];

fn attributes(of: &'static Syntax, most: usize) -> impl Strategy<Value = String> {
    let key = (select(of.keys), select(of.values)).prop_map(|(key, value)| format!("{key}{value}"));
    let list = (
        vec(key, 0..4),
        select(&[",", ", ", ",,", " "][..]),
        any::<bool>(),
    );
    let attribute = list.prop_map(|(keys, comma, closed)| {
        let end = if closed { "," } else { "" };
        format!("#[{}({}{end})]\n", of.path, keys.join(comma))
    });
    let bare = select(&["", " = \"owner\"", " = 3", "[owner]", "{owner}"][..])
        .prop_map(|rest| format!("#[{}{rest}]\n", of.path));
    vec(prop_oneof![9 => attribute, 1 => bare], 0..=most).prop_map(|all| all.concat())
}

fn ty() -> impl Strategy<Value = String> {
    let leaf = select(
        &[
            "i64",
            "i32",
            "String",
            "::std::string::String",
            "T",
            "&'a str",
            "&'static mut u8",
            "Self",
            "()",
            "!",
            "r#type::r#fn",
            "dyn Fn(u8) -> u8 + Send",
            "impl Clone",
            "_",
            "macro_type!(x, y)",
            "[u8; N]",
            "<T as A>::B",
            "fn(i64, ...) -> !",
            "*const u8",
            "Cow<'a, str>",
            "[u8]",
            "T::Assoc",
            "unsafe extern \"C\" fn()",
        ][..],
    )
    .prop_map(str::to_owned);
    leaf.prop_recursive(3, 8, 2, |inner| {
        prop_oneof![
            inner.clone().prop_map(|ty| format!("Option<{ty}>")),
            inner
                .clone()
                .prop_map(|ty| format!("std::option::Option<{ty}>")),
            inner.clone().prop_map(|ty| format!("Vec<{ty}>")),
            inner.clone().prop_map(|ty| format!("({ty})")),
            inner.clone().prop_map(|ty| format!("[{ty}; 3 + {{ 4 }}]")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a}, {b})")),
            (inner.clone(), inner).prop_map(|(a, b)| format!("fn({a}) -> {b}")),
        ]
    })
}

fn field() -> impl Strategy<Value = (String, String, String)> {
    let attributes = (attributes(&ON_FIELDS, 1), attributes(&OF_FIELDS, 2));
    let attributes = prop_oneof![
        2 => Just(String::new()),
        1 => attributes.prop_map(|(ours, diesels)| ours + &diesels),
    ];
    (attributes, select(NAMES).prop_map(str::to_owned), ty())
}

fn body() -> impl Strategy<Value = (String, bool)> {
    let named = vec(field(), 0..6).prop_map(|fields| {
        let fields: Vec<_> = fields
            .into_iter()
            .map(|(attributes, name, ty)| format!("{attributes}{name}: {ty},\n"))
            .collect();
        (format!("{{\n{}}}", fields.concat()), false)
    });
    let unnamed = vec(field(), 0..4).prop_map(|fields| {
        let fields: Vec<_> = fields
            .into_iter()
            .map(|(attributes, _, ty)| format!("{attributes}pub {ty}"))
            .collect();
        (format!("({})", fields.join(", ")), true)
    });
    prop_oneof![8 => named, 3 => unnamed, 1 => Just((String::new(), true))]
}

/// What may stand below a derive.
pub(super) fn item() -> impl Strategy<Value = String> {
    let attributes = (
        prop_oneof![
            Just("#[versioned(owner)]\n".to_owned()),
            Just("#[versioned(dependent)]\n".to_owned()),
            Just("#[versioned(embedded)]\n".to_owned()),
            Just("#[versioned(owner, outbox, tombstones)]\n".to_owned()),
            attributes(&ON_STRUCTS, 2),
        ],
        prop_oneof![
            2 => Just(String::new()),
            1 => attributes(&OF_STRUCTS, 2),
        ],
    );
    let head = (attributes, select(STRUCTS), select(GENERICS));
    (
        head,
        body(),
        select(
            &[
                "struct", "struct", "struct", "struct", "struct", "struct", "enum", "union",
            ][..],
        ),
    )
        .prop_map(
            |(((ours, diesels), name, (parameters, clause)), (body, unnamed), kind)| match kind {
                "struct" if unnamed => {
                    format!("{ours}{diesels}struct {name}{parameters}{body} {clause};")
                }
                "enum" => {
                    format!("{ours}{diesels}enum {name}{parameters} {clause} {{ One{body} }}")
                }
                _ => format!("{ours}{diesels}{kind} {name}{parameters} {clause} {body}"),
            },
        )
}

/// What may stand in `#[version_field(..)]`.
pub(super) fn argument() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(String::new()),
        ty(),
        select(&["3", "i32, i64", "pub", "i32 +", "\"i64\"", "i64 = 3", "#"][..])
            .prop_map(str::to_owned),
    ]
}

/// A model with nothing wrong, without its table.
pub(super) fn right() -> impl Strategy<Value = String> {
    any::<u64>().prop_map(|seed| {
        let text = super::sample::model(&mut super::sample::Dice::new(seed), 0);
        let (begin, end) = (text.find("#[diesel"), text.find("const _"));
        text[begin.unwrap()..end.unwrap()].to_owned()
    })
}
