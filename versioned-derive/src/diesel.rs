//! The syntax of `#[diesel(..)]`, read as Diesel reads it.
//!
//! Keys that the derive does not need are skipped. A malformed key that it needs is rejected with
//! Diesel's own message: rustc shows equal errors once, and the error also appears if no derive of
//! Diesel's is present.

use proc_macro2::{Span, TokenTree};
use syn::ext::IdentExt as _;
use syn::parse::discouraged::Speculative as _;
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{
    Attribute, Error, Expr, Ident, LitStr, Meta, Path, Result, Token, Type, TypePath, parenthesized,
};

use crate::errors::Errors;

/// The keys of `#[diesel(..)]` on a struct.
#[derive(Default)]
pub(crate) struct StructAttrs {
    pub(crate) table_name: Option<Path>,
    pub(crate) primary_key: Option<Vec<Ident>>,
    pub(crate) check_for_backend: Vec<TypePath>,
}

/// The keys of `#[diesel(..)]` on a field.
#[derive(Default)]
pub(crate) struct FieldAttrs {
    pub(crate) column_name: Option<ColumnName>,
    pub(crate) embed: Option<Ident>,
    pub(crate) skip_insertion: bool,
    pub(crate) skip_update: bool,
    pub(crate) serialize_as: Option<TypePath>,
    pub(crate) select_expression: Option<Ident>,
}

impl StructAttrs {
    pub(crate) fn read(attrs: &[Attribute], errors: &mut Errors) -> Self {
        let mut read = Self::default();
        each_key(attrs, errors, |key, input| {
            match key.to_string().as_str() {
                "table_name" => {
                    let table: Path = equals(input, "table_name = foo")?;
                    let mut segments = table.segments.iter();
                    if let Some(wrong) = segments.find(|part| !part.arguments.is_none()) {
                        let expected = "a table has no parameters, remove them";
                        return Err(Error::new_spanned(&wrong.arguments, expected));
                    }
                    // `Insertable` accepts several tables; all other derives use the first.
                    read.table_name.get_or_insert(table);
                }
                "primary_key" => {
                    // Set even if the key is invalid, because a missing `id` is not a second
                    // mistake.
                    let columns = read.primary_key.insert(Vec::new());
                    let keys = parens(input, "key1, key2", |input| {
                        input.parse_terminated(Ident::parse, Token![,])
                    })?;
                    columns.extend(keys);
                    if columns.is_empty() {
                        let expected = "expected the key's columns, as in `primary_key(id)`";
                        return Err(Error::new(key.span(), expected));
                    }
                }
                "check_for_backend" => {
                    let backends = parens(input, "diesel::pg::Pg", |input| {
                        if input.peek(Ident) && input.peek2(Token![=]) {
                            // `disable = true`
                            return Ok(Punctuated::new());
                        }
                        input.parse_terminated(TypePath::parse, Token![,])
                    })?;
                    read.check_for_backend = backends.into_iter().collect();
                }
                _ => {}
            }
            Ok(())
        });
        read
    }
}

impl FieldAttrs {
    pub(crate) fn read(attrs: &[Attribute], errors: &mut Errors) -> Self {
        let mut read = Self::default();
        each_key(attrs, errors, |key, input| {
            match key.to_string().as_str() {
                "embed" => read.embed = Some(key),
                "skip_insertion" => read.skip_insertion = true,
                "skip_update" => read.skip_update = true,
                "column_name" => read.column_name = Some(equals(input, "column_name = foo")?),
                "serialize_as" => read.serialize_as = Some(equals(input, "serialize_as = Foo")?),
                "select_expression" => read.select_expression = Some(key),
                _ => {}
            }
            Ok(())
        });
        read
    }
}

/// Passes each key of each `#[diesel(..)]` to `read`, which consumes the part of the value that it
/// needs.
fn each_key(
    attrs: &[Attribute],
    errors: &mut Errors,
    mut read: impl FnMut(Ident, ParseStream<'_>) -> Result<()>,
) {
    for attr in attrs.iter().filter(|attr| attr.path().is_ident("diesel")) {
        let Meta::List(list) = &attr.meta else {
            continue;
        };
        let all = list.parse_args_with(|input: ParseStream<'_>| {
            while !input.is_empty() {
                if input.peek(Ident::peek_any) {
                    let key = input.call(Ident::parse_any)?;
                    errors.ok(read(key, input));
                }
                pass_over(input)?;
            }
            Ok(())
        });
        errors.ok(all);
    }
}

/// Consumes the rest of a key and the comma after it. A comma between angle brackets does not end
/// the key: `select_expression_type = dsl::Eq<posts::id, i64>`.
fn pass_over(input: ParseStream<'_>) -> Result<()> {
    if input.peek(Token![=]) {
        pass_over_value::<Type>(input)
            .or_else(|_| pass_over_value::<Expr>(input))
            .ok();
    }
    while !input.is_empty() {
        if input.parse::<Option<Token![,]>>()?.is_some() {
            return Ok(());
        }
        input.parse::<TokenTree>()?;
    }
    Ok(())
}

fn pass_over_value<T: Parse>(input: ParseStream<'_>) -> Result<()> {
    let ahead = input.fork();
    ahead.parse::<Token![=]>()?;
    ahead.parse::<T>()?;
    if !ahead.is_empty() && !ahead.peek(Token![,]) {
        return Err(ahead.error("expected `,`"));
    }
    input.advance_to(&ahead);
    Ok(())
}

/// `= foo`
fn equals<T: Parse>(input: ParseStream<'_>, form: &str) -> Result<T> {
    if input.is_empty() {
        return Err(end_of_input(input, "`=`", form));
    }
    input.parse::<Token![=]>()?;
    input.parse()
}

/// `(foo, bar)`
fn parens<T>(
    input: ParseStream<'_>,
    form: &str,
    read: impl FnOnce(ParseStream<'_>) -> Result<T>,
) -> Result<T> {
    if input.is_empty() {
        return Err(end_of_input(input, "parentheses", form));
    }
    let content;
    parenthesized!(content in input);
    let value = read(&content);
    while !content.is_empty() {
        content.parse::<TokenTree>()?;
    }
    value
}

fn end_of_input(input: ParseStream<'_>, expected: &str, form: &str) -> Error {
    let message = format!(
        "unexpected end of input, expected {expected}\nhelp: the correct format looks like `#[diesel({form})]`"
    );
    Error::new(input.span(), message)
}

/// The name of a column as written in `column_name = title`, `= r#type` or `= "title"`.
pub(crate) struct ColumnName {
    name: String,
    pub(crate) span: Span,
}

impl From<&Ident> for ColumnName {
    fn from(field: &Ident) -> Self {
        Self {
            name: field.unraw().to_string(),
            span: field.span(),
        }
    }
}

impl Parse for ColumnName {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        if input.peek(Ident) {
            return input.parse::<Ident>().map(|ident| Self::from(&ident));
        }
        let name: LitStr = input.parse()?;
        Ok(Self {
            name: name.value(),
            span: name.span(),
        })
    }
}

impl ColumnName {
    /// Returns the type of the column in the table's module: `title`, `r#type`.
    pub(crate) fn ident(&self) -> Result<Ident> {
        let plain = syn::parse_str::<Ident>(&self.name);
        let ident = plain.or_else(|_| syn::parse_str::<Ident>(&format!("r#{}", self.name)));
        match ident {
            Ok(mut ident) => {
                // Located at the name, but with a hygiene that keeps lints from treating it as user
                // code.
                ident.set_span(Span::mixed_site().located_at(self.span));
                Ok(ident)
            }
            Err(_) => Err(Error::new(self.span, self.refusal())),
        }
    }

    fn refusal(&self) -> String {
        let name = &self.name;
        if name.contains(' ') {
            format!(
                "expected valid identifier, found `{name}`. Diesel does not support column names with whitespaces yet"
            )
        } else {
            format!(
                "expected valid identifier, found `{name}`. Diesel automatically renames invalid identifiers, \
                 perhaps you meant to write `{name}_`?"
            )
        }
    }
}
