//! The syntax of `#[versioned(..)]`.

use proc_macro2::TokenTree;
use syn::ext::IdentExt as _;
use syn::parse::{Parse, ParseStream};
use syn::token::Paren;
use syn::{Attribute, Error, Ident, LitInt, LitStr, Meta, Path, Result, Token};

use crate::choice::{self, Choice, Gap, Guard, Policy, Precision};
use crate::errors::Errors;

const ON_STRUCTS: [&str; 12] = [
    "owner",
    "dependent",
    "embedded",
    "entity",
    "initial",
    "policy",
    "guard",
    "gap",
    "replica",
    "tombstones",
    "outbox",
    "crate",
];
const ON_FIELDS: [&str; 4] = ["version", "precision", "excluded", "scope"];
const ON_NEWTYPES: [&str; 1] = ["crate"];

/// A value with its key, so that a later stage can report an error on the key.
pub(crate) struct Keyed<T> {
    pub(crate) key: Ident,
    pub(crate) value: T,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Owner,
    Dependent,
    Embedded,
}

/// The keys of `#[versioned(..)]` on a struct.
#[derive(Default)]
pub(crate) struct StructAttrs {
    pub(crate) mode: Option<Keyed<Mode>>,
    pub(crate) entity: Option<Keyed<LitStr>>,
    pub(crate) initial: Option<Keyed<i16>>,
    pub(crate) policy: Option<Keyed<Policy>>,
    pub(crate) guard: Option<Keyed<Guard>>,
    pub(crate) gap: Option<Keyed<Gap>>,
    pub(crate) replica: Option<Keyed<LitStr>>,
    pub(crate) tombstones: Option<Keyed<()>>,
    pub(crate) outbox: Option<Keyed<()>>,
    pub(crate) root: Option<Keyed<Path>>,
    /// The mode that an unknown key was most likely meant to be.
    meant: Option<Mode>,
}

/// The keys of `#[versioned(..)]` on a field.
#[derive(Default)]
pub(crate) struct FieldAttrs {
    pub(crate) version: Option<Keyed<()>>,
    pub(crate) precision: Option<Keyed<Precision>>,
    pub(crate) excluded: Option<Keyed<()>>,
    pub(crate) scope: Option<Keyed<()>>,
    /// Whether an attribute was invalid.
    pub(crate) broken: bool,
}

impl StructAttrs {
    pub(crate) fn read(attrs: &[Attribute], errors: &mut Errors) -> Self {
        let mut read = Self::default();
        each_key(attrs, &ON_STRUCTS, errors, |key, input| {
            match key.to_string().as_str() {
                "owner" => read.mode(key, input, Mode::Owner),
                "dependent" => read.mode(key, input, Mode::Dependent),
                "embedded" => read.mode(key, input, Mode::Embedded),
                "entity" => set(&mut read.entity, key, || {
                    name(key, input, "entity = \"tickets\"")
                }),
                "initial" => set(&mut read.initial, key, || initial(key, input)),
                "policy" => set(&mut read.policy, key, || word(key, input)),
                "guard" => set(&mut read.guard, key, || word(key, input)),
                "gap" => set(&mut read.gap, key, || word(key, input)),
                "replica" => set(&mut read.replica, key, || {
                    name(key, input, "replica = \"ticket_copies\"")
                }),
                "tombstones" => set(&mut read.tombstones, key, || flag(key, input)),
                "outbox" => set(&mut read.outbox, key, || flag(key, input)),
                "crate" => set(&mut read.root, key, || root(key, input)),
                "version" | "precision" => Err(Error::new(
                    key.span(),
                    format!("`{key}` goes on the version field, not on the struct"),
                )),
                "excluded" | "scope" => Err(Error::new(
                    key.span(),
                    format!("`{key}` goes on a field, not on the struct"),
                )),
                found => {
                    read.meant = read.meant.or(match choice::nearest(found, &ON_STRUCTS) {
                        Some("owner") => Some(Mode::Owner),
                        Some("dependent") => Some(Mode::Dependent),
                        Some("embedded") => Some(Mode::Embedded),
                        _ => None,
                    });
                    Err(Error::new(
                        key.span(),
                        choice::unknown("key", found, &ON_STRUCTS),
                    ))
                }
            }
        });
        read
    }

    fn mode(&mut self, key: &Ident, input: ParseStream<'_>, mode: Mode) -> Result<()> {
        self.meant = self.meant.or(Some(mode));
        match &self.mode {
            Some(first) if first.value != mode => Err(Error::new(
                key.span(),
                format!(
                    "`{}` and `{key}` exclude each other, remove one of them",
                    first.key
                ),
            )),
            _ => set(&mut self.mode, key, || flag(key, input).map(|()| mode)),
        }
    }

    /// Returns the mode, or the most likely one if the attributes are invalid.
    pub(crate) fn likely_mode(&self) -> Mode {
        let dependent = self.policy.is_some()
            || self.guard.is_some()
            || self.gap.is_some()
            || self.replica.is_some();
        self.meant.unwrap_or(if dependent {
            Mode::Dependent
        } else {
            Mode::Owner
        })
    }
}

impl FieldAttrs {
    pub(crate) fn read(attrs: &[Attribute], errors: &mut Errors) -> Self {
        let mut read = Self::default();
        let all_right = each_key(attrs, &ON_FIELDS, errors, |key, input| {
            match key.to_string().as_str() {
                "version" => set(&mut read.version, key, || flag(key, input)),
                "precision" => set(&mut read.precision, key, || word(key, input)),
                "excluded" => set(&mut read.excluded, key, || flag(key, input)),
                "scope" => set(&mut read.scope, key, || flag(key, input)),
                found if ON_STRUCTS.contains(&found) => Err(Error::new(
                    key.span(),
                    format!("`{found}` goes on the struct, not on a field"),
                )),
                found => Err(Error::new(
                    key.span(),
                    choice::unknown("key", found, &ON_FIELDS),
                )),
            }
        });
        read.broken = !all_right;
        read
    }
}

/// Reads `#[versioned(crate = ::path)]` on a newtype that derives `SequentialVersion`.
pub(crate) fn newtype_root(attrs: &[Attribute], errors: &mut Errors) -> Option<Path> {
    let mut read = None;
    each_key(attrs, &ON_NEWTYPES, errors, |key, input| {
        match key.to_string().as_str() {
            "crate" => set(&mut read, key, || root(key, input)),
            found => Err(Error::new(
                key.span(),
                choice::unknown("key", found, &ON_NEWTYPES),
            )),
        }
    });
    read.map(|root| root.value)
}

/// Reads each key of each `#[versioned(..)]`, and continues after an invalid one. Returns whether
/// all were valid.
fn each_key(
    attrs: &[Attribute],
    valid: &[&str],
    errors: &mut Errors,
    mut read: impl FnMut(&Ident, ParseStream<'_>) -> Result<()>,
) -> bool {
    let mut all_right = true;
    for attr in attrs
        .iter()
        .filter(|attr| attr.path().is_ident("versioned"))
    {
        if !matches!(attr.meta, Meta::List(_)) {
            errors.at(
                &attr.meta,
                format!("expected `#[versioned(..)]` with {}", choice::list(valid)),
            );
            all_right = false;
            continue;
        }
        let read_all = attr.parse_args_with(|input: ParseStream<'_>| {
            while !input.is_empty() {
                let read = key(input, valid)
                    .and_then(|key| read(&key, input))
                    .and_then(|()| end(input));
                all_right &= errors.ok(read).is_some();
                while !input.is_empty() && input.parse::<Option<Token![,]>>()?.is_none() {
                    input.parse::<TokenTree>()?;
                }
            }
            Ok(())
        });
        all_right &= errors.ok(read_all).is_some();
    }
    all_right
}

fn key(input: ParseStream<'_>, valid: &[&str]) -> Result<Ident> {
    input
        .call(Ident::parse_any)
        .map_err(|error| Error::new(error.span(), format!("expected {}", choice::list(valid))))
}

fn end(input: ParseStream<'_>) -> Result<()> {
    if input.is_empty() || input.peek(Token![,]) {
        Ok(())
    } else {
        Err(input.error("expected `,`"))
    }
}

fn set<T>(
    slot: &mut Option<Keyed<T>>,
    key: &Ident,
    value: impl FnOnce() -> Result<T>,
) -> Result<()> {
    if slot.is_some() {
        return Err(Error::new(
            key.span(),
            format!("duplicate key `{key}`, remove one of them"),
        ));
    }
    *slot = Some(Keyed {
        key: key.unraw(),
        value: value()?,
    });
    Ok(())
}

/// `owner`
fn flag(key: &Ident, input: ParseStream<'_>) -> Result<()> {
    if input.peek(Token![=]) || input.peek(Paren) {
        return Err(input.error(format!("`{key}` takes no value")));
    }
    Ok(())
}

/// `key = value`
fn value<T: Parse>(key: &Ident, input: ParseStream<'_>, expected: &str) -> Result<T> {
    if !input.peek(Token![=]) {
        return Err(Error::new(key.span(), expected));
    }
    let equals: Token![=] = input.parse()?;
    if input.is_empty() {
        return Err(Error::new(equals.span, expected));
    }
    input
        .parse()
        .map_err(|error| Error::new(error.span(), expected))
}

/// `entity = "tickets"`
fn name(key: &Ident, input: ParseStream<'_>, example: &str) -> Result<LitStr> {
    let expected = &format!("expected a name, as in `{example}`");
    let name: LitStr = value(key, input, expected)?;
    if name.value().is_empty() {
        return Err(Error::new(name.span(), expected));
    }
    Ok(name)
}

/// `initial = 0`
fn initial(key: &Ident, input: ParseStream<'_>) -> Result<i16> {
    let expected = "expected an integer from 0 to 32767, as in `initial = 0`";
    let number: LitInt = value(key, input, expected)?;
    match number.base10_parse() {
        Ok(first @ 0..) => Ok(first),
        _ => Err(Error::new(number.span(), expected)),
    }
}

/// `policy = "latest"`
fn word<T: Choice>(key: &Ident, input: ParseStream<'_>) -> Result<T> {
    let expected = format!(
        "expected `{key} = \"..\"` with {}",
        choice::list(&T::words())
    );
    let word: LitStr = value(key, input, &expected)?;
    T::named(&word.value()).ok_or_else(|| {
        let message = choice::unknown(&key.to_string(), &word.value(), &T::words());
        Error::new(word.span(), message)
    })
}

/// `crate = ::path`
fn root(key: &Ident, input: ParseStream<'_>) -> Result<Path> {
    struct ModPath(Path);

    impl Parse for ModPath {
        fn parse(input: ParseStream<'_>) -> Result<Self> {
            input.call(Path::parse_mod_style).map(Self)
        }
    }

    let expected = "expected a path, as in `crate = ::versioned_core`";
    value::<ModPath>(key, input, expected).map(|path| path.0)
}
