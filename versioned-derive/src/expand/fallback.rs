//! Impls for an invalid struct, so that code that uses it causes no further errors.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::{DeriveInput, GenericParam, TypeParam};

use super::generics;
use crate::attr::Mode;
use crate::model::Invalid;

/// Generates the errors, and impls that refer to a table that does not exist.
///
/// ```text
/// ::core::compile_error! { ".." }
/// impl ::versioned_core::model::Versioned for Ticket {
///     type Table = ::versioned_core::model::fallback::unknown::table;
///     ..
/// }
/// impl ::versioned_core::model::OwnerModel for Ticket {}
/// impl ::versioned_core::model::PlainOwner for Ticket {}
/// impl ::versioned_core::model::Fields for Ticket { .. }
/// impl<__DB> ::versioned_core::model::Columns<__DB> for Ticket
/// where
///     __DB: ::versioned_core::model::Backend,
/// {
///     ..
/// }
/// ```
pub(super) fn versioned(input: &DeriveInput, invalid: Invalid) -> TokenStream {
    let errors = invalid.error.into_compile_error();
    let root = &invalid.root;
    let ident = &input.ident;
    let mut with_backend = input.generics.clone();
    with_backend
        .params
        .push(GenericParam::Type(TypeParam::from(format_ident!("__DB"))));
    let (with_backend, _, _) = with_backend.split_for_impl();
    let (impl_generics, ty_generics, _) = input.generics.split_for_impl();
    let bounds: Vec<_> = generics::of_parameters(&input.generics).collect();
    let clause = generics::clause(&input.generics, &bounds);
    let columns_clause = generics::clause(&input.generics, &[quote!(__DB: #root::model::Backend)]);
    let static_self = generics::static_self(ident, &input.generics);

    let metadata = quote! {
        #[automatically_derived]
        impl #impl_generics #root::model::Versioned for #ident #ty_generics #clause {
            type Table = #root::model::fallback::unknown::table;
            type KeyColumns = (#root::model::fallback::unknown::id,);
            type VersionColumn = #root::model::fallback::unknown::version;
            type Id = ::core::primitive::i64;
            type Version = ::core::primitive::i64;
            type Static = #static_self;
            const TABLE: &'static ::core::primitive::str = "unknown";
            const ENTITY: &'static ::core::primitive::str = "unknown";

            fn id(&self) -> Self::Id {
                0
            }

            fn loaded(&self) -> &Self::Version {
                &0
            }

            fn set_version(&mut self, _: Self::Version) {}

            fn key_parts(_: &Self::Id, _: &mut #root::model::KeyText) {}
        }
    };
    let fields = quote! {
        #[automatically_derived]
        impl #impl_generics #root::model::Fields for #ident #ty_generics #clause {
            fn fields(_: &mut Self, _: &Self, _: &Self, _: &mut #root::model::FieldWalk) {}
        }
    };
    let rest = match invalid.mode {
        Mode::Owner => quote! {
            #metadata

            #[automatically_derived]
            impl #impl_generics #root::model::OwnerModel for #ident #ty_generics #clause {}

            #[automatically_derived]
            impl #impl_generics #root::model::PlainOwner for #ident #ty_generics #clause {}

            #fields
        },
        Mode::Dependent => quote! {
            #metadata

            #[automatically_derived]
            impl #impl_generics #root::model::DependentModel for #ident #ty_generics #clause {
                const POLICY: #root::model::Policy = #root::model::Policy::Sequential;
                const GUARD: #root::model::Guard = #root::model::Guard::Position;
                const GAP: #root::model::Gap = #root::model::Gap::Nack;

                fn parse_key(_: &::core::primitive::str) -> ::core::option::Option<Self::Id> {
                    ::core::option::Option::None
                }
            }
        },
        Mode::Embedded => fields,
    };
    quote! {
        #errors

        #rest

        #[automatically_derived]
        impl #with_backend #root::model::Columns<__DB> for #ident #ty_generics #columns_clause {
            fn columns<'__b>(
                &'__b self,
                _: &mut #root::model::Walk<'_, '__b, __DB>,
            ) -> #root::model::QueryResult<()> {
                ::core::result::Result::Ok(())
            }
        }
    }
}
