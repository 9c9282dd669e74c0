//! The walk over the columns.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::{GenericParam, Path, TypeParam};

use super::generics;
use crate::model::{Column, Model, Role, Step, Written};

/// ```text
/// impl<__DB> ::versioned_core::model::Columns<__DB> for Ticket
/// where
///     __DB: ::versioned_core::model::Backend,
///     i64: ::versioned_core::model::Field<tickets::id, __DB>,
///     String: ::versioned_core::model::Field<tickets::title, __DB>,
///     i64: ::versioned_core::model::Field<tickets::version, __DB>,
/// {
///     fn columns<'__b>(
///         &'__b self,
///         __walk: &mut ::versioned_core::model::Walk<'_, '__b, __DB>,
///     ) -> ::versioned_core::model::QueryResult<()> {
///         __walk.key(tickets::id, &self.id)?;
///         __walk.column(tickets::title, &self.title)?;
///         ::core::result::Result::Ok(())
///     }
///     fn keys<'__b>(..) -> .. { __walk.key(tickets::id, &self.id) }
/// }
/// ```
pub(super) fn columns(model: &Model<'_>) -> TokenStream {
    let Model { root, input, .. } = model;
    let ident = &input.ident;
    let (_, ty_generics, _) = input.generics.split_for_impl();
    let backend = quote!(__DB);
    let mut with_backend = input.generics.clone();
    with_backend
        .params
        .push(GenericParam::Type(TypeParam::from(format_ident!("__DB"))));
    let (impl_generics, _, _) = with_backend.split_for_impl();

    let mut bounds = vec![quote!(#backend: #root::model::Backend)];
    bounds.extend(fits(model, &backend));
    let clause = generics::clause(&input.generics, &bounds);
    let steps = model.walk.iter().map(|step| show(model, step));
    let complete = complete(model);
    let keys = keys(model);
    let take_made = take_made(model);
    quote! {
        #[automatically_derived]
        impl #impl_generics #root::model::Columns<__DB> for #ident #ty_generics #clause {
            #complete

            fn columns<'__b>(
                &'__b self,
                __walk: &mut #root::model::Walk<'_, '__b, __DB>,
            ) -> #root::model::QueryResult<()> {
                #(#steps)*
                ::core::result::Result::Ok(())
            }

            #keys

            #take_made
        }
    }
}

/// Copies the fields that no UPDATE writes from the row. Empty if there are none.
///
/// ```text
/// fn take_made(&mut self, __row: &Self) {
///     self.changed_at = ::core::clone::Clone::clone(&__row.changed_at);
///     <Address as ::versioned_core::model::Columns<__DB>>::take_made(
///         &mut self.address,
///         &__row.address,
///     );
/// }
/// ```
fn take_made(model: &Model<'_>) -> TokenStream {
    let Model { root, made, .. } = model;
    let embedded = model.walk.iter().filter_map(|step| match step {
        Step::Embedded(member, ty, Written::Always | Written::ByUpdate) => Some(quote! {
            <#ty as #root::model::Columns<__DB>>::take_made(&mut self.#member, &__row.#member);
        }),
        _ => None,
    });
    let import = (!made.is_empty()).then(|| quote!(use #root::model::MadeAny as _;));
    let made = made.iter().map(
        |(member, ty)| quote!(#root::model::Made::<#ty>::take(&mut self.#member, &__row.#member);),
    );
    let taken: Vec<_> = made.chain(embedded).collect();
    if taken.is_empty() {
        return TokenStream::new();
    }
    quote! {
        fn take_made(&mut self, __row: &Self) {
            #import
            #(#taken)*
        }
    }
}

/// Generates the walk over the key alone. An embedded struct has none.
///
/// The order is that of `Versioned::Id`, because a statement is cached for both: the key columns as
/// `primary_key(..)` names them, and then the scope.
fn keys(model: &Model<'_>) -> TokenStream {
    let Model { root, table, .. } = model;
    let (Role::Owner(record, _) | Role::Dependent(record, _)) = &model.role else {
        return TokenStream::new();
    };
    let keys = record.key_in_scope().map(|part| show_key(table, part));
    let scope = record.scope.iter().map(|scope| show_scope(table, scope));
    let steps = keys.chain(scope);
    quote! {
        fn keys<'__b>(
            &'__b self,
            __walk: &mut #root::model::Walk<'_, '__b, __DB>,
        ) -> #root::model::QueryResult<()> {
            #(#steps)*
            ::core::result::Result::Ok(())
        }
    }
}

/// Whether the row equals the model after a write. Generated if it does not, or if it depends on an
/// embedded struct.
///
/// ```text
/// const COMPLETE: ::core::primitive::bool =
///     <Address as ::versioned_core::model::Columns<__DB>>::COMPLETE;
/// ```
fn complete(model: &Model<'_>) -> TokenStream {
    let root = &model.root;
    let embedded: Vec<_> = model
        .walk
        .iter()
        .filter_map(|step| match step {
            Step::Embedded(_, ty, _) => Some(ty),
            Step::Key(_) | Step::Scope(_) | Step::Plain(..) | Step::Converted(..) => None,
        })
        .collect();
    let value = if !model.complete {
        quote!(false)
    } else if embedded.is_empty() {
        return TokenStream::new();
    } else {
        quote!(#(<#embedded as #root::model::Columns<__DB>>::COMPLETE)&&*)
    };
    quote! {
        const COMPLETE: ::core::primitive::bool = #value;
    }
}

/// Generates the bounds of the columns on the fields.
///
/// ```text
/// i64: ::versioned_core::model::Field<tickets::id, __DB>
/// Address: ::versioned_core::model::Columns<__DB>                     // `embed`
/// Text: ::versioned_core::model::Field<tickets::url, __DB>            // `serialize_as`
/// Url: ::core::clone::Clone + ::core::convert::Into<Text>
/// ```
///
/// The walk does not pass the version. Its bound is generated so that an error about it is shown on
/// the field.
fn fits(model: &Model<'_>, backend: &TokenStream) -> Vec<TokenStream> {
    let mut bounds: Vec<_> = model
        .walk
        .iter()
        .flat_map(|step| fits_step(model, step, backend))
        .collect();
    match &model.role {
        Role::Owner(record, _) | Role::Dependent(record, _) => {
            bounds.push(fits_column(
                model,
                &record.version,
                record.version.ty,
                backend,
            ));
        }
        Role::Embedded => {}
    }
    bounds
}

fn fits_step(model: &Model<'_>, step: &Step<'_>, backend: &TokenStream) -> Vec<TokenStream> {
    match step {
        Step::Key(column) | Step::Scope(column) | Step::Plain(column, _) => {
            vec![fits_column(model, column, column.ty, backend)]
        }
        Step::Embedded(_, ty, _) => vec![generics::at(ty, |span| {
            let root = model.root.at(span);
            quote_spanned!(span=> #root::model::Columns<#backend>)
        })],
        Step::Converted(column, other, _) => vec![
            fits_column(model, column, other, backend),
            generics::at(
                other,
                |span| quote_spanned!(span=> ::core::marker::Send + 'static),
            ),
            generics::at(
                column.ty,
                |span| quote_spanned!(span=> ::core::clone::Clone + ::core::convert::Into<#other>),
            ),
        ],
    }
}

fn fits_column(
    model: &Model<'_>,
    column: &Column<'_>,
    ty: &impl ToTokens,
    backend: &TokenStream,
) -> TokenStream {
    let Model { root, table, .. } = model;
    let name = &column.name;
    generics::at(ty, |span| {
        let root = root.at(span);
        quote_spanned!(span=> #root::model::Field<#table::#name, #backend>)
    })
}

/// Generates one step of the walk.
///
/// ```text
/// __walk.key(tickets::id, &self.id)?;
/// __walk.scope(tickets::tenant, &self.tenant)?;                       // `scope`
/// __walk.column(tickets::title, &self.title)?;
/// if ::versioned_core::model::Walk::inserts(__walk) {                 // `skip_update`
///     __walk.column(tickets::made_at, &self.made_at)?;
/// }
/// let __converted = __walk.convert::<Text, _>(&self.url)?;            // `serialize_as`
/// __walk.column(tickets::url, __converted)?;
/// ::versioned_core::model::Columns::columns(&self.address, __walk)?;  // `embed`
/// ```
///
/// `inserts` takes `&self`. A method call would prefer any trait method of that name for `&mut _`.
fn show(model: &Model<'_>, step: &Step<'_>) -> TokenStream {
    let Model { root, table, .. } = model;
    let (shown, written) = match step {
        Step::Key(column) => (show_key(table, column), Written::Always),
        Step::Scope(column) => (show_scope(table, column), Written::Always),
        Step::Plain(Column { member, name, .. }, written) => (
            quote!(__walk.column(#table::#name, &self.#member)?;),
            *written,
        ),
        Step::Converted(Column { member, name, .. }, other, written) => {
            let shown = quote! {
                let __converted = __walk.convert::<#other, _>(&self.#member)?;
                __walk.column(#table::#name, __converted)?;
            };
            (shown, *written)
        }
        Step::Embedded(member, _, written) => {
            let shown = quote!(#root::model::Columns::columns(&self.#member, __walk)?;);
            (shown, *written)
        }
    };
    match written {
        Written::Always => shown,
        Written::ByInsert => quote!(if #root::model::Walk::inserts(__walk) { #shown }),
        Written::ByUpdate => quote!(if !#root::model::Walk::inserts(__walk) { #shown }),
    }
}

/// `__walk.key(tickets::id, &self.id)?;`
fn show_key(table: &Path, Column { member, name, .. }: &Column<'_>) -> TokenStream {
    quote!(__walk.key(#table::#name, &self.#member)?;)
}

/// `__walk.scope(tickets::tenant, &self.tenant)?;`
fn show_scope(table: &Path, Column { member, name, .. }: &Column<'_>) -> TokenStream {
    quote!(__walk.scope(#table::#name, &self.#member)?;)
}

/// `#[diesel(check_for_backend(Pg))]`: generates a function that is never called, in which rustc
/// finds the fields that do not fit.
///
/// ```text
/// fn __check()
/// where
///     i64: ::versioned_core::model::Field<tickets::id, Pg>,
///     String: ::versioned_core::model::Field<tickets::title, Pg>,
///     i64: ::versioned_core::model::Field<tickets::version, Pg>,
/// {
/// }
/// ```
pub(super) fn checks(model: &Model<'_>) -> TokenStream {
    if model.backends.is_empty() {
        return TokenStream::new();
    }
    let backends = model.backends.iter();
    let bounds: Vec<_> = backends
        .flat_map(|backend| fits(model, &backend.to_token_stream()))
        .collect();
    let (impl_generics, _, _) = model.input.generics.split_for_impl();
    let clause = generics::clause(&model.input.generics, &bounds);
    let name = quote_spanned!(Span::mixed_site()=> __check);
    quote!(fn #name #impl_generics () #clause {})
}
