//! Collects errors, so that all errors of an input are reported together.

use std::fmt::Display;

use proc_macro2::Span;
use quote::ToTokens;
use syn::{Error, Result};

/// The errors of one input, in the order of discovery.
#[derive(Default)]
pub(crate) struct Errors(Option<Error>);

impl Errors {
    pub(crate) fn push(&mut self, error: Error) {
        match &mut self.0 {
            Some(all) => all.combine(error),
            None => self.0 = Some(error),
        }
    }

    /// Adds an error on these tokens. The message is lowercase, has no final period and says what
    /// to do.
    pub(crate) fn at(&mut self, tokens: impl ToTokens, message: impl Display) {
        self.push(Error::new_spanned(tokens, message));
    }

    /// Returns the value, or adds the error and returns `None`.
    pub(crate) fn ok<T>(&mut self, result: Result<T>) -> Option<T> {
        result.map_err(|error| self.push(error)).ok()
    }

    pub(crate) fn none(&self) -> bool {
        self.0.is_none()
    }

    /// Returns `made` if there were no errors, and all errors combined otherwise.
    pub(crate) fn finish<T>(self, made: Option<T>) -> Result<T> {
        match (self.0, made) {
            (None, Some(made)) => Ok(made),
            (Some(error), _) => Err(error),
            (None, None) => Err(Error::new(Span::call_site(), "expected a versioned struct")),
        }
    }
}
