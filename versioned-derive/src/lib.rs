//! The derive macro of `versioned-core`.

use proc_macro::TokenStream;

/// Versions a Diesel model.
#[proc_macro_derive(Versioned, attributes(versioned, diesel))]
pub fn derive_versioned(_input: TokenStream) -> TokenStream {
    TokenStream::new()
}

/// Versions of a newtype.
#[proc_macro_derive(SequentialVersion, attributes(versioned))]
pub fn derive_sequential_version(_input: TokenStream) -> TokenStream {
    TokenStream::new()
}

/// Adds the version field.
#[proc_macro_attribute]
pub fn version_field(_args: TokenStream, item: TokenStream) -> TokenStream {
    item
}
