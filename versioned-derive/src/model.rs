//! What the derive knows of a struct once its attributes are read: enough to write the expansion without a question.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, format_ident};
use syn::ext::IdentExt as _;
use syn::{Data, DeriveInput, Fields, Ident, Index, LitStr, Member, Path, Type, TypePath};

use crate::attr::{self, Mode};
use crate::check;
use crate::choice::{Gap, Guard, Policy, Precision};
use crate::diesel;
use crate::errors::Errors;

/// A struct that was found to be right.
pub(crate) struct Model<'a> {
    pub(crate) input: &'a DeriveInput,
    pub(crate) root: Root,
    pub(crate) table: Path,
    pub(crate) backends: Vec<TypePath>,
    /// What the walk shows, in the order of the fields.
    pub(crate) walk: Vec<Step<'a>>,
    pub(crate) role: Role<'a>,
}

pub(crate) enum Role<'a> {
    Owner(Record<'a>, Deletions),
    Dependent(Record<'a>, Delivery),
    Embedded,
}

/// What owners and dependents have, and embedded structs have not.
pub(crate) struct Record<'a> {
    pub(crate) entity: LitStr,
    pub(crate) key: Vec<Column<'a>>,
    pub(crate) version: Column<'a>,
    pub(crate) count: Count,
}

/// How versions are counted.
pub(crate) enum Count {
    AsTheTypeDoes,
    From(i16),
    Ticks(Precision),
}

/// What an owner keeps of a deletion.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Deletions {
    Forgotten,
    Remembered,
}

/// How a dependent takes events.
pub(crate) struct Delivery {
    pub(crate) policy: Policy,
    pub(crate) guard: Guard,
    pub(crate) gap: Gap,
    /// Where `gap` was written: `park` asks more of the model.
    pub(crate) gap_span: Span,
}

/// A field with a column of its own.
#[derive(Clone)]
pub(crate) struct Column<'a> {
    pub(crate) member: Member,
    pub(crate) ty: &'a Type,
    pub(crate) name: Ident,
}

pub(crate) enum Step<'a> {
    Key(Column<'a>),
    Plain(Column<'a>, Written),
    /// `#[diesel(serialize_as = ..)]`
    Converted(Column<'a>, TypePath, Written),
    Embedded(Member, &'a Type, Written),
}

/// The statements that write a column.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Written {
    Always,
    ByInsert,
    ByUpdate,
}

/// The path to `versioned-core`.
#[derive(Clone)]
pub(crate) struct Root(Path);

impl Root {
    /// The path that was given, or `::versioned_core`.
    pub(crate) fn new(given: Option<Path>) -> Self {
        Self(given.unwrap_or_else(|| Path {
            leading_colon: Some(syn::token::PathSep::default()),
            ..Path::from(format_ident!("versioned_core"))
        }))
    }

    /// The path at another place: an error about what it leads to is shown there.
    pub(crate) fn at(&self, span: Span) -> Self {
        let mut path = self.0.clone();
        if let Some(colons) = &mut path.leading_colon {
            colons.spans = [span; 2];
        }
        for segment in &mut path.segments {
            segment
                .ident
                .set_span(segment.ident.span().located_at(span));
        }
        Self(path)
    }
}

impl ToTokens for Root {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        self.0.to_tokens(tokens);
    }
}

/// What is left of an input with errors: enough for impls that keep these errors the only ones.
pub(crate) struct Broken {
    pub(crate) error: syn::Error,
    pub(crate) root: Root,
    pub(crate) mode: Mode,
}

/// A field as it was written.
pub(crate) struct Source<'a> {
    pub(crate) node: &'a syn::Field,
    pub(crate) member: Member,
    pub(crate) versioned: attr::FieldAttrs,
    pub(crate) diesel: diesel::FieldAttrs,
    /// None where there is no column of its own, or where that is an error which was reported.
    pub(crate) column: Option<Column<'a>>,
}

/// The fields of a record that are more than a column.
#[derive(Default)]
pub(crate) struct Marked<'s, 'a> {
    pub(crate) key: Vec<&'s Source<'a>>,
    pub(crate) version: Option<&'s Source<'a>>,
}

impl<'a> Model<'a> {
    pub(crate) fn read(input: &'a DeriveInput) -> Result<Self, Broken> {
        let mut errors = Errors::default();
        let attrs = attr::StructAttrs::read(&input.attrs, &mut errors);
        if attrs.mode.is_none() && errors.none() {
            errors.at(
                &input.ident,
                "missing mode, add `#[versioned(owner)]` or `#[versioned(dependent)]`\n\
                 (`#[versioned(embedded)]` to a struct that a model embeds)",
            );
        }
        let root = Root::new(attrs.root.as_ref().map(|root| root.value.clone()));
        let made = Self::build(input, root.clone(), &attrs, &mut errors);
        errors.finish(made).map_err(|error| Broken {
            error,
            root,
            mode: attrs.likely_mode(),
        })
    }

    fn build(
        input: &'a DeriveInput,
        root: Root,
        attrs: &attr::StructAttrs,
        errors: &mut Errors,
    ) -> Option<Self> {
        let diesel = diesel::StructAttrs::read(&input.attrs, errors);
        let sources = sources(input, errors)?;
        check::keys_fit_the_mode(attrs, &sources, errors);
        check::columns_are_written_once(&sources, errors);

        let table = diesel
            .table_name
            .unwrap_or_else(|| infer_table(&input.ident));
        let mut marked = Marked::default();
        let role = match attrs.mode.as_ref()?.value {
            Mode::Embedded => Role::Embedded,
            mode @ (Mode::Owner | Mode::Dependent) => {
                marked.key = find_key(input, diesel.primary_key.as_deref(), &sources, errors);
                marked.version = find_version(input, &sources, errors);
                check::record(mode, attrs, &sources, &marked, errors);
                let record = record(&table, attrs, &marked)?;
                match mode {
                    Mode::Dependent => Role::Dependent(record, delivery(attrs)),
                    Mode::Owner | Mode::Embedded => Role::Owner(record, deletions(attrs)),
                }
            }
        };
        Some(Self {
            input,
            root,
            table,
            backends: diesel.check_for_backend,
            walk: sources
                .iter()
                .filter_map(|field| step(field, &marked))
                .collect(),
            role,
        })
    }
}

/// The fields of a struct; an error for anything else.
fn sources<'a>(input: &'a DeriveInput, errors: &mut Errors) -> Option<Vec<Source<'a>>> {
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
        .map(|(index, node)| source(index, node, errors));
    Some(fields.collect())
}

fn source<'a>(index: u32, node: &'a syn::Field, errors: &mut Errors) -> Source<'a> {
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
    });
    Source {
        node,
        member,
        versioned,
        diesel,
        column,
    }
}

/// The table that Diesel infers: `struct TicketCopy` is a row of `ticket_copys`.
fn infer_table(ident: &Ident) -> Path {
    let mut name = String::new();
    for character in ident.unraw().to_string().chars() {
        if character.is_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.extend(character.to_lowercase());
    }
    format_ident!("{name}s", span = ident.span()).into()
}

/// The fields of the primary key's columns, in the order of `primary_key(..)`.
fn find_key<'s, 'a>(
    input: &DeriveInput,
    named: Option<&[Ident]>,
    sources: &'s [Source<'a>],
    errors: &mut Errors,
) -> Vec<&'s Source<'a>> {
    let find = |column: &str| sources.iter().find(|field| field.is_of(column));
    // Otherwise the missing field may be one that was complained about already.
    let all_known = sources
        .iter()
        .all(|field| field.column.is_some() || !field.has_column());
    let Some(named) = named else {
        let id = find("id");
        if id.is_none() && all_known {
            errors.at(
                &input.ident,
                "missing key, add a field `id` or name the key's columns: `#[diesel(primary_key(..))]`",
            );
        }
        return id.into_iter().collect();
    };
    let mut key: Vec<&Source<'_>> = Vec::new();
    for column in named {
        match find(&column.unraw().to_string()) {
            Some(field) if key.iter().any(|part| part.member == field.member) => {
                errors.at(
                    column,
                    format!("duplicate key column `{column}`, remove one of them"),
                );
            }
            Some(field) => key.push(field),
            None if all_known => errors.at(
                column,
                format!(
                    "no field has the column `{column}`: add one, or remove it from `primary_key`"
                ),
            ),
            None => {}
        }
    }
    if let Some(seventh) = named.get(6) {
        errors.at(seventh, "expected at most six key columns");
    }
    key
}

/// The field with `#[versioned(version)]`, or else the one named `version`.
fn find_version<'s, 'a>(
    input: &DeriveInput,
    sources: &'s [Source<'a>],
    errors: &mut Errors,
) -> Option<&'s Source<'a>> {
    let mut marked = sources
        .iter()
        .filter(|field| field.versioned.version.is_some());
    if let Some(version) = marked.next() {
        for other in marked.filter_map(|field| field.versioned.version.as_ref()) {
            errors.at(&other.key, "a second version field, remove one of them");
        }
        return Some(version);
    }
    let named = sources.iter().find(|field| match &field.member {
        Member::Named(name) => name == "version",
        Member::Unnamed(_) => field.is_of("version"),
    });
    // Otherwise the missing field may be one that was complained about already.
    let all_known = sources
        .iter()
        .all(|field| !field.versioned.broken && (field.column.is_some() || !field.has_column()));
    if named.is_none() && all_known {
        match input.attrs.iter().find(|attr| is_version_field(attr)) {
            Some(attr) => errors.at(
                attr,
                "too late here, put `#[version_field]` above the derives",
            ),
            None => errors.at(
                &input.ident,
                "missing version, add a field `version: i64` or mark one: `#[versioned(version)]`",
            ),
        }
    }
    named
}

fn is_version_field(attr: &syn::Attribute) -> bool {
    attr.path()
        .segments
        .last()
        .is_some_and(|last| last.ident == "version_field")
}

impl Source<'_> {
    /// Where an error about the field as a whole is shown.
    pub(crate) fn place(&self) -> TokenStream {
        match &self.node.ident {
            Some(name) => name.to_token_stream(),
            None => self.node.ty.to_token_stream(),
        }
    }

    /// Whether this is the field of this column.
    fn is_of(&self, column: &str) -> bool {
        self.column
            .as_ref()
            .is_some_and(|own| own.name.unraw() == column)
    }

    /// Whether it must have a column of its own.
    fn has_column(&self) -> bool {
        self.diesel.embed.is_none() && self.diesel.select_expression.is_none()
    }

    /// The statements that write it, if it is neither key nor version.
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

fn record<'a>(
    table: &Path,
    attrs: &attr::StructAttrs,
    marked: &Marked<'_, 'a>,
) -> Option<Record<'a>> {
    let version = marked.version?;
    let columns = marked.key.iter().map(|field| field.column.clone());
    Some(Record {
        entity: match &attrs.entity {
            Some(entity) => entity.value.clone(),
            None => table_name(table),
        },
        key: columns.collect::<Option<_>>()?,
        version: version.column.clone()?,
        count: match (&attrs.initial, &version.versioned.precision) {
            (Some(initial), _) => Count::From(initial.value),
            (None, Some(precision)) => Count::Ticks(precision.value),
            (None, None) => Count::AsTheTypeDoes,
        },
    })
}

/// `schema::tickets` is the table `"tickets"`.
pub(crate) fn table_name(table: &Path) -> LitStr {
    let name = table
        .segments
        .last()
        .map(|last| last.ident.unraw().to_string());
    LitStr::new(&name.unwrap_or_default(), Span::call_site())
}

fn deletions(attrs: &attr::StructAttrs) -> Deletions {
    match attrs.tombstones {
        Some(_) => Deletions::Remembered,
        None => Deletions::Forgotten,
    }
}

fn delivery(attrs: &attr::StructAttrs) -> Delivery {
    Delivery {
        policy: attrs
            .policy
            .as_ref()
            .map_or(Policy::Sequential, |policy| policy.value),
        guard: attrs
            .guard
            .as_ref()
            .map_or(Guard::Position, |guard| guard.value),
        gap: attrs.gap.as_ref().map_or(Gap::Nack, |gap| gap.value),
        gap_span: attrs
            .gap
            .as_ref()
            .map_or_else(Span::call_site, |gap| gap.key.span()),
    }
}

/// What the walk shows of a field.
fn step<'a>(field: &Source<'a>, marked: &Marked<'_, 'a>) -> Option<Step<'a>> {
    let is_field = |other: &&Source<'_>| other.member == field.member;
    if marked.version.is_some_and(|version| is_field(&version)) {
        return None;
    }
    if marked.key.iter().any(is_field) {
        return field.column.clone().map(Step::Key);
    }
    let written = field.written()?;
    if field.diesel.embed.is_some() {
        return Some(Step::Embedded(
            field.member.clone(),
            &field.node.ty,
            written,
        ));
    }
    let column = field.column.clone()?;
    Some(match &field.diesel.serialize_as {
        Some(other) => Step::Converted(column, other.clone(), written),
        None => Step::Plain(column, written),
    })
}
