//! The validated model: everything that the expansion needs.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, format_ident};
use syn::ext::IdentExt as _;
use syn::{DeriveInput, Ident, LitStr, Member, Path, Type, TypePath};

use crate::attr::Mode;
use crate::choice::{Gap, Guard, Policy, Precision};

/// A valid struct.
pub(crate) struct Model<'a> {
    pub(crate) input: &'a DeriveInput,
    pub(crate) root: Root,
    pub(crate) table: Path,
    pub(crate) backends: Vec<TypePath>,
    /// The steps of the walk, in the order of the fields.
    pub(crate) walk: Vec<Step<'a>>,
    /// Whether INSERT and UPDATE write every field but the version, so that the row equals the
    /// model after a write.
    pub(crate) complete: bool,
    /// The fields that no UPDATE writes, because the database sets them.
    pub(crate) made: Vec<(Member, &'a Type)>,
    /// The fields with `#[diesel(skip_update)]` that are not part of the key, with the names of their
    /// columns. An embedded struct has the name of its field.
    pub(crate) read_only: Vec<(Member, &'a Type, LitStr)>,
    pub(crate) role: Role<'a>,
}

pub(crate) enum Role<'a> {
    Owner(Record<'a>, OwnerOptions),
    Dependent(Record<'a>, ReplicaOptions),
    Embedded,
}

/// The parts of owners and dependents that embedded structs do not have.
pub(crate) struct Record<'a> {
    pub(crate) entity: LitStr,
    pub(crate) key: Vec<Column<'a>>,
    /// The column with `#[versioned(scope)]`, which may be one of the key.
    pub(crate) scope: Option<Column<'a>>,
    pub(crate) version: Column<'a>,
    pub(crate) count: Count,
}

/// How versions are counted.
pub(crate) enum Count {
    AsTheTypeDoes,
    From(i16),
    Ticks(Precision),
}

/// The options of an owner.
pub(crate) struct OwnerOptions {
    /// Whether deletions are recorded.
    pub(crate) tombstones: bool,
    /// The span of `outbox`, if set. Errors about the bounds that it adds are shown there.
    pub(crate) outbox: Option<Span>,
    /// The columns with `#[versioned(excluded)]`, whether the model writes them or not.
    pub(crate) excluded: Vec<Ident>,
}

/// The options of a dependent.
pub(crate) struct ReplicaOptions {
    pub(crate) policy: Policy,
    pub(crate) guard: Guard,
    pub(crate) gap: Gap,
    /// The name under which its positions are kept, if it is not the name of the table.
    pub(crate) replica: Option<LitStr>,
    /// The span of `gap`. Errors about the bounds that `park` adds are shown there.
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

impl<'a> Record<'a> {
    /// The columns of the key without the scope.
    pub(crate) fn key_in_scope(&self) -> impl Iterator<Item = &Column<'a>> {
        let is_scope = |part: &Column<'_>| {
            let scope = self.scope.as_ref();
            scope.is_some_and(|scope| scope.member == part.member)
        };
        self.key.iter().filter(move |part| !is_scope(part))
    }
}

pub(crate) enum Step<'a> {
    Key(Column<'a>),
    /// `#[versioned(scope)]`
    Scope(Column<'a>),
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

/// The path of `versioned-core`.
#[derive(Clone)]
pub(crate) struct Root(Path);

impl Root {
    /// Makes a root from the given path. The default is `::versioned_core`.
    pub(crate) fn new(given: Option<Path>) -> Self {
        Self(given.unwrap_or_else(|| Path {
            leading_colon: Some(syn::token::PathSep::default()),
            ..Path::from(format_ident!("versioned_core"))
        }))
    }

    /// Returns the path with another span, so that errors about its target are shown there.
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

/// The parts of an invalid input that the fallback impls need.
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
