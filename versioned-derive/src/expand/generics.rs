//! Where clauses.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::spanned::Spanned as _;
use syn::visit::{self, Visit};
use syn::{GenericParam, Generics, Ident, Type};

use crate::model::{Count, Model, Record};

/// `where T: Clone, i64: ::versioned_core::model::Field<tickets::id, __DB>`: the predicates of the
/// struct, followed by `more`.
pub(super) fn clause(generics: &Generics, more: &[TokenStream]) -> TokenStream {
    let own = generics
        .where_clause
        .iter()
        .flat_map(|clause| &clause.predicates);
    let mut all = own
        .map(ToTokens::to_token_stream)
        .chain(more.iter().cloned())
        .peekable();
    if all.peek().is_none() {
        return TokenStream::new();
    }
    quote!(where #(#all,)*)
}

/// The bounds of `Versioned` on the type parameters.
///
/// ```text
/// T: ::core::marker::Send + ::core::marker::Sync + 'static
/// ```
pub(super) fn of_parameters(generics: &Generics) -> impl Iterator<Item = TokenStream> {
    generics.type_params().map(|param| {
        let ident = &param.ident;
        quote!(#ident: ::core::marker::Send + ::core::marker::Sync + 'static)
    })
}

/// The bounds of `Versioned` on the type parameters, and on a key or version that contains them.
///
/// ```text
/// T: ::core::marker::Send + ::core::marker::Sync + 'static,
/// Key<T>: ::core::clone::Clone + ::core::fmt::Debug + ::core::fmt::Display + ..,
/// V: ::versioned_core::version::Version
/// ```
pub(super) fn of_record(model: &Model<'_>, record: &Record<'_>) -> Vec<TokenStream> {
    let root = &model.root;
    let generics = &model.input.generics;
    let mut bounds: Vec<_> = of_parameters(generics).collect();
    for ty in record
        .key_in_scope()
        .chain(&record.scope)
        .map(|part| part.ty)
        .filter(|ty| mentions(ty, generics))
    {
        bounds.push(quote! {
            #ty: ::core::clone::Clone + ::core::fmt::Debug + ::core::fmt::Display
                + ::core::marker::Send + ::core::marker::Sync
        });
    }
    let version = record.version.ty;
    if mentions(version, generics) {
        bounds.push(match record.count {
            Count::AsTheTypeDoes => quote!(#version: #root::version::Version),
            Count::From(_) => quote!(#version: #root::version::SequentialVersion),
            Count::Ticks(_) => quote!(#version: #root::version::TimestampVersion),
        });
    }
    bounds
}

/// Returns whether a type contains type parameters.
pub(super) fn mentions(ty: &Type, generics: &Generics) -> bool {
    struct Search<'g> {
        generics: &'g Generics,
        found: bool,
    }

    impl Visit<'_> for Search<'_> {
        fn visit_ident(&mut self, ident: &Ident) {
            self.found |= self
                .generics
                .type_params()
                .any(|param| param.ident == *ident);
            visit::visit_ident(self, ident);
        }
    }

    let mut search = Search {
        generics,
        found: false,
    };
    search.visit_type(ty);
    search.found
}

/// `i64: ::versioned_core::model::Field<tickets::id, __DB>`, with the span of the type, so that
/// rustc shows the field if the predicate does not hold.
pub(super) fn at(ty: &impl ToTokens, bound: impl FnOnce(Span) -> TokenStream) -> TokenStream {
    let span = Span::mixed_site().located_at(ty.span());
    let bound = bound(span);
    quote_spanned!(span=> #ty: #bound)
}

/// `Ticket<'static, T>`: the struct with every lifetime `'static`.
pub(super) fn static_self(ident: &Ident, generics: &Generics) -> TokenStream {
    if generics.lifetimes().next().is_none() {
        return quote!(Self);
    }
    let arguments = generics.params.iter().map(|param| match param {
        GenericParam::Lifetime(_) => quote!('static),
        GenericParam::Type(param) => param.ident.to_token_stream(),
        GenericParam::Const(param) => param.ident.to_token_stream(),
    });
    quote!(#ident<#(#arguments),*>)
}
