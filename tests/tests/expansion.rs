//! What the derive writes, as snapshots that read as documentation: `tests/snapshots`.
//!
//! `UPDATE_SNAPSHOTS=1 cargo test --test expansion` rewrites them.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "clippy.toml exempts what is inside a test, and not its helpers"
)]

// A test cannot call a proc-macro crate, but its modules know nothing of `proc_macro`.
#[path = "../../versioned-derive/src/attr.rs"]
mod attr;
#[path = "../../versioned-derive/src/check.rs"]
mod check;
#[path = "../../versioned-derive/src/choice.rs"]
mod choice;
#[path = "../../versioned-derive/src/diesel.rs"]
mod diesel;
#[path = "../../versioned-derive/src/errors.rs"]
mod errors;
#[path = "../../versioned-derive/src/expand/mod.rs"]
mod expand;
#[path = "../../versioned-derive/src/fields.rs"]
mod fields;
#[path = "../../versioned-derive/src/model.rs"]
mod model;
#[path = "../../versioned-derive/src/read.rs"]
mod read;

#[path = "expansion/mistakes.rs"]
mod mistakes;

use std::path::Path;
use std::{env, fs};

use proc_macro2::TokenStream;
use quote::quote;
use syn::{File, Item, Stmt};

/// The modules of the derive would be dead code without a macro that calls them; the names are those of the macros.
fn derive_versioned(input: TokenStream) -> File {
    parse(expand::versioned(input))
}

fn parse(tokens: TokenStream) -> File {
    let text = tokens.to_string();
    syn::parse2(tokens).unwrap_or_else(|error| panic!("not Rust: {error}\n{text}"))
}

/// Compares an expansion with `tests/snapshots/<name>.rs`.
fn snapshot(name: &str, input: &TokenStream, expansion: &File) {
    let input = prettyplease::unparse(&parse(input.clone()));
    let commented: Vec<_> = input.lines().map(|line| format!("// {line}")).collect();
    let text = format!(
        "{}\n\n{}",
        commented.join("\n"),
        prettyplease::unparse(expansion)
    );
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("snapshots/{name}.rs"));
    if env::var_os("UPDATE_SNAPSHOTS").is_some() {
        fs::write(&path, text).expect("the snapshot is written");
        return;
    }
    let expected = fs::read_to_string(&path).expect("a snapshot; UPDATE_SNAPSHOTS=1 writes it");
    assert!(
        text == expected,
        "the expansion differs from {}; if it should, run this with UPDATE_SNAPSHOTS=1\n{text}",
        path.display()
    );
}

fn plain_owner() -> TokenStream {
    quote! {
        #[diesel(table_name = tickets)]
        #[versioned(owner)]
        struct Ticket {
            id: i64,
            title: String,
            price: i64,
            version: i64,
        }
    }
}

fn full_owner() -> TokenStream {
    quote! {
        #[diesel(table_name = schema::orders, primary_key(shop, number), check_for_backend(Pg, Sqlite))]
        #[versioned(owner, entity = "purchase orders", initial = 0, tombstones, crate = crate::toolkit)]
        struct Order<'a, T, const N: usize>
        where
            T: Clone,
        {
            shop: Cow<'a, str>,
            #[diesel(skip_update)]
            number: i32,
            r#type: T,
            #[diesel(column_name = "order")]
            position: Option<i16>,
            checksum: [u8; N],
            #[diesel(skip_update)]
            made_by: String,
            #[diesel(skip_insertion)]
            shipped: Option<NaiveDateTime>,
            #[diesel(skip_insertion, skip_update)]
            row_number: i64,
            #[diesel(serialize_as = Text)]
            url: Url,
            #[diesel(embed)]
            address: Address,
            #[diesel(select_expression = orders::price * 2_i64)]
            double: i64,
            #[versioned(version)]
            revision: Rev,
        }
    }
}

fn timestamped_owner() -> TokenStream {
    quote! {
        #[versioned(owner)]
        struct Note(
            #[diesel(column_name = id)] i64,
            #[diesel(column_name = changed)]
            #[versioned(version, precision = "seconds")]
            NaiveDateTime,
        );
    }
}

fn scoped_owner() -> TokenStream {
    quote! {
        #[diesel(table_name = tickets)]
        #[versioned(owner)]
        struct Ticket {
            id: i64,
            #[versioned(scope)]
            tenant: i64,
            title: String,
            version: i64,
        }
    }
}

fn dependent() -> TokenStream {
    quote! {
        #[diesel(table_name = ticket_copies)]
        #[versioned(dependent, entity = "tickets", gap = "park")]
        struct TicketCopy {
            id: i64,
            price: i64,
            version: i64,
        }
    }
}

fn embedded() -> TokenStream {
    quote! {
        #[diesel(table_name = tickets)]
        #[versioned(embedded)]
        struct Address {
            street: String,
            city: Option<String>,
        }
    }
}

fn broken() -> TokenStream {
    quote! {
        #[versioned(owner, entety = "tickets")]
        struct Ticket {
            id: i64,
            version: Option<i64>,
        }
    }
}

#[test]
fn owner() {
    snapshot("owner", &plain_owner(), &derive_versioned(plain_owner()));
}

#[test]
fn owner_with_everything() {
    snapshot(
        "owner_with_everything",
        &full_owner(),
        &derive_versioned(full_owner()),
    );
}

#[test]
fn owner_with_a_timestamp() {
    let input = timestamped_owner();
    snapshot(
        "owner_with_a_timestamp",
        &input,
        &derive_versioned(input.clone()),
    );
}

#[test]
fn owner_with_a_scope() {
    let expansion = derive_versioned(scoped_owner());
    snapshot("owner_with_a_scope", &scoped_owner(), &expansion);
}

#[test]
fn dependent_of_an_owner() {
    snapshot("dependent", &dependent(), &derive_versioned(dependent()));
}

#[test]
fn embedded_in_a_model() {
    snapshot("embedded", &embedded(), &derive_versioned(embedded()));
}

#[test]
fn errors_with_their_fallback() {
    snapshot("fallback", &broken(), &derive_versioned(broken()));
}

#[test]
fn sequential_version() {
    let input = quote!(
        struct Rev(i64);
    );
    snapshot(
        "sequential_version",
        &input,
        &parse(expand::sequential_version(input.clone())),
    );
}

#[test]
fn version_field() {
    let input = quote! {
        #[derive(Queryable, Selectable, Versioned)]
        #[versioned(owner)]
        struct Ticket {
            id: i64,
        }
    };
    let expansion = parse(expand::version_field(TokenStream::new(), input.clone()));
    snapshot("version_field", &input, &expansion);
}

/// The guide of `versioned-core` shows two of them. It cannot include them: they are not in its package.
#[test]
fn the_guide_quotes_the_expansion() {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let guide = package.join("../versioned-core/src/guide/reference/expansion.md");
    let guide = fs::read_to_string(guide).unwrap();
    for input in [plain_owner(), dependent()] {
        let expansion = prettyplease::unparse(&derive_versioned(input));
        assert!(
            guide.contains(&expansion),
            "the chapter `expansion` of the guide does not show\n{expansion}"
        );
    }
}

/// `as` is the only keyword that a struct's name can become.
#[test]
fn the_table_of_a_struct_named_a_is_raw() {
    let expansion = derive_versioned(quote! {
        #[versioned(owner)]
        struct A {
            id: i64,
            version: i64,
        }
    });
    let text = prettyplease::unparse(&expansion);
    assert!(text.contains("type Table = r#as::table;"), "{text}");
    assert!(
        text.contains("ENTITY: &'static ::core::primitive::str = \"as\";"),
        "{text}"
    );
}

/// The output is thin: what a model of four columns costs is about sixty lines, and no statement.
#[test]
fn an_owner_of_four_columns_takes_less_than_seventy_lines() {
    let mut expansion = derive_versioned(plain_owner());
    for item in impls(&mut expansion) {
        item.generics.where_clause = None;
    }
    let lines = prettyplease::unparse(&expansion).lines().count();
    assert!(lines < 70, "{lines} lines");
}

/// Nothing of it can be named from outside, or clash with the user's names: impls, a constant and one unused function.
#[test]
fn nothing_public_is_written() {
    for input in [
        plain_owner(),
        full_owner(),
        timestamped_owner(),
        scoped_owner(),
        dependent(),
        embedded(),
        broken(),
    ] {
        let mut expansion = derive_versioned(input);
        let text = prettyplease::unparse(&expansion);
        assert!(
            !text.split_whitespace().any(|word| word.starts_with("pub")),
            "{text}"
        );
        assert_eq!(expansion.items.len(), 1, "one anonymous const\n{text}");
        for item in impls(&mut expansion) {
            assert!(item.trait_.is_some(), "{text}");
            let automatic = |attr: &syn::Attribute| attr.path().is_ident("automatically_derived");
            assert!(item.attrs.iter().any(automatic), "{text}");
        }
    }
}

/// The impls of an expansion, which are all that it has besides `__WHOLE_KEY`, `__check` and errors.
fn impls(expansion: &mut File) -> Vec<&mut syn::ItemImpl> {
    let Some(Item::Const(constant)) = expansion.items.first_mut() else {
        panic!("not a const");
    };
    let syn::Expr::Block(body) = &mut *constant.expr else {
        panic!("not a block");
    };
    let statements = body
        .block
        .stmts
        .iter_mut()
        .filter_map(|statement| match statement {
            Stmt::Item(Item::Impl(item)) => Some(item),
            Stmt::Item(Item::Fn(item)) if item.sig.ident == "__check" => None,
            Stmt::Item(Item::Const(item)) if item.ident == "__WHOLE_KEY" => None,
            Stmt::Item(Item::Macro(item)) if item.mac.path.segments.len() == 2 => None,
            Stmt::Macro(_) => None,
            other => panic!("not an impl: {}", quote!(#other)),
        });
    statements.collect()
}
