//! The comparison of fields, for `Tracked`.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned as _;
use syn::{GenericArgument, PathArguments, Type};

use super::generics;
use crate::model::{Column, Model, Role, Step, Written};

/// ```text
/// impl ::versioned_core::model::Fields for Ticket
/// where
///     for<'__lazy> i64: ::versioned_core::model::Comparable<tickets::id>,
///     for<'__lazy> String: ::versioned_core::model::Comparable<tickets::title>,
/// {
///     fn fields(
///         __row: &mut Self,
///         __base: &Self,
///         __mine: &Self,
///         __walk: &mut ::versioned_core::model::FieldWalk,
///     ) {
///         __walk.key(tickets::id, &__row.id, &__base.id);
///         __walk.column(tickets::title, &mut __row.title, &__base.title, &__mine.title);
///         // `f64`
///         __walk.floats(tickets::price, &mut __row.price, &__base.price, &__mine.price);
///         // `excluded`
///         __walk.excluded().column(tickets::hits, &mut __row.hits, &__base.hits, &__mine.hits);
///         // `skip_update`
///         __walk.read_only(
///             "made_at",
///             &mut __row.made_at,
///             &__base.made_at,
///             ::versioned_core::model::Made::<NaiveDateTime>::is,
///             ::versioned_core::model::Made::<NaiveDateTime>::take,
///         );
///     }
/// }
/// ```
///
/// The columns are those of an UPDATE, in the same order, and then those that no UPDATE writes. Because of `for<'__lazy>`, a field that
/// cannot be compared is an error only where the model is tracked. A dependent has no such impl.
pub(super) fn fields(model: &Model<'_>) -> TokenStream {
    let Model { root, input, .. } = model;
    if matches!(model.role, Role::Dependent(..)) {
        return TokenStream::new();
    }
    let ident = &input.ident;
    let (impl_generics, ty_generics, _) = input.generics.split_for_impl();
    let shown: Vec<_> = model.walk.iter().filter(|step| is_updated(step)).collect();
    let bounds: Vec<_> = shown.iter().map(|step| bound(model, step)).collect();
    let clause = generics::clause(&input.generics, &bounds);
    let steps = shown.iter().map(|step| show(model, step));
    let read_only = model.read_only.iter().map(|(member, ty, name)| {
        quote! {
            __walk.read_only(
                #name,
                &mut __row.#member,
                &__base.#member,
                #root::model::Made::<#ty>::is,
                #root::model::Made::<#ty>::take,
            );
        }
    });
    let import = (!model.read_only.is_empty()).then(|| quote!(use #root::model::MadeAny as _;));
    quote! {
        #[automatically_derived]
        impl #impl_generics #root::model::Fields for #ident #ty_generics #clause {
            fn fields(
                __row: &mut Self,
                __base: &Self,
                __mine: &Self,
                __walk: &mut #root::model::FieldWalk,
            ) {
                #import
                #(#steps)*
                #(#read_only)*
            }
        }
    }
}

/// Returns whether an UPDATE writes the column of this step.
fn is_updated(step: &Step<'_>) -> bool {
    match step {
        Step::Key(_) | Step::Scope(_) => true,
        Step::Plain(_, written)
        | Step::Converted(_, _, written)
        | Step::Embedded(_, _, written) => *written != Written::ByInsert,
    }
}

fn bound(model: &Model<'_>, step: &Step<'_>) -> TokenStream {
    let table = &model.table;
    let (ty, column) = match step {
        Step::Key(column)
        | Step::Scope(column)
        | Step::Plain(column, _)
        | Step::Converted(column, ..) => (column.ty, Some(&column.name)),
        Step::Embedded(_, ty, _) => (*ty, None),
    };
    let bound = generics::at(ty, |span| {
        let root = model.root.at(span);
        if let Some(name) = column {
            quote_spanned!(span=> #root::model::Comparable<#table::#name>)
        } else {
            quote_spanned!(span=> #root::model::Fields)
        }
    });
    let span = Span::mixed_site().located_at(ty.span());
    quote_spanned!(span=> for<'__lazy> #bound)
}

fn show(model: &Model<'_>, step: &Step<'_>) -> TokenStream {
    let Model { root, table, .. } = model;
    match step {
        Step::Key(Column { member, name, .. }) | Step::Scope(Column { member, name, .. }) => {
            quote!(__walk.key(#table::#name, &__row.#member, &__base.#member);)
        }
        Step::Plain(column, _) | Step::Converted(column, ..) => {
            let Column { member, name, .. } = column;
            let excluded = column.excluded.then(|| quote!(.excluded()));
            let method = if is_of_floats(column.ty) {
                quote!(floats)
            } else {
                quote!(column)
            };
            quote! {
                __walk #excluded.#method(
                    #table::#name,
                    &mut __row.#member,
                    &__base.#member,
                    &__mine.#member,
                );
            }
        }
        Step::Embedded(member, _, _) => quote! {
            #root::model::Fields::fields(
                &mut __row.#member,
                &__base.#member,
                &__mine.#member,
                __walk,
            );
        },
    }
}

/// Returns whether the type is `f32`, `f64`, or an `Option` or `Vec` of them.
fn is_of_floats(ty: &Type) -> bool {
    match ty {
        Type::Group(group) => is_of_floats(&group.elem),
        Type::Paren(paren) => is_of_floats(&paren.elem),
        Type::Path(path) => path.path.segments.last().is_some_and(|last| {
            let of = |arguments: &PathArguments| match arguments {
                PathArguments::AngleBracketed(arguments) => arguments.args.iter().any(
                    |argument| matches!(argument, GenericArgument::Type(ty) if is_of_floats(ty)),
                ),
                _ => false,
            };
            match last.ident.to_string().as_str() {
                "f32" | "f64" => last.arguments.is_none(),
                "Option" | "Vec" => of(&last.arguments),
                _ => false,
            }
        }),
        _ => false,
    }
}
