//! The common part of owners and dependents: names, key and version.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned as _;
use syn::{Index, LitStr, Path};

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

    let key_columns = key_columns(root, table, record);
    let Column {
        member: version,
        ty: version_type,
        name: version_column,
        ..
    } = &record.version;
    let table_name = table_name(table);
    let entity = &record.entity;
    let (id_type, id) = id(root, record);
    let key_parts = key_parts(root, record);
    let scope_text = scope_text(root, record);
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
            type KeyColumns = #key_columns;
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

            #scope_text

            #count
        }
    }
}

/// `(tickets::id,)`, and with a scope
///
/// ```text
/// ::versioned_core::model::ScopedColumns<(tickets::id,), (tickets::id,), tickets::tenant>
/// ```
///
/// The second tuple is the key without the scope.
fn key_columns(root: &Root, table: &Path, record: &Record<'_>) -> TokenStream {
    let all = record.key.iter().map(|part| &part.name);
    let all = quote!((#(#table::#all,)*));
    let Some(scope) = &record.scope else {
        return all;
    };
    let (scope, names) = (&scope.name, record.key_in_scope().map(|part| &part.name));
    quote!(#root::model::ScopedColumns<#all, (#(#table::#names,)*), #table::#scope>)
}

/// `i64` and `::core::clone::Clone::clone(&self.id)`, or tuples of these for a composite key. With a
/// scope
///
/// ```text
/// ::versioned_core::InScope<i64, i64>
/// ::versioned_core::InScope::new(
///     ::core::clone::Clone::clone(&self.tenant),
///     ::core::clone::Clone::clone(&self.id),
/// )
/// ```
fn id(root: &Root, record: &Record<'_>) -> (TokenStream, TokenStream) {
    let key: Vec<_> = record.key_in_scope().collect();
    let clone = |part: &Column<'_>| {
        let member = &part.member;
        let span = Span::call_site().located_at(part.ty.span());
        quote_spanned!(span=> ::core::clone::Clone::clone(&self.#member))
    };
    let types = key.iter().map(|part| part.ty);
    let values = key.iter().map(|part| clone(part));
    let (id_type, id) = if key.len() == 1 {
        (quote!(#(#types)*), quote!(#(#values)*))
    } else {
        (quote!((#(#types),*)), quote!((#(#values),*)))
    };
    let Some(scope) = &record.scope else {
        return (id_type, id);
    };
    let (ty, value) = (scope.ty, clone(scope));
    (
        quote!(#root::InScope<#ty, #id_type>),
        quote!(#root::InScope::new(#value, #id)),
    )
}

/// ```text
/// use ::versioned_core::model::KeyPartText as _;
/// __text.part(::versioned_core::model::KeyPart::<i64>::text(__id));
/// ```
///
/// For a composite key `&__id.0` and `&__id.1` in place of `__id`. With a scope `&__id.id` in place
/// of `__id`, and `&__id.scope` if the scope is part of the key.
fn key_parts(root: &Root, record: &Record<'_>) -> TokenStream {
    let in_scope: Vec<_> = record.key_in_scope().map(|part| &part.member).collect();
    let parts = record.key.iter().map(|part| {
        let span = Span::call_site().located_at(part.ty.span());
        let (root, ty) = (root.at(span), part.ty);
        let of_id = if record.scope.is_some() {
            quote_spanned!(span=> &__id.id)
        } else {
            quote_spanned!(span=> __id)
        };
        let place = (0..)
            .zip(&in_scope)
            .find(|(_, member)| **member == &part.member);
        let value = match (place, &record.scope) {
            (None, _) => quote_spanned!(span=> &__id.scope),
            (Some(_), _) if in_scope.len() == 1 => of_id,
            (Some((index, _)), Some(_)) => {
                let index = Index { index, span };
                quote_spanned!(span=> &__id.id.#index)
            }
            (Some((index, _)), None) => {
                let index = Index { index, span };
                quote_spanned!(span=> &__id.#index)
            }
        };
        quote_spanned!(span=> __text.part(#root::model::KeyPart::<#ty>::text(#value));)
    });
    quote! {
        use #root::model::KeyPartText as _;
        #(#parts)*
    }
}

/// With a scope
///
/// ```text
/// fn scope_text(
///     __id: &Self::Id,
/// ) -> ::core::option::Option<::versioned_core::model::ScopeText> {
///     use ::versioned_core::model::KeyPartText as _;
///     ::core::option::Option::Some(::versioned_core::model::KeyPart::<i64>::text(&__id.scope))
/// }
/// ```
fn scope_text(root: &Root, record: &Record<'_>) -> TokenStream {
    let Some(scope) = &record.scope else {
        return TokenStream::new();
    };
    let span = Span::call_site().located_at(scope.ty.span());
    let (there, ty) = (root.at(span), scope.ty);
    let text = quote_spanned!(span=> #there::model::KeyPart::<#ty>::text(&__id.scope));
    quote! {
        fn scope_text(
            __id: &Self::Id,
        ) -> ::core::option::Option<#root::model::ScopeText> {
            use #root::model::KeyPartText as _;
            ::core::option::Option::Some(#text)
        }
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
