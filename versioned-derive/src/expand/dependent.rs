//! `#[versioned(dependent)]`

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};

use super::generics;
use crate::model::{Delivery, Model, Record};

/// ```text
/// impl ::versioned_core::model::DependentModel for TicketCopy
/// where
///     i64: ::versioned_core::version::SequentialVersion,
/// {
///     const POLICY: ::versioned_core::model::Policy = ::versioned_core::model::Policy::Sequential;
///     const GUARD: ::versioned_core::model::Guard = ::versioned_core::model::Guard::Position;
///     const GAP: ::versioned_core::model::Gap = ::versioned_core::model::Gap::Nack;
/// }
/// ```
///
/// The predicate follows from the trait; it stands here to show the version's type when it does not hold.
pub(super) fn dependent(
    model: &Model<'_>,
    record: &Record<'_>,
    delivery: &Delivery,
) -> TokenStream {
    let Model { root, input, .. } = model;
    let Delivery { policy, guard, gap } = delivery;
    let ident = &input.ident;
    let (impl_generics, ty_generics, _) = input.generics.split_for_impl();
    let mut bounds = generics::of_record(model, record);
    bounds.push(generics::at(record.version.ty, |span| {
        let root = root.at(span);
        quote_spanned!(span=> #root::version::SequentialVersion)
    }));
    let clause = generics::clause(&input.generics, &bounds);
    quote! {
        #[automatically_derived]
        impl #impl_generics #root::model::DependentModel for #ident #ty_generics #clause {
            const POLICY: #root::model::Policy = #root::model::#policy;
            const GUARD: #root::model::Guard = #root::model::#guard;
            const GAP: #root::model::Gap = #root::model::#gap;
        }
    }
}
