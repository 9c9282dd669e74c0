//! `#[versioned(owner)]`

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned as _;

use super::generics;
use crate::model::{Deletions, Model, Record, Root};

/// ```text
/// impl ::versioned_core::model::OwnerModel for Ticket {}
/// impl ::versioned_core::model::PlainOwner for Ticket {}
/// ```
pub(super) fn owner(model: &Model<'_>, record: &Record<'_>, deletions: Deletions) -> TokenStream {
    let Model { root, input, .. } = model;
    let ident = &input.ident;
    let (impl_generics, ty_generics, _) = input.generics.split_for_impl();
    let mut bounds = generics::of_record(model, record);
    let version = record.version.ty;
    if deletions == Deletions::Remembered && generics::mentions(version, &input.generics) {
        bounds.push(quote!(#version: #root::version::SequentialVersion));
    }
    let clause = generics::clause(&input.generics, &bounds);
    let tombstones = match deletions {
        Deletions::Forgotten => TokenStream::new(),
        Deletions::Remembered => tombstones(root, record),
    };
    quote! {
        #[automatically_derived]
        impl #impl_generics #root::model::OwnerModel for #ident #ty_generics #clause {
            #tombstones
        }

        #[automatically_derived]
        impl #impl_generics #root::model::PlainOwner for #ident #ty_generics #clause {}
    }
}

/// `#[versioned(owner, tombstones)]`
///
/// ```text
/// const TOMBSTONES: ::core::primitive::bool = true;
///
/// fn number(__version: &Self::Version) -> ::core::primitive::i64 {
///     <i64 as ::versioned_core::version::SequentialVersion>::number(__version)
/// }
///
/// fn numbered(__number: ::core::primitive::i64) -> ::core::option::Option<Self::Version> {
///     <i64 as ::versioned_core::version::SequentialVersion>::from_number(__number)
/// }
/// ```
fn tombstones(root: &Root, record: &Record<'_>) -> TokenStream {
    let ty = record.version.ty;
    let span = Span::mixed_site().located_at(ty.span());
    let there = root.at(span);
    let sequential = quote_spanned!(span=> <#ty as #there::version::SequentialVersion>);
    quote! {
        const TOMBSTONES: ::core::primitive::bool = true;

        fn number(__version: &Self::Version) -> ::core::primitive::i64 {
            #sequential::number(__version)
        }

        fn numbered(__number: ::core::primitive::i64) -> ::core::option::Option<Self::Version> {
            #sequential::from_number(__number)
        }
    }
}
