//! `#[versioned(owner)]`

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::Ident;
use syn::spanned::Spanned as _;

use super::generics;
use crate::model::{Model, OwnerOptions, Record, Root};

/// ```text
/// impl ::versioned_core::model::OwnerModel for Ticket {}
/// impl ::versioned_core::model::PlainOwner for Ticket {}     // not with `outbox`
/// ```
pub(super) fn owner(model: &Model<'_>, record: &Record<'_>, options: &OwnerOptions) -> TokenStream {
    let Model { root, input, .. } = model;
    let ident = &input.ident;
    let (impl_generics, ty_generics, _) = input.generics.split_for_impl();
    let mut bounds = generics::of_record(model, record);
    let version = record.version.ty;
    let counts = options.tombstones || options.outbox.is_some();
    if counts && generics::mentions(version, &input.generics) {
        bounds.push(quote!(#version: #root::version::SequentialVersion));
    }
    if options.outbox.is_some() && !input.generics.params.is_empty() {
        bounds.push(quote!(Self: #root::model::ToJson));
    }
    let clause = generics::clause(&input.generics, &bounds);
    let tombstones = options.tombstones.then(|| {
        quote! {
            const TOMBSTONES: ::core::primitive::bool = true;
        }
    });
    let excluded = excluded(model, &options.excluded);
    let outbox = options.outbox.map(|span| outbox(root, span));
    let numbers = counts.then(|| numbers(root, record));
    let plain = options.outbox.is_none().then(|| {
        quote! {
            #[automatically_derived]
            impl #impl_generics #root::model::PlainOwner for #ident #ty_generics #clause {}
        }
    });
    quote! {
        #[automatically_derived]
        impl #impl_generics #root::model::OwnerModel for #ident #ty_generics #clause {
            #tombstones
            #outbox
            #excluded
            #numbers
        }

        #plain
    }
}

/// `#[versioned(excluded)]`
///
/// ```text
/// const EXCLUDED: &'static [&'static ::core::primitive::str] =
///     &[<tickets::hits as ::versioned_core::model::Column>::NAME];
/// ```
fn excluded(model: &Model<'_>, names: &[Ident]) -> TokenStream {
    let Model { root, table, .. } = model;
    if names.is_empty() {
        return TokenStream::new();
    }
    quote! {
        const EXCLUDED: &'static [&'static ::core::primitive::str] =
            &[#(<#table::#names as #root::model::Column>::NAME),*];
    }
}

/// `#[versioned(owner, outbox)]`: the model must be serializable as JSON. Errors about that are
/// shown on the attribute.
///
/// ```text
/// const OUTBOX: ::core::primitive::bool = true;
///
/// fn event_json(
///     __event: &::versioned_core::Event<&Self>,
/// ) -> ::versioned_core::model::EventJson {
///     ::versioned_core::model::event_to_json(__event)
/// }
/// ```
fn outbox(root: &Root, span: Span) -> TokenStream {
    let span = Span::call_site().located_at(span);
    let root = root.at(span);
    quote_spanned! {span=>
        const OUTBOX: ::core::primitive::bool = true;

        fn event_json(
            __event: &#root::Event<&Self>,
        ) -> #root::model::EventJson {
            #root::model::event_to_json(__event)
        }
    }
}

/// An owner with `tombstones` or `outbox` has versions that are numbers.
///
/// ```text
/// fn number(__version: &Self::Version) -> ::core::primitive::i64 {
///     <i64 as ::versioned_core::version::SequentialVersion>::number(__version)
/// }
///
/// fn numbered(__number: ::core::primitive::i64) -> ::core::option::Option<Self::Version> {
///     <i64 as ::versioned_core::version::SequentialVersion>::from_number(__number)
/// }
/// ```
fn numbers(root: &Root, record: &Record<'_>) -> TokenStream {
    let ty = record.version.ty;
    let span = Span::mixed_site().located_at(ty.span());
    let there = root.at(span);
    let sequential = quote_spanned!(span=> <#ty as #there::version::SequentialVersion>);
    quote! {
        fn number(__version: &Self::Version) -> ::core::primitive::i64 {
            #sequential::number(__version)
        }

        fn numbered(__number: ::core::primitive::i64) -> ::core::option::Option<Self::Version> {
            #sequential::from_number(__number)
        }
    }
}
