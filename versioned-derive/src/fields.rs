//! The fields of the input, each with its attributes.

use proc_macro2::{Span, TokenStream};
use quote::ToTokens;
use syn::ext::IdentExt as _;
use syn::{Data, DeriveInput, Fields, Index, LitStr, Member};

use crate::attr;
use crate::diesel;
use crate::errors::Errors;
use crate::model::{Column, Written};

/// A field of the input.
pub(crate) struct Field<'a> {
    pub(crate) node: &'a syn::Field,
    pub(crate) member: Member,
    pub(crate) versioned: attr::FieldAttrs,
    pub(crate) diesel: diesel::FieldAttrs,
    /// `None` if the field has no column of its own, or if its column is an error that was
    /// reported.
    pub(crate) column: Option<Column<'a>>,
}

impl Field<'_> {
    /// Returns the tokens on which an error about the whole field is shown.
    pub(crate) fn place(&self) -> TokenStream {
        match &self.node.ident {
            Some(name) => name.to_token_stream(),
            None => self.node.ty.to_token_stream(),
        }
    }

    /// Returns whether this field belongs to the column.
    pub(crate) fn is_of(&self, column: &str) -> bool {
        self.column
            .as_ref()
            .is_some_and(|own| own.name.unraw() == column)
    }

    /// Returns whether the field must have a column of its own.
    pub(crate) fn has_column(&self) -> bool {
        self.diesel.embed.is_none() && self.diesel.select_expression.is_none()
    }

    /// Returns whether the field is a column that no UPDATE writes.
    pub(crate) fn is_read_only(&self) -> bool {
        self.diesel.skip_update && self.diesel.select_expression.is_none()
    }

    /// Returns the name of the column, or of the field if it has no column of its own.
    pub(crate) fn name(&self) -> LitStr {
        let name = match (&self.column, &self.member) {
            (Some(column), _) => column.name.unraw().to_string(),
            (None, Member::Named(name)) => name.unraw().to_string(),
            (None, Member::Unnamed(index)) => index.index.to_string(),
        };
        LitStr::new(&name, Span::call_site())
    }

    /// Returns the statements that write the field, if it is neither key nor version.
    pub(crate) fn written(&self) -> Option<Written> {
        if self.diesel.select_expression.is_some() {
            return None;
        }
        match (self.diesel.skip_insertion, self.diesel.skip_update) {
            (false, false) => Some(Written::Always),
            (false, true) => Some(Written::ByInsert),
            (true, false) => Some(Written::ByUpdate),
            (true, true) => None,
        }
    }
}

/// The fields of a record with a special meaning.
#[derive(Default)]
pub(crate) struct Keys<'s, 'a> {
    pub(crate) key: Vec<&'s Field<'a>>,
    pub(crate) version: Option<&'s Field<'a>>,
    /// The field with `#[versioned(scope)]`, which may be one of the key.
    pub(crate) scope: Option<&'s Field<'a>>,
}

impl Keys<'_, '_> {
    /// Returns whether the field is part of the key, or the version.
    pub(crate) fn contains(&self, field: &Field<'_>) -> bool {
        let mut special = self.key.iter().copied().chain(self.version);
        special.any(|special| special.member == field.member)
    }
}

/// Returns the fields of a struct, and adds an error for anything else.
pub(crate) fn fields<'a>(input: &'a DeriveInput, errors: &mut Errors) -> Option<Vec<Field<'a>>> {
    const EXPECTED: &str = "expected a struct with fields: its fields are the columns of a row";

    let data = match &input.data {
        Data::Struct(data) => data,
        Data::Enum(data) => {
            errors.at(data.enum_token, EXPECTED);
            return None;
        }
        Data::Union(data) => {
            errors.at(data.union_token, EXPECTED);
            return None;
        }
    };
    if matches!(data.fields, Fields::Unit) {
        errors.at(&input.ident, EXPECTED);
        return None;
    }
    let fields = (0..)
        .zip(&data.fields)
        .map(|(index, node)| field(index, node, errors));
    Some(fields.collect())
}

fn field<'a>(index: u32, node: &'a syn::Field, errors: &mut Errors) -> Field<'a> {
    let versioned = attr::FieldAttrs::read(&node.attrs, errors);
    let diesel = diesel::FieldAttrs::read(&node.attrs, errors);
    let member = node.ident.clone().map_or_else(
        || {
            let span = Span::mixed_site();
            Member::Unnamed(Index { index, span })
        },
        Member::Named,
    );
    let name = match (&diesel.column_name, &node.ident) {
        (Some(name), _) => name.ident(),
        (None, Some(field)) => diesel::ColumnName::from(field).ident(),
        (None, None) => Err(syn::Error::new_spanned(
            &node.ty,
            "all fields of tuple structs must be annotated with `#[diesel(column_name)]`",
        )),
    };
    let name = if diesel.embed.is_none() && diesel.select_expression.is_none() {
        errors.ok(name)
    } else {
        name.ok()
    };
    let column = name.map(|name| Column {
        member: member.clone(),
        ty: &node.ty,
        name,
        excluded: versioned.excluded.is_some(),
    });
    Field {
        node,
        member,
        versioned,
        diesel,
        column,
    }
}
