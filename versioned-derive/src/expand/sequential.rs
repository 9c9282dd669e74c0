//! `#[derive(SequentialVersion)]`

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned as _;
use syn::{Data, DeriveInput, Error, Field, Fields, Member, Result};

use super::{deprecated, generics};
use crate::attr;
use crate::errors::Errors;
use crate::model::Root;

/// A newtype of a counter.
struct Newtype<'a> {
    member: Member,
    inner: &'a Field,
}

/// ```text
/// const _: () = {
///     impl ::versioned_core::version::Version for Rev { .. }
///     impl ::versioned_core::version::SequentialVersion for Rev { .. }
/// };
/// ```
pub(crate) fn sequential_version(input: TokenStream) -> TokenStream {
    let input: DeriveInput = match syn::parse2(input) {
        Ok(input) => input,
        Err(error) => return error.into_compile_error(),
    };
    let mut errors = Errors::default();
    let root = Root::new(attr::newtype_root(&input.attrs, &mut errors));
    let newtype = errors.ok(newtype(&input));
    let items = match errors.finish(newtype) {
        Ok(newtype) => counter(&input, &root, &newtype),
        Err(error) => fallback(&input, &root, &error),
    };
    let allow = deprecated::allow(&input);
    quote! {
        #allow
        const _: () = {
            #items
        };
    }
}

fn newtype(input: &DeriveInput) -> Result<Newtype<'_>> {
    const EXPECTED: &str = "expected a struct with exactly one field, as in `struct Rev(i64);`";

    let fields = match &input.data {
        Data::Struct(data) => &data.fields,
        Data::Enum(data) => return Err(Error::new(data.enum_token.span, EXPECTED)),
        Data::Union(data) => return Err(Error::new(data.union_token.span, EXPECTED)),
    };
    if !input.generics.params.is_empty() {
        return Err(Error::new_spanned(
            &input.generics,
            "expected a struct without parameters, as in `struct Rev(i64);`",
        ));
    }
    let mut all = fields.iter();
    let (Some(inner), None) = (all.next(), all.next()) else {
        return Err(Error::new(input.ident.span(), EXPECTED));
    };
    let member = match (&inner.ident, fields) {
        (Some(name), Fields::Named(_)) => Member::Named(name.clone()),
        _ => Member::from(0),
    };
    Ok(Newtype { member, inner })
}

/// ```text
/// impl ::versioned_core::version::Version for Rev {
///     fn initial() -> Self {
///         Self(<i64 as ::versioned_core::version::Version>::initial())
///     }
///
///     fn next(&self) -> ::core::option::Option<Self> {
///         ::core::option::Option::map(
///             <i64 as ::versioned_core::version::Version>::next(&self.0),
///             Self,
///         )
///     }
///
///     fn token(&self) -> ::versioned_core::version::Token {
///         <i64 as ::versioned_core::version::Version>::token(&self.0)
///     }
///
///     fn from_token(
///         __token: ::versioned_core::version::Token,
///     ) -> ::core::option::Option<Self> {
///         ::core::option::Option::map(
///             <i64 as ::versioned_core::version::Version>::from_token(__token),
///             Self,
///         )
///     }
/// }
///
/// impl ::versioned_core::version::SequentialVersion for Rev {
///     fn starting_at(__first: ::core::primitive::i16) -> Self {
///         Self(<i64 as ::versioned_core::version::SequentialVersion>::starting_at(__first))
///     }
///
///     fn number(&self) -> ::core::primitive::i64 { .. }
///     fn from_number(__number: ::core::primitive::i64) -> ::core::option::Option<Self> { .. }
/// }
/// ```
fn counter(input: &DeriveInput, root: &Root, newtype: &Newtype<'_>) -> TokenStream {
    let Newtype { member, inner } = newtype;
    let ident = &input.ident;
    let ty = &inner.ty;
    let span = Span::mixed_site().located_at(ty.span());
    let there = root.at(span);
    let version = quote_spanned!(span=> <#ty as #there::version::Version>);
    let sequential = quote_spanned!(span=> <#ty as #there::version::SequentialVersion>);
    let new = |value: TokenStream| match member {
        Member::Named(name) => quote!(Self { #name: #value }),
        Member::Unnamed(_) => quote!(Self(#value)),
    };
    let make = match member {
        Member::Named(name) => quote!(|__counter| Self { #name: __counter }),
        Member::Unnamed(_) => quote!(Self),
    };
    let initial = new(quote!(#version::initial()));
    let starting_at = new(quote!(#sequential::starting_at(__first)));
    quote! {
        #[automatically_derived]
        impl #root::version::Version for #ident {
            fn initial() -> Self {
                #initial
            }

            fn next(&self) -> ::core::option::Option<Self> {
                ::core::option::Option::map(#version::next(&self.#member), #make)
            }

            fn token(&self) -> #root::version::Token {
                #version::token(&self.#member)
            }

            fn from_token(__token: #root::version::Token) -> ::core::option::Option<Self> {
                ::core::option::Option::map(#version::from_token(__token), #make)
            }
        }

        #[automatically_derived]
        impl #root::version::SequentialVersion for #ident {
            fn starting_at(__first: ::core::primitive::i16) -> Self {
                #starting_at
            }

            fn number(&self) -> ::core::primitive::i64 {
                #sequential::number(&self.#member)
            }

            fn from_number(__number: ::core::primitive::i64) -> ::core::option::Option<Self> {
                ::core::option::Option::map(#sequential::from_number(__number), #make)
            }
        }
    }
}

/// Generates the errors, and impls that are never called.
///
/// ```text
/// impl ::versioned_core::version::Version for Rev
/// where
///     for<'__a> Self: ::core::clone::Clone + ::core::cmp::PartialEq + ..,
/// {
///     ..
/// }
/// ```
///
/// Because of the lifetime, rustc does not check the predicate here, which could add an error.
fn fallback(input: &DeriveInput, root: &Root, error: &Error) -> TokenStream {
    let errors = error.to_compile_error();
    let ident = &input.ident;
    let (impl_generics, ty_generics, _) = input.generics.split_for_impl();
    let clause = generics::clause(
        &input.generics,
        &[quote! {
            for<'__a> Self: ::core::clone::Clone + ::core::cmp::PartialEq + ::core::fmt::Debug
                + ::core::marker::Send + ::core::marker::Sync
        }],
    );
    quote! {
        #errors

        #[automatically_derived]
        impl #impl_generics #root::version::Version for #ident #ty_generics #clause {
            fn initial() -> Self {
                ::core::unreachable!()
            }

            fn next(&self) -> ::core::option::Option<Self> {
                ::core::option::Option::None
            }

            fn token(&self) -> #root::version::Token {
                #root::version::Token::Number(0)
            }

            fn from_token(_: #root::version::Token) -> ::core::option::Option<Self> {
                ::core::option::Option::None
            }
        }

        #[automatically_derived]
        impl #impl_generics #root::version::SequentialVersion for #ident #ty_generics #clause {
            fn starting_at(_: ::core::primitive::i16) -> Self {
                ::core::unreachable!()
            }

            fn number(&self) -> ::core::primitive::i64 {
                0
            }

            fn from_number(_: ::core::primitive::i64) -> ::core::option::Option<Self> {
                ::core::option::Option::None
            }
        }
    }
}
