//! Where errors are collected, so that all that is wrong with an input is said at once.

use std::fmt::Display;

use proc_macro2::Span;
use quote::ToTokens;
use syn::{Error, Result};

/// The errors of one input, in the order in which they were found.
#[derive(Default)]
pub(crate) struct Errors(Option<Error>);

impl Errors {
    pub(crate) fn push(&mut self, error: Error) {
        match &mut self.0 {
            Some(all) => all.combine(error),
            None => self.0 = Some(error),
        }
    }

    /// An error on these tokens: lowercase, no final period, saying what to do.
    pub(crate) fn at(&mut self, tokens: impl ToTokens, message: impl Display) {
        self.push(Error::new_spanned(tokens, message));
    }

    /// The value, if there is one; otherwise its error is collected.
    pub(crate) fn ok<T>(&mut self, result: Result<T>) -> Option<T> {
        result.map_err(|error| self.push(error)).ok()
    }

    pub(crate) fn none(&self) -> bool {
        self.0.is_none()
    }

    /// What was made of the input, if nothing was wrong with it.
    pub(crate) fn finish<T>(self, made: Option<T>) -> Result<T> {
        match (self.0, made) {
            (None, Some(made)) => Ok(made),
            (Some(error), _) => Err(error),
            (None, None) => Err(Error::new(Span::call_site(), "expected a versioned struct")),
        }
    }
}
