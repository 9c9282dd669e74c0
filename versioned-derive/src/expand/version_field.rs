//! `#[version_field]`

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote};
use syn::parse::Parser as _;
use syn::{Data, DeriveInput, Error, Field, Fields, Ident, Result, Type};

use crate::attr;
use crate::errors::Errors;

/// ```text
/// struct Ticket {
///     id: i64,
///     /// The version of the record: it moves by one with each write.
///     pub version: ::core::primitive::i64,
/// }
/// ```
///
/// An invalid struct is returned unchanged, after its errors.
pub(crate) fn version_field(args: TokenStream, item: TokenStream) -> TokenStream {
    add(args, item.clone()).unwrap_or_else(|error| {
        let mut both = error.into_compile_error();
        both.extend(item);
        both
    })
}

fn add(args: TokenStream, item: TokenStream) -> Result<TokenStream> {
    let ty = if args.is_empty() {
        quote!(::core::primitive::i64)
    } else {
        syn::parse2::<Type>(args)
            .map_err(|error| {
                Error::new(
                    error.span(),
                    "expected a type, as in `#[version_field(i32)]`",
                )
            })?
            .into_token_stream()
    };
    let mut input: DeriveInput =
        syn::parse2(item).map_err(|_| Error::new(Span::call_site(), EXPECTED))?;
    if is_below_its_derive(&input) {
        return Ok(input.into_token_stream());
    }
    let fields = match &mut input.data {
        Data::Struct(data) => match &mut data.fields {
            Fields::Named(fields) => fields,
            Fields::Unnamed(_) | Fields::Unit => return Err(refused(&input.ident)),
        },
        Data::Enum(_) | Data::Union(_) => return Err(refused(&input.ident)),
    };
    if let Some(version) = fields.named.iter().find(|field| is_version(field)) {
        return Err(Error::new_spanned(
            &version.ident,
            "the struct already has a version field, remove it or `#[version_field]`",
        ));
    }
    let version = quote! {
        #[doc = " The version of the record: it moves by one with each write."]
        pub version: #ty
    };
    fields.named.push(Field::parse_named.parse2(version)?);
    Ok(input.into_token_stream())
}

const EXPECTED: &str = "expected a struct with named fields, to which `version` can be added";

fn refused(ident: &Ident) -> Error {
    Error::new(ident.span(), EXPECTED)
}

/// Returns whether a derive that reads `#[versioned(..)]` stands above. It has already reported the
/// missing version. The other derives there would only add errors about a missing field.
fn is_below_its_derive(input: &DeriveInput) -> bool {
    let is = |names: &[&str]| {
        let mut paths = input.attrs.iter().map(syn::Attribute::path);
        paths.any(|path| names.iter().any(|name| path.is_ident(name)))
    };
    is(&["versioned"]) && !is(&["derive", "cfg_attr"])
}

fn is_version(field: &Field) -> bool {
    // The derive reports invalid attributes.
    let keys = attr::FieldAttrs::read(&field.attrs, &mut Errors::default())
        .version
        .is_some();
    keys || field.ident.as_ref().is_some_and(|name| name == "version")
}
