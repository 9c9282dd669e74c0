//! The derive on inputs that nobody would write: it never panics, what it writes is Rust, and what it refuses it explains.
//!
//! `input.rs` makes them up. `sample.rs` makes models that are right, which `tests/ui/pass/main.rs` compiles against Diesel.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "clippy.toml exempts what is inside a test, and not its helpers"
)]

// A test cannot call a proc-macro crate, but its modules know nothing of `proc_macro`.
#[path = "../../../versioned-derive/src/attr.rs"]
mod attr;
#[path = "../../../versioned-derive/src/check.rs"]
mod check;
#[path = "../../../versioned-derive/src/choice.rs"]
mod choice;
#[path = "../../../versioned-derive/src/diesel.rs"]
mod diesel;
#[path = "../../../versioned-derive/src/errors.rs"]
mod errors;
#[path = "../../../versioned-derive/src/expand/mod.rs"]
mod expand;
#[path = "../../../versioned-derive/src/fields.rs"]
mod fields;
#[path = "../../../versioned-derive/src/model.rs"]
mod model;
#[path = "../../../versioned-derive/src/read.rs"]
mod read;

mod input;
mod sample;

use proc_macro2::TokenStream;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use syn::visit::Visit;
use syn::{Expr, File, Item, LitStr, Macro, Stmt};
use versioned_tests::random;

/// The errors of an expansion.
#[derive(Default)]
struct Messages(Vec<String>);

impl Visit<'_> for Messages {
    fn visit_macro(&mut self, found: &Macro) {
        if found.path.segments.last().unwrap().ident == "compile_error" {
            self.0.push(found.parse_body::<LitStr>().unwrap().value());
        }
    }
}

impl Messages {
    fn of(expansion: &File) -> Self {
        let mut messages = Self::default();
        messages.visit_file(expansion);
        messages
    }

    /// Each says in a line what to do.
    fn are_fine(&self) -> Result<(), TestCaseError> {
        prop_assert!(self.0.len() < 50, "{} errors", self.0.len());
        for message in &self.0 {
            let first = message.chars().next();
            prop_assert!(
                first.is_some_and(|first| !first.is_uppercase()),
                "{message}"
            );
            prop_assert!(!message.ends_with('.'), "{message}");
            prop_assert_ne!(message, "expected a versioned struct", "no reason");
        }
        Ok(())
    }
}

fn parse(expansion: TokenStream) -> Result<File, TestCaseError> {
    let text = expansion.to_string();
    syn::parse2(expansion)
        .map_err(|error| TestCaseError::fail(format!("not Rust: {error}\n{text}")))
}

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig {
        failure_persistence: None,
        cases: random::cases(cases),
        rng_seed: RngSeed::Fixed(random::seed()),
        max_shrink_iters: 2_000,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(config(2_000))]

    #[test]
    fn what_the_derive_writes_is_rust_or_says_why_not(input in input::item()) {
        let Ok(tokens) = input.parse::<TokenStream>() else {
            return Err(TestCaseError::fail("no tokens"));
        };
        let expansion = parse(expand::versioned(tokens.clone()))?;
        let messages = Messages::of(&expansion);
        messages.are_fine()?;
        if syn::parse2::<syn::DeriveInput>(tokens).is_err() {
            prop_assert_eq!(messages.0.len(), 1);
            return Ok(());
        }
        let [Item::Const(constant)] = &expansion.items[..] else {
            return Err(TestCaseError::fail("not one constant"));
        };
        let Expr::Block(body) = &*constant.expr else {
            return Err(TestCaseError::fail("not a block"));
        };
        for statement in &body.block.stmts {
            let Stmt::Item(Item::Impl(item)) = statement else { continue };
            prop_assert!(item.trait_.is_some());
        }
    }

    #[test]
    fn what_is_right_is_accepted(input in input::right()) {
        let expansion = parse(expand::versioned(input.parse().unwrap()))?;
        prop_assert_eq!(Messages::of(&expansion).0, Vec::<String>::new());
    }

    #[test]
    fn a_version_field_is_added_or_refused(input in input::item(), args in input::argument()) {
        let Ok(args) = args.parse::<TokenStream>() else { return Ok(()) };
        let before: TokenStream = input.parse().unwrap();
        let expansion = expand::version_field(args, before.clone());
        if syn::parse2::<File>(before).is_ok() {
            Messages::of(&parse(expansion)?).are_fine()?;
        }
    }

    #[test]
    fn a_newtype_counts_or_is_refused(input in input::item()) {
        let expansion = parse(expand::sequential_version(input.parse().unwrap()))?;
        Messages::of(&expansion).are_fine()?;
    }
}
