//! From the fields to the model: finds the key and the version, and the steps of the walk.

use proc_macro2::Span;
use syn::ext::IdentExt as _;
use syn::{DeriveInput, Ident, Member, Path};

use crate::attr::{self, Mode};
use crate::check;
use crate::choice::{Gap, Guard, Policy};
use crate::diesel;
use crate::errors::Errors;
use crate::fields::{Field, Keys, fields};
use crate::model::{
    Count, Invalid, Model, OwnerOptions, Record, ReplicaOptions, Role, Root, Step, Written,
    table_name,
};

impl<'a> Model<'a> {
    pub(crate) fn read(input: &'a DeriveInput) -> Result<Self, Invalid> {
        let mut errors = Errors::default();
        let attrs = attr::StructAttrs::read(&input.attrs, &mut errors);
        if attrs.mode.is_none() && errors.none() {
            errors.at(
                &input.ident,
                "missing mode, add `#[versioned(owner)]` or `#[versioned(dependent)]`\n\
                 (`#[versioned(embedded)]` for a struct that a model embeds)",
            );
        }
        let root = Root::new(attrs.root.as_ref().map(|root| root.value.clone()));
        let made = Self::build(input, root.clone(), &attrs, &mut errors);
        errors.finish(made).map_err(|error| Invalid {
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
        let fields = fields(input, errors)?;
        check::keys_fit_the_mode(attrs, &fields, errors);
        check::columns_are_written_once(&fields, errors);
        check::embedded_structs_are_there(&fields, errors);

        let table = diesel
            .table_name
            .unwrap_or_else(|| infer_table(&input.ident));
        let mut keys = Keys::default();
        let role = match attrs.mode.as_ref()?.value {
            Mode::Embedded => Role::Embedded,
            mode @ (Mode::Owner | Mode::Dependent) => {
                keys.key = find_key(input, diesel.primary_key.as_deref(), &fields, errors);
                keys.version = find_version(input, &fields, errors);
                keys.scope = find_scope(&fields, errors);
                check::record(mode, attrs, &fields, &keys, errors);
                let record = record(&table, attrs, &keys)?;
                match mode {
                    Mode::Dependent => Role::Dependent(record, replica_options(attrs)),
                    Mode::Owner | Mode::Embedded => {
                        Role::Owner(record, owner_options(attrs, &fields))
                    }
                }
            }
        };
        Some(Self {
            input,
            root,
            table,
            backends: diesel.check_for_backend,
            walk: fields
                .iter()
                .filter_map(|field| step(field, &keys))
                .collect(),
            complete: fields.iter().all(|field| {
                let is_version = keys
                    .version
                    .is_some_and(|version| version.member == field.member);
                is_version || field.written() == Some(Written::Always)
            }),
            made: fields
                .iter()
                .filter(|field| matches!(field.written(), None | Some(Written::ByInsert)))
                .map(|field| (field.member.clone(), &field.node.ty))
                .collect(),
            read_only: fields
                .iter()
                .filter(|field| field.is_read_only() && !keys.contains(field))
                .map(|field| (field.member.clone(), &field.node.ty, field.name()))
                .collect(),
            role,
        })
    }
}

/// Returns the table name that Diesel infers: `struct TicketCopy` is a row of `ticket_copys`.
fn infer_table(ident: &Ident) -> Path {
    let mut name = String::new();
    for character in ident.unraw().to_string().chars() {
        if character.is_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.extend(character.to_lowercase());
    }
    name.push('s');
    // `struct A` is a row of `r#as`.
    let mut table =
        syn::parse_str(&name).unwrap_or_else(|_| Ident::new_raw(&name, Span::call_site()));
    table.set_span(ident.span());
    table.into()
}

/// Returns the fields of the primary key's columns, in the order of `primary_key(..)`.
fn find_key<'s, 'a>(
    input: &DeriveInput,
    named: Option<&[Ident]>,
    fields: &'s [Field<'a>],
    errors: &mut Errors,
) -> Vec<&'s Field<'a>> {
    let find = |column: &str| fields.iter().find(|field| field.is_of(column));
    // Otherwise the missing field may be one that already has an error.
    let all_known = fields
        .iter()
        .all(|field| field.column.is_some() || !field.has_column());
    let embeds = fields.iter().any(|field| field.diesel.embed.is_some());
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
    let mut key: Vec<&Field<'_>> = Vec::new();
    for column in named {
        match find(&column.unraw().to_string()) {
            Some(field) if key.iter().any(|part| part.member == field.member) => {
                errors.at(
                    column,
                    format!("duplicate key column `{column}`, remove one of them"),
                );
            }
            Some(field) => key.push(field),
            None if all_known && embeds => errors.at(
                column,
                format!(
                    "no field of the model itself has the column `{column}`: the key can't be in an embedded struct, move it here"
                ),
            ),
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

/// Returns the field with `#[versioned(version)]`, or else the field named `version`.
fn find_version<'s, 'a>(
    input: &DeriveInput,
    fields: &'s [Field<'a>],
    errors: &mut Errors,
) -> Option<&'s Field<'a>> {
    let mut keys = fields
        .iter()
        .filter(|field| field.versioned.version.is_some());
    if let Some(version) = keys.next() {
        for other in keys.filter_map(|field| field.versioned.version.as_ref()) {
            errors.at(&other.key, "duplicate version field, remove one of them");
        }
        return Some(version);
    }
    let named = fields.iter().find(|field| match &field.member {
        Member::Named(name) => name == "version",
        Member::Unnamed(_) => field.is_of("version"),
    });
    // Otherwise the missing field may be one that already has an error.
    let all_known = fields
        .iter()
        .all(|field| !field.versioned.broken && (field.column.is_some() || !field.has_column()));
    if named.is_none() && all_known {
        match input.attrs.iter().find(|attr| is_version_field(attr)) {
            Some(attr) => errors.at(
                attr,
                "`#[version_field]` must be above the derives, move it up",
            ),
            None => errors.at(
                &input.ident,
                "missing version, add a field `version: i64` or mark one: `#[versioned(version)]`",
            ),
        }
    }
    named
}

/// Returns the field with `#[versioned(scope)]`.
fn find_scope<'s, 'a>(fields: &'s [Field<'a>], errors: &mut Errors) -> Option<&'s Field<'a>> {
    let mut marked = fields
        .iter()
        .filter(|field| field.versioned.scope.is_some());
    let scope = marked.next();
    for other in marked.filter_map(|field| field.versioned.scope.as_ref()) {
        errors.at(&other.key, "duplicate scope field, remove one of them");
    }
    scope
}

fn is_version_field(attr: &syn::Attribute) -> bool {
    attr.path()
        .segments
        .last()
        .is_some_and(|last| last.ident == "version_field")
}

fn record<'a>(table: &Path, attrs: &attr::StructAttrs, keys: &Keys<'_, 'a>) -> Option<Record<'a>> {
    let version = keys.version?;
    let columns = keys.key.iter().map(|field| field.column.clone());
    Some(Record {
        entity: match &attrs.entity {
            Some(entity) => entity.value.clone(),
            None => table_name(table),
        },
        key: columns.collect::<Option<_>>()?,
        scope: match keys.scope {
            Some(scope) => Some(scope.column.clone()?),
            None => None,
        },
        version: version.column.clone()?,
        count: match (&attrs.initial, &version.versioned.precision) {
            (Some(initial), _) => Count::From(initial.value),
            (None, Some(precision)) => Count::Ticks(precision.value),
            (None, None) => Count::AsTheTypeDoes,
        },
    })
}

fn owner_options(attrs: &attr::StructAttrs, fields: &[Field<'_>]) -> OwnerOptions {
    let columns = fields.iter().filter_map(|field| field.column.as_ref());
    OwnerOptions {
        tombstones: attrs.tombstones.is_some(),
        outbox: attrs.outbox.as_ref().map(|outbox| outbox.key.span()),
        excluded: columns
            .filter(|column| column.excluded)
            .map(|column| column.name.clone())
            .collect(),
    }
}

fn replica_options(attrs: &attr::StructAttrs) -> ReplicaOptions {
    ReplicaOptions {
        policy: attrs
            .policy
            .as_ref()
            .map_or(Policy::Sequential, |policy| policy.value),
        guard: attrs
            .guard
            .as_ref()
            .map_or(Guard::Position, |guard| guard.value),
        gap: attrs.gap.as_ref().map_or(Gap::Nack, |gap| gap.value),
        replica: attrs.replica.as_ref().map(|replica| replica.value.clone()),
        gap_span: attrs
            .gap
            .as_ref()
            .map_or_else(Span::call_site, |gap| gap.key.span()),
    }
}

/// Returns the step of the walk for a field.
fn step<'a>(field: &Field<'a>, keys: &Keys<'_, 'a>) -> Option<Step<'a>> {
    let is_field = |other: &&Field<'_>| other.member == field.member;
    if keys.version.is_some_and(|version| is_field(&version)) {
        return None;
    }
    if keys.scope.is_some_and(|scope| is_field(&scope)) {
        return field.column.clone().map(Step::Scope);
    }
    if keys.key.iter().any(is_field) {
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
