//! `#[versioned(dependent)]`

use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::spanned::Spanned as _;

use super::generics;
use crate::choice::Gap;
use crate::model::{Column, Model, Record, ReplicaOptions, Root};

/// ```text
/// impl ::versioned_core::model::DependentModel for TicketCopy
/// where
///     i64: ::versioned_core::version::SequentialVersion,
/// {
///     const POLICY: ::versioned_core::model::Policy = ::versioned_core::model::Policy::Sequential;
///     const GUARD: ::versioned_core::model::Guard = ::versioned_core::model::Guard::Position;
///     const GAP: ::versioned_core::model::Gap = ::versioned_core::model::Gap::Nack;
///
///     fn parse_key(__text: &::core::primitive::str) -> ::core::option::Option<Self::Id> { .. }
/// }
/// ```
///
/// The trait implies the predicate. Repeating it here shows an error on the type of the version.
pub(super) fn dependent(
    model: &Model<'_>,
    record: &Record<'_>,
    options: &ReplicaOptions,
) -> TokenStream {
    let Model { root, input, .. } = model;
    let ReplicaOptions {
        policy, guard, gap, ..
    } = options;
    let ident = &input.ident;
    let (impl_generics, ty_generics, _) = input.generics.split_for_impl();
    let mut bounds = generics::of_record(model, record);
    bounds.push(generics::at(record.version.ty, |span| {
        let root = root.at(span);
        quote_spanned!(span=> #root::version::SequentialVersion)
    }));
    let generic = record
        .key
        .iter()
        .filter(|part| generics::mentions(part.ty, &input.generics));
    bounds.extend(generic.map(|part| {
        let ty = part.ty;
        quote!(#ty: ::core::str::FromStr)
    }));
    if *gap == Gap::Park && !input.generics.params.is_empty() {
        bounds.push(quote!(Self: #root::model::ToJson + #root::model::FromJson));
    }
    let clause = generics::clause(&input.generics, &bounds);
    let parse_key = parse_key(root, &record.key);
    let parking = match gap {
        Gap::Nack => TokenStream::new(),
        Gap::Park => parking(root, options),
    };
    quote! {
        #[automatically_derived]
        impl #impl_generics #root::model::DependentModel for #ident #ty_generics #clause {
            const POLICY: #root::model::Policy = #root::model::#policy;
            const GUARD: #root::model::Guard = #root::model::#guard;
            const GAP: #root::model::Gap = #root::model::#gap;

            #parse_key

            #parking
        }
    }
}

/// ```text
/// fn parse_key(__text: &::core::primitive::str) -> ::core::option::Option<Self::Id> {
///     use ::versioned_core::model::KeyPartText as _;
///     let [__0] = ::versioned_core::model::key_parts(__text)?;
///     ::core::option::Option::Some(::versioned_core::model::KeyPart::<i64>::parse(&__0)?)
/// }
/// ```
fn parse_key(root: &Root, key: &[Column<'_>]) -> TokenStream {
    let parts: Vec<_> = (0..key.len())
        .map(|index| format_ident!("__{index}"))
        .collect();
    let values = key.iter().zip(&parts).map(|(column, part)| {
        let span = Span::mixed_site().located_at(column.ty.span());
        let root = root.at(span);
        let ty = column.ty;
        quote_spanned!(span=> #root::model::KeyPart::<#ty>::parse(&#part)?)
    });
    let id = if key.len() == 1 {
        quote!(#(#values)*)
    } else {
        quote!((#(#values),*))
    };
    quote! {
        fn parse_key(__text: &::core::primitive::str) -> ::core::option::Option<Self::Id> {
            use #root::model::KeyPartText as _;
            let [#(#parts),*] = #root::model::key_parts(__text)?;
            ::core::option::Option::Some(#id)
        }
    }
}

/// `gap = "park"`: the events must be serializable and deserializable. Errors about that are shown
/// on the attribute.
///
/// ```text
/// fn park(
///     __event: &::versioned_core::Event<Self>,
/// ) -> ::versioned_core::model::JsonResult<::std::string::String> {
///     ::versioned_core::model::parked_to_json(__event)
/// }
///
/// fn unpark(
///     __text: &::core::primitive::str,
/// ) -> ::versioned_core::model::JsonResult<::versioned_core::Event<Self>> {
///     ::versioned_core::model::parked_from_json(__text)
/// }
/// ```
fn parking(root: &Root, options: &ReplicaOptions) -> TokenStream {
    let span = Span::call_site().located_at(options.gap_span);
    let root = root.at(span);
    quote_spanned! {span=>
        fn park(__event: &#root::Event<Self>) -> #root::model::JsonResult<::std::string::String> {
            #root::model::parked_to_json(__event)
        }

        fn unpark(__text: &::core::primitive::str) -> #root::model::JsonResult<#root::Event<Self>> {
            #root::model::parked_from_json(__text)
        }
    }
}
