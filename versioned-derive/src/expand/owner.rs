//! `#[versioned(owner)]`

use proc_macro2::TokenStream;
use quote::quote;

use super::generics;
use crate::model::{Model, Record};

/// ```text
/// impl ::versioned_core::model::OwnerModel for Ticket {}
/// impl ::versioned_core::model::PlainOwner for Ticket {}
/// ```
pub(super) fn owner(model: &Model<'_>, record: &Record<'_>) -> TokenStream {
    let Model { root, input, .. } = model;
    let ident = &input.ident;
    let (impl_generics, ty_generics, _) = input.generics.split_for_impl();
    let clause = generics::clause(&input.generics, &generics::of_record(model, record));
    quote! {
        #[automatically_derived]
        impl #impl_generics #root::model::OwnerModel for #ident #ty_generics #clause {}

        #[automatically_derived]
        impl #impl_generics #root::model::PlainOwner for #ident #ty_generics #clause {}
    }
}
