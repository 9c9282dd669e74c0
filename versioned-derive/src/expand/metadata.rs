//! The common part of owners and dependents: names, key and version.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned as _;
use syn::{Index, LitStr};

use super::generics;
use crate::model::{Column, Count, Model, Record, ReplicaOptions, Root, table_name};

/// All bindings are named `__..`. After `use tickets::dsl::*`, a parameter `id` would be a pattern
/// for the column.
///
/// ```text
/// impl ::versioned_core::model::Versioned for Ticket {
///     type Table = tickets::table;
///     type KeyColumns = (tickets::id,);
///     type VersionColumn = tickets::version;
///     type Id = i64;
///     type Version = i64;
///     type Static = Self;
///     const TABLE: &'static ::core::primitive::str = "tickets";
///     const ENTITY: &'static ::core::primitive::str = "tickets";
///     const WHOLE_KEY: ::core::primitive::bool = __WHOLE_KEY;
///
///     fn id(&self) -> Self::Id { .. }
///     fn loaded(&self) -> &Self::Version { &self.version }
///     fn set_version(&mut self, __version: Self::Version) { self.version = __version; }
///     fn key_parts(__id: &Self::Id, __text: &mut ::versioned_core::model::KeyText) { .. }
/// }
/// ```
pub(super) fn metadata(
    model: &Model<'_>,
    record: &Record<'_>,
    options: Option<&ReplicaOptions>,
) -> TokenStream {
    let Model {
        root, table, input, ..
    } = model;
    let ident = &input.ident;
    let (impl_generics, ty_generics, _) = input.generics.split_for_impl();
    let clause = generics::clause(&input.generics, &generics::of_record(model, record));
    let static_self = generics::static_self(ident, &input.generics);

    let key_columns = record.key.iter().map(|part| &part.name);
    let Column {
        member: version,
        ty: version_type,
        name: version_column,
        ..
    } = &record.version;
    let table_name = table_name(table);
    let entity = &record.entity;
    let (id_type, id) = id(&record.key);
    let key_parts = key_parts(root, &record.key);
    let count = count(model, record);

    let whole_key = whole_key(model, record);
    // Empty stands for the name of the table.
    let replica = options.map(|options| {
        let name = options
            .replica
            .as_ref()
            .map_or_else(String::new, LitStr::value);
        quote! {
            const REPLICA: ::core::option::Option<&'static ::core::primitive::str> =
                ::core::option::Option::Some(#name);
        }
    });

    quote! {
        #whole_key

        #[automatically_derived]
        impl #impl_generics #root::model::Versioned for #ident #ty_generics #clause {
            type Table = #table::table;
            type KeyColumns = (#(#table::#key_columns,)*);
            type VersionColumn = #table::#version_column;
            type Id = #id_type;
            type Version = #version_type;
            type Static = #static_self;
            const TABLE: &'static ::core::primitive::str = #table_name;
            const ENTITY: &'static ::core::primitive::str = #entity;
            const WHOLE_KEY: ::core::primitive::bool = __WHOLE_KEY;
            #replica

            fn id(&self) -> Self::Id {
                #id
            }

            fn loaded(&self) -> &Self::Version {
                &self.#version
            }

            fn set_version(&mut self, __version: Self::Version) {
                self.#version = __version;
            }

            fn key_parts(__id: &Self::Id, __text: &mut #root::model::KeyText) {
                #key_parts
            }

            #count
        }
    }
}

/// `i64` and `::core::clone::Clone::clone(&self.id)`, or tuples of these for a composite key.
fn id(key: &[Column<'_>]) -> (TokenStream, TokenStream) {
    let types = key.iter().map(|part| part.ty);
    let values = key.iter().map(|part| {
        let member = &part.member;
        let span = Span::call_site().located_at(part.ty.span());
        quote_spanned!(span=> ::core::clone::Clone::clone(&self.#member))
    });
    if key.len() == 1 {
        (quote!(#(#types)*), quote!(#(#values)*))
    } else {
        (quote!((#(#types),*)), quote!((#(#values),*)))
    }
}

/// ```text
/// use ::versioned_core::model::KeyPartText as _;
/// __text.part(::versioned_core::model::KeyPart::<i64>::text(__id));
/// ```
///
/// For a composite key `&__id.0` and `&__id.1` in place of `__id`.
fn key_parts(root: &Root, key: &[Column<'_>]) -> TokenStream {
    let parts = (0..).zip(key).map(|(index, part)| {
        let span = Span::call_site().located_at(part.ty.span());
        let (root, ty) = (root.at(span), part.ty);
        let value = if key.len() == 1 {
            quote_spanned!(span=> __id)
        } else {
            let index = Index { index, span };
            quote_spanned!(span=> &__id.#index)
        };
        quote_spanned!(span=> __text.part(#root::model::KeyPart::<#ty>::text(#value));)
    });
    quote! {
        use #root::model::KeyPartText as _;
        #(#parts)*
    }
}

/// Generates a constant, which rustc evaluates even if it is unused.
///
/// ```text
/// const __WHOLE_KEY: ::core::primitive::bool =
///     ::versioned_core::model::whole_key(tickets::table, (tickets::id,));
/// ```
fn whole_key(model: &Model<'_>, record: &Record<'_>) -> TokenStream {
    let table = &model.table;
    let names = record.key.iter().map(|part| &part.name);
    let span = record
        .key
        .first()
        .map_or_else(Span::call_site, |part| part.ty.span());
    let span = Span::mixed_site().located_at(span);
    let root = model.root.at(span);
    quote_spanned! {span=>
        const __WHOLE_KEY: ::core::primitive::bool =
            #root::model::whole_key(#table::table, (#(#table::#names,)*));
    }
}

/// `#[versioned(initial = 0)]`
///
/// ```text
/// fn initial_version() -> Self::Version {
///     <i64 as ::versioned_core::version::SequentialVersion>::starting_at(0)
/// }
/// ```
///
/// `#[versioned(version, precision = "seconds")]`
///
/// ```text
/// fn initial_version() -> Self::Version {
///     <NaiveDateTime as ::versioned_core::version::TimestampVersion>::first(
///         ::versioned_core::version::Precision::Seconds,
///     )
/// }
///
/// fn next_version(__current: &Self::Version) -> ::core::option::Option<Self::Version> { .. }
/// ```
fn count(model: &Model<'_>, record: &Record<'_>) -> TokenStream {
    let ty = record.version.ty;
    let root = model.root.at(Span::mixed_site().located_at(ty.span()));
    match record.count {
        Count::AsTheTypeDoes => TokenStream::new(),
        Count::From(first) => {
            let first = proc_macro2::Literal::i16_unsuffixed(first);
            quote! {
                fn initial_version() -> Self::Version {
                    <#ty as #root::version::SequentialVersion>::starting_at(#first)
                }
            }
        }
        Count::Ticks(precision) => quote! {
            fn initial_version() -> Self::Version {
                <#ty as #root::version::TimestampVersion>::first(#root::version::#precision)
            }

            fn next_version(__current: &Self::Version) -> ::core::option::Option<Self::Version> {
                <#ty as #root::version::TimestampVersion>::after(__current, #root::version::#precision)
            }
        },
    }
}
