//! The rules that involve more than one attribute or field. The doc of each rule gives its reason
//! and an input that it rejects.

use syn::spanned::Spanned as _;
use syn::{Error, Ident, Type};

use crate::attr::{Mode, StructAttrs};
use crate::choice::{Gap, Guard, Policy};
use crate::errors::Errors;
use crate::fields::{Field, Keys};
use crate::model::Written;

/// A key without meaning for a mode would be ignored silently.
///
/// ```text
/// #[versioned(owner, policy = "latest")]
/// #[versioned(embedded, entity = "tickets")]
/// #[versioned(dependent, policy = "latest", gap = "park")]
/// ```
pub(crate) fn keys_fit_the_mode(attrs: &StructAttrs, fields: &[Field<'_>], errors: &mut Errors) {
    let of_events = [
        attrs.policy.as_ref().map(|policy| &policy.key),
        attrs.guard.as_ref().map(|guard| &guard.key),
        attrs.gap.as_ref().map(|gap| &gap.key),
        attrs.replica.as_ref().map(|replica| &replica.key),
    ];
    let of_owners = [
        attrs.tombstones.as_ref().map(|tombstones| &tombstones.key),
        attrs.outbox.as_ref().map(|outbox| &outbox.key),
    ];
    let of_records = [
        attrs.entity.as_ref().map(|entity| &entity.key),
        attrs.initial.as_ref().map(|initial| &initial.key),
    ];
    let excluded = fields
        .iter()
        .flat_map(|field| [&field.versioned.excluded, &field.versioned.scope])
        .flatten()
        .map(|of_fields| &of_fields.key);
    match attrs.mode.as_ref().map(|mode| mode.value) {
        Some(Mode::Owner) => {
            for key in of_events.into_iter().flatten() {
                errors.at(key, format!("`{key}` is for `dependent` only, remove it"));
            }
        }
        Some(Mode::Dependent) => {
            for key in of_owners.into_iter().flatten().chain(excluded) {
                errors.at(key, format!("`{key}` is for `owner` only, remove it"));
            }
            let latest = attrs
                .policy
                .as_ref()
                .filter(|policy| policy.value == Policy::Latest);
            let park = attrs.gap.as_ref().filter(|gap| gap.value == Gap::Park);
            if let (Some(_), Some(park)) = (latest, park) {
                errors.at(
                    &park.key,
                    "`policy = \"latest\"` has no gaps to park, remove `gap = \"park\"`",
                );
            }
            let row = attrs
                .guard
                .as_ref()
                .filter(|guard| guard.value == Guard::Row);
            if let (Some(_), Some(park)) = (row, park) {
                errors.at(
                    &park.key,
                    "parking needs a position to lock, remove `guard = \"row\"` or `gap = \"park\"`",
                );
            }
        }
        Some(Mode::Embedded) => {
            let of_fields = fields.iter().flat_map(|field| {
                let versioned = &field.versioned;
                [
                    versioned.version.as_ref().map(|version| &version.key),
                    versioned.precision.as_ref().map(|precision| &precision.key),
                    versioned.scope.as_ref().map(|scope| &scope.key),
                ]
            });
            let all = of_records
                .into_iter()
                .chain(of_owners)
                .chain(of_events)
                .chain(of_fields);
            for key in all.flatten() {
                errors.at(
                    key,
                    format!("`{key}` is for the model that embeds this struct, remove it here"),
                );
            }
        }
        None => {}
    }
}

/// The database rejects an INSERT or UPDATE that names a column twice, but only at run time.
///
/// ```text
/// title: String,
/// #[diesel(column_name = title)] subject: String,
/// ```
pub(crate) fn columns_are_written_once(fields: &[Field<'_>], errors: &mut Errors) {
    let mut seen: Vec<(&Ident, Written)> = Vec::new();
    for field in fields.iter().filter(|field| field.diesel.embed.is_none()) {
        let (Some(column), Some(written)) = (&field.column, field.written()) else {
            continue;
        };
        let meets = |other| written == other || [written, other].contains(&Written::Always);
        if seen
            .iter()
            .any(|(name, other)| *name == &column.name && meets(*other))
        {
            let span = match &field.diesel.column_name {
                Some(name) => name.span,
                None => field.place().span(),
            };
            let message = format!(
                "the column `{}` is also written by another field, remove one of them",
                column.name
            );
            errors.push(Error::new(span, message));
        }
        seen.push((&column.name, written));
    }
}

/// The columns of an embedded struct are written one by one, and every row has all of them, so the
/// struct cannot be an `Option`.
///
/// ```text
/// #[diesel(embed)] address: Option<Address>,
/// ```
pub(crate) fn embedded_structs_are_there(fields: &[Field<'_>], errors: &mut Errors) {
    for field in fields.iter().filter(|field| field.diesel.embed.is_some()) {
        if is_option(&field.node.ty) {
            errors.at(
                &field.node.ty,
                "an embedded struct can't be an `Option`, make the struct's fields optional instead",
            );
        }
    }
}

/// Key and version are compared with the row, so each must be a column with the value in memory.
pub(crate) fn record(
    mode: Mode,
    attrs: &StructAttrs,
    fields: &[Field<'_>],
    keys: &Keys<'_, '_>,
    errors: &mut Errors,
) {
    for part in &keys.key {
        is_a_plain_column("key", part, errors);
        is_never_null("key", part, errors);
    }
    if let Some(version) = keys.version {
        is_a_plain_column("version", version, errors);
        is_never_null("version", version, errors);
        is_not_in_the_key(version, keys, errors);
        counts_one_way(mode, attrs, version, errors);
    }
    if let Some(scope) = keys.scope {
        is_a_plain_column("scope", scope, errors);
        is_never_null("scope", scope, errors);
        is_a_scope(scope, keys, errors);
    }
    precision_is_of_the_version(fields, keys, errors);
    what_is_excluded_is_state(fields, keys, errors);
}

/// A value that is converted when it is written, or not written at all, cannot be compared with the
/// row.
///
/// ```text
/// #[diesel(serialize_as = String)] id: Url,
/// ```
fn is_a_plain_column(what: &str, field: &Field<'_>, errors: &mut Errors) {
    let diesel = &field.diesel;
    if let Some(other) = &diesel.serialize_as {
        errors.at(
            other,
            format!(
                "the {what} can't have `serialize_as`, implement `ToSql` for its own type instead"
            ),
        );
    }
    if let Some(embed) = &diesel.embed {
        errors.at(
            embed,
            format!("the {what} can't be embedded, make it a field of the model"),
        );
    }
    if let Some(select) = &diesel.select_expression {
        errors.at(
            select,
            format!("the {what} can't be computed, it must be a column of the table"),
        );
    }
}

/// `version = NULL` is true for no row. A guard with it would reject every write, or would be left
/// out and guard nothing.
///
/// ```text
/// version: Option<i64>,
/// ```
fn is_never_null(what: &str, field: &Field<'_>, errors: &mut Errors) {
    if is_option(&field.node.ty) {
        errors.at(
            &field.node.ty,
            format!("the {what} can't be NULL, make the column NOT NULL and remove the `Option`"),
        );
    }
}

fn is_option(ty: &Type) -> bool {
    match ty {
        Type::Group(group) => is_option(&group.elem),
        Type::Paren(paren) => is_option(&paren.elem),
        Type::Path(path) => path
            .path
            .segments
            .last()
            .is_some_and(|last| last.ident == "Option"),
        _ => false,
    }
}

/// The version changes with each save, and a changed key is the key of another record.
///
/// ```text
/// #[diesel(primary_key(id, version))]
/// ```
fn is_not_in_the_key(version: &Field<'_>, keys: &Keys<'_, '_>, errors: &mut Errors) {
    if keys.key.iter().any(|part| part.member == version.member) {
        errors.at(
            version.place(),
            "the version can't be part of the key, remove it from `primary_key`",
        );
    }
}

/// The scope is compared with the row beside key and version, and no write changes it.
///
/// ```text
/// #[versioned(scope)] id: i64,
/// #[versioned(scope)] version: i64,
/// #[versioned(scope, excluded)] tenant: i64,
/// ```
fn is_a_scope(scope: &Field<'_>, keys: &Keys<'_, '_>, errors: &mut Errors) {
    let Some(key) = scope.versioned.scope.as_ref().map(|scope| &scope.key) else {
        return;
    };
    let is_scope = |other: &Field<'_>| other.member == scope.member;
    if keys.version.is_some_and(is_scope) {
        errors.at(key, "the version can't be the scope, mark another field");
    }
    if keys.key.len() == 1 && keys.key.iter().any(|part| is_scope(part)) {
        errors.at(
            key,
            "the scope can't be the whole key, mark another field or name the key's columns: `#[diesel(primary_key(..))]`",
        );
    }
    if let Some(excluded) = &scope.versioned.excluded {
        errors.at(
            &excluded.key,
            "the scope is not part of the record's state, remove `excluded`",
        );
    }
}

/// A version is either a number, whose first value `initial` sets, or a timestamp, which
/// `precision` truncates. Only with numbers can a dependent tell the next event from a gap.
///
/// ```text
/// // under `initial = 0`, or in a dependent
/// #[versioned(version, precision = "seconds")] version: i64,
/// ```
fn counts_one_way(mode: Mode, attrs: &StructAttrs, version: &Field<'_>, errors: &mut Errors) {
    let Some(precision) = &version.versioned.precision else {
        return;
    };
    if mode == Mode::Dependent {
        errors.at(
            &precision.key,
            "`precision` is for timestamps, but a dependent's version is a counter: remove it",
        );
    } else if attrs.initial.is_some() {
        errors.at(
            &precision.key,
            "`precision` is for timestamps and `initial` for counters, remove one of them",
        );
    }
}

/// On a field other than the version, `precision` would be ignored.
///
/// ```text
/// #[versioned(precision = "seconds")] updated_at: NaiveDateTime,
/// version: i64,
/// ```
fn precision_is_of_the_version(fields: &[Field<'_>], keys: &Keys<'_, '_>, errors: &mut Errors) {
    let version = keys.version.map(|version| &version.member);
    for field in fields.iter().filter(|field| Some(&field.member) != version) {
        if let Some(precision) = &field.versioned.precision {
            errors.at(
                &precision.key,
                "`precision` is for the version field, remove it or mark this field: `#[versioned(version, ..)]`",
            );
        }
    }
}

/// `excluded` needs a column whose value a write changes. Key and version are not part of the
/// state, an embedded struct has its own fields, and a computed field has no column.
///
/// ```text
/// #[versioned(excluded)] id: i64,
/// #[versioned(excluded)] #[diesel(embed)] address: Address,
/// #[versioned(excluded)] #[diesel(select_expression = tickets::price * 2_i64)] double: i64,
/// ```
fn what_is_excluded_is_state(fields: &[Field<'_>], keys: &Keys<'_, '_>, errors: &mut Errors) {
    for field in fields {
        let Some(excluded) = &field.versioned.excluded else {
            continue;
        };
        let is_field = |other: &&Field<'_>| other.member == field.member;
        if field.versioned.scope.is_some() {
            // Reported with the scope.
        } else if keys.key.iter().any(is_field)
            || keys.version.is_some_and(|version| is_field(&version))
        {
            errors.at(
                &excluded.key,
                "the key and the version are not part of the record's state, remove `excluded`",
            );
        } else if field.diesel.embed.is_some() {
            errors.at(
                &excluded.key,
                "`excluded` can't be on an embedded struct, put it on the struct's fields",
            );
        } else if field.diesel.select_expression.is_some() {
            errors.at(
                &excluded.key,
                "a computed field has no column, remove `excluded`",
            );
        }
    }
}
