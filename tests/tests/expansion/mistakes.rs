//! What is said of mistakes, each thing once, and what is passed over. (How it looks in rustc: `tests/ui/fail`.)

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
use quote::quote;
use syn::visit::Visit;
use syn::{LitStr, Macro};

use super::derive_versioned;

/// The errors of an expansion, without what is said of valid options.
fn mistakes(input: TokenStream) -> Vec<String> {
    struct Messages(Vec<String>);

    impl Visit<'_> for Messages {
        fn visit_macro(&mut self, found: &Macro) {
            if found.path.segments.last().expect("a name").ident == "compile_error" {
                let message = found.parse_body::<LitStr>().expect("a text").value();
                self.0
                    .push(message.lines().next().unwrap_or_default().to_owned());
            }
        }
    }

    let mut messages = Messages(Vec::new());
    messages.visit_file(&derive_versioned(input));
    messages.0
}

fn text(input: TokenStream) -> String {
    prettyplease::unparse(&derive_versioned(input))
}

const UNNAMED: &str = "all fields of tuple structs must be annotated with `#[diesel(column_name)]`";

/// The field without a name may be the one that is missing.
#[test]
fn a_field_without_a_column_is_not_missed_as_well() {
    let key = quote! {
        #[diesel(table_name = tickets)]
        #[versioned(owner)]
        struct Ticket(i64, #[diesel(column_name = version)] i64);
    };
    assert_eq!(mistakes(key), [UNNAMED]);
    let named_key = quote! {
        #[diesel(table_name = tickets, primary_key(code))]
        #[versioned(owner)]
        struct Ticket(i64, #[diesel(column_name = version)] i64);
    };
    assert_eq!(mistakes(named_key), [UNNAMED]);
    let version = quote! {
        #[diesel(table_name = tickets)]
        #[versioned(owner)]
        struct Ticket(#[diesel(column_name = id)] i64, i64);
    };
    assert_eq!(mistakes(version), [UNNAMED]);
}

#[test]
fn an_embedded_field_needs_no_column() {
    let input = quote! {
        #[diesel(table_name = tickets)]
        #[versioned(owner)]
        struct Ticket(
            #[diesel(column_name = id)] i64,
            #[diesel(embed)] Address,
            #[diesel(column_name = version)] i64,
        );
    };
    assert_eq!(mistakes(input), Vec::<String>::new());
}

#[test]
fn two_fields_of_one_column_are_a_mistake_where_one_statement_writes_both() {
    let twice = |one: TokenStream, two: TokenStream| {
        mistakes(quote! {
            #[diesel(table_name = tickets)]
            #[versioned(owner)]
            struct Ticket {
                id: i64,
                #[diesel(column_name = title, #one)]
                title: String,
                #[diesel(column_name = title, #two)]
                subject: String,
                version: i64,
            }
        })
        .len()
    };
    let (inserted, updated) = (quote!(skip_update), quote!(skip_insertion));
    assert_eq!(twice(inserted.clone(), inserted.clone()), 1);
    assert_eq!(twice(updated.clone(), updated.clone()), 1);
    assert_eq!(twice(quote!(), updated.clone()), 1);
    assert_eq!(twice(inserted.clone(), quote!()), 1);
    assert_eq!(twice(inserted, updated), 0);
}

/// Also where parentheses, or a macro, are around it.
#[test]
fn a_version_is_never_optional() {
    let of_type = |ty: TokenStream| {
        mistakes(quote! {
            #[diesel(table_name = tickets)]
            #[versioned(owner)]
            struct Ticket { id: i64, version: #ty }
        })
    };
    let option = quote!(Option<i64>);
    let group = TokenTree::from(Group::new(Delimiter::None, option.clone()));
    for ty in [option.clone(), quote!((#option)), quote!(#group)] {
        assert_eq!(
            of_type(ty),
            ["the version can't be NULL, make the column NOT NULL and remove the `Option`"]
        );
    }
    assert_eq!(of_type(quote!((i64))), Vec::<String>::new());
}

/// A comma between angle brackets is not the end of a key of Diesel's.
#[test]
fn a_key_of_diesels_is_passed_over_as_a_whole() {
    let with = |keys: TokenStream| {
        text(quote! {
            #[diesel(table_name = tickets)]
            #[versioned(owner)]
            struct Ticket {
                id: i64,
                #[diesel(#keys)]
                title: String,
                version: i64,
            }
        })
    };
    let without = with(quote!());
    assert_eq!(with(quote!(deserialize_as = Pair<String, embed>)), without);
    assert_eq!(with(quote!(deserialize_as = Pair<String, embed>,)), without);
    assert_eq!(
        with(quote!(deserialize_as = Pair<String, embed>, skip_update)),
        with(quote!(skip_update))
    );
    assert_ne!(with(quote!(skip_update)), without);
}

/// Code that uses a model with a mistake in its attributes is not told that it is the wrong kind.
#[test]
fn a_broken_model_stays_of_the_kind_that_was_meant() {
    let kinds = |keys: TokenStream| {
        let text = text(quote! {
            #[diesel(table_name = tickets)]
            #[versioned(#keys)]
            struct Ticket { id: i64, version: i64 }
        });
        assert!(text.contains("compile_error"), "{keys} is no mistake");
        ["OwnerModel", "DependentModel"].map(|name| text.contains(name))
    };
    let (owner, dependent, neither) = ([true, false], [false, true], [false, false]);
    assert_eq!(kinds(quote!(ownr)), owner);
    assert_eq!(kinds(quote!(ownr, policy = "latest")), owner);
    assert_eq!(kinds(quote!(dependnt)), dependent);
    assert_eq!(kinds(quote!(embeded)), neither);
    assert_eq!(kinds(quote!(policy = "latest")), dependent);
    assert_eq!(kinds(quote!(guard = "row")), dependent);
    assert_eq!(kinds(quote!(gap = "park")), dependent);
    assert_eq!(kinds(quote!(initial = 1)), owner);
}

#[test]
fn the_columns_that_are_excluded_are_named() {
    let text = text(quote! {
        #[diesel(table_name = tickets)]
        #[versioned(owner)]
        struct Ticket {
            id: i64,
            #[versioned(excluded)]
            hits: i64,
            version: i64,
        }
    });
    let excluded = text.split("const EXCLUDED").nth(1).expect("a list");
    let (list, _) = excluded.split_once(';').unwrap();
    assert!(
        list.contains("<tickets::hits as ::versioned_core::model::Column>::NAME"),
        "{text}"
    );
}
