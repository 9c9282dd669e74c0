//! Generates the tokens. The expansion cannot fail: all errors were found before.

mod columns;
mod dependent;
mod deprecated;
mod fallback;
mod fields;
mod generics;
mod metadata;
mod owner;
mod sequential;
mod version_field;

use proc_macro2::TokenStream;
use quote::quote;
use syn::DeriveInput;

pub(crate) use self::sequential::sequential_version;
pub(crate) use self::version_field::version_field;
use crate::model::{Model, Role};

/// `#[derive(Versioned)]`
///
/// ```text
/// const _: () = {
///     impl ::versioned_core::model::Versioned for Ticket { .. }
///     impl ::versioned_core::model::OwnerModel for Ticket {}
///     impl ::versioned_core::model::PlainOwner for Ticket {}
///     impl<__DB> ::versioned_core::model::Columns<__DB> for Ticket { .. }
///     impl ::versioned_core::model::Fields for Ticket { .. }
/// };
/// ```
pub(crate) fn versioned(input: TokenStream) -> TokenStream {
    let input: DeriveInput = match syn::parse2(input) {
        Ok(input) => input,
        Err(error) => return error.into_compile_error(),
    };
    let items = match Model::read(&input) {
        Ok(model) => {
            let columns = columns::columns(&model);
            let fields = fields::fields(&model);
            let checks = columns::checks(&model);
            let rest = match &model.role {
                Role::Owner(record, options) => {
                    let metadata = metadata::metadata(&model, record, None);
                    let role = owner::owner(&model, record, options);
                    quote!(#metadata #role)
                }
                Role::Dependent(record, options) => {
                    let metadata = metadata::metadata(&model, record, Some(options));
                    let role = dependent::dependent(&model, record, options);
                    quote!(#metadata #role)
                }
                Role::Embedded => TokenStream::new(),
            };
            quote!(#rest #columns #fields #checks)
        }
        Err(invalid) => fallback::versioned(&input, invalid),
    };
    let allow = deprecated::allow(&input);
    quote! {
        #allow
        const _: () = {
            #items
        };
    }
}
