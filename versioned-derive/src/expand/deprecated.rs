//! Deprecated structs and fields: the expansion names them and must not warn about them.

use proc_macro2::TokenStream;
use quote::quote;
use syn::punctuated::Punctuated;
use syn::{Attribute, Data, DeriveInput, Meta, Token};

/// `#[allow(deprecated)]` if the struct or a field is deprecated or may use deprecated items.
/// Nothing otherwise, because the attribute is an error below a `#![forbid(deprecated)]`.
pub(super) fn allow(input: &DeriveInput) -> TokenStream {
    let fields = match &input.data {
        Data::Struct(data) => Some(&data.fields),
        Data::Enum(_) | Data::Union(_) => None,
    };
    let of_fields = fields.into_iter().flatten().flat_map(|field| &field.attrs);
    if input
        .attrs
        .iter()
        .chain(of_fields)
        .any(is_about_deprecation)
    {
        quote!(#[allow(deprecated)])
    } else {
        TokenStream::new()
    }
}

/// `#[deprecated]`, `#[allow(deprecated)]`, `#[expect(deprecated)]`
fn is_about_deprecation(attribute: &Attribute) -> bool {
    let path = attribute.path();
    if path.is_ident("deprecated") {
        return true;
    }
    if !path.is_ident("allow") && !path.is_ident("expect") {
        return false;
    }
    let lints = attribute.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated);
    lints.is_ok_and(|lints| lints.iter().any(|lint| lint.path().is_ident("deprecated")))
}
