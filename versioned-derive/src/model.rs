//! What the derive knows of a struct once its attributes are read: enough to write the expansion without a question.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, format_ident};
use syn::ext::IdentExt as _;
use syn::{DeriveInput, Ident, LitStr, Member, Path, Type, TypePath};

use crate::attr::Mode;
use crate::choice::{Gap, Guard, Policy, Precision};

/// A struct that was found to be right.
pub(crate) struct Model<'a> {
    pub(crate) input: &'a DeriveInput,
    pub(crate) root: Root,
    pub(crate) table: Path,
    pub(crate) backends: Vec<TypePath>,
    /// What the walk shows, in the order of the fields.
    pub(crate) walk: Vec<Step<'a>>,
    /// Whether every field but the version is written by INSERT and by UPDATE, so that a model that was written is the row.
    pub(crate) complete: bool,
    /// The fields that no UPDATE writes: the database makes them.
    pub(crate) made: Vec<(Member, &'a Type)>,
    pub(crate) role: Role<'a>,
}

pub(crate) enum Role<'a> {
    Owner(Record<'a>, OwnerOptions),
    Dependent(Record<'a>, ReplicaOptions),
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

/// What an owner does besides writing the row.
pub(crate) struct OwnerOptions {
    /// It remembers deletions.
    pub(crate) tombstones: bool,
    /// It writes events; where `outbox` was written, because it asks more of the model.
    pub(crate) outbox: Option<Span>,
    /// The columns with `#[versioned(excluded)]`, written by the model or not.
    pub(crate) excluded: Vec<Ident>,
}

/// How a dependent takes events.
pub(crate) struct ReplicaOptions {
    pub(crate) policy: Policy,
    pub(crate) guard: Guard,
    pub(crate) gap: Gap,
    /// The name that its positions are kept under, if not the table's.
    pub(crate) replica: Option<LitStr>,
    /// Where `gap` was written: `park` asks more of the model.
    pub(crate) gap_span: Span,
}

/// A field with a column of its own.
#[derive(Clone)]
pub(crate) struct Column<'a> {
    pub(crate) member: Member,
    pub(crate) ty: &'a Type,
    pub(crate) name: Ident,
    /// `#[versioned(excluded)]`
    pub(crate) excluded: bool,
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
pub(crate) struct Invalid {
    pub(crate) error: syn::Error,
    pub(crate) root: Root,
    pub(crate) mode: Mode,
}

/// `schema::tickets` is the table `"tickets"`.
pub(crate) fn table_name(table: &Path) -> LitStr {
    let name = table
        .segments
        .last()
        .map(|last| last.ident.unraw().to_string());
    LitStr::new(&name.unwrap_or_default(), Span::call_site())
}
