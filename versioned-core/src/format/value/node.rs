//! The deserializer: a value in a record, read as what the model asks for.

use std::borrow::Cow;
use std::cell::RefCell;

use serde::Deserializer;
use serde::de::value::SeqDeserializer;
use serde::de::{Error as _, Expected, Unexpected, Visitor};
use serde_json::Value;

use super::access::{Byte, Fields, Items, Variant};
use super::checks::Checks;
use super::failure::Failure;
use super::forms;
use super::takes::Takes;

/// A value, and its place in the record.
#[derive(Clone, Copy)]
pub(super) struct Node<'v> {
    value: &'v Value,
    place: Place<'v>,
}

#[derive(Clone, Copy)]
struct Place<'v> {
    checks: &'v Checks,
    /// The fields that were absent, and are empty lists now.
    lists: &'v [String],
    /// Where the JSON goes that was in the text of fields.
    parsed: &'v RefCell<Vec<(String, Value)>>,
    /// The field of the record.
    field: Option<&'v str>,
    /// Whether it is the field's value, and not something inside it.
    is_field: bool,
    /// Whether it was text with JSON in it. Text inside it stays text.
    is_parsed: bool,
}

impl<'v> Node<'v> {
    pub(super) fn record(
        value: &'v Value,
        checks: &'v Checks,
        lists: &'v [String],
        parsed: &'v RefCell<Vec<(String, Value)>>,
    ) -> Self {
        let place = Place {
            checks,
            lists,
            parsed,
            field: None,
            is_field: false,
            is_parsed: false,
        };
        Self { value, place }
    }

    /// Returns a field of this object.
    pub(super) fn field(self, name: &'v str, value: &'v Value) -> Self {
        let is_field = self.place.field.is_none();
        let place = Place {
            field: self.place.field.or(Some(name)),
            is_field,
            ..self.place
        };
        Self { value, place }
    }

    /// Returns an item of this list.
    pub(super) fn item(self, value: &'v Value) -> Self {
        let place = Place {
            is_field: false,
            ..self.place
        };
        Self { value, place }
    }

    fn name(&self) -> &'v str {
        self.place.field.unwrap_or_default()
    }

    fn check(&self) -> Result<(), Failure> {
        let Place {
            checks, is_field, ..
        } = self.place;
        checks.check(self.name(), self.value, is_field)
    }

    fn invalid(&self, expected: &dyn Expected) -> Failure {
        let unexpected = match self.value {
            Value::Null => Unexpected::Unit,
            Value::Bool(flag) => Unexpected::Bool(*flag),
            Value::Number(number) => match (number.as_i64(), number.as_f64()) {
                (Some(whole), _) => Unexpected::Signed(whole),
                (None, Some(float)) => Unexpected::Float(float),
                (None, None) => Unexpected::Other("number"),
            },
            Value::String(text) => Unexpected::Str(text),
            Value::Array(_) => Unexpected::Seq,
            Value::Object(_) => Unexpected::Map,
        };
        Failure::invalid_type(unexpected, expected)
    }

    fn integer<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        self.check()?;
        if matches!(self.value, Value::Null | Value::Bool(_) | Value::Array(_)) {
            return Err(self.invalid(&visitor));
        }
        let whole = forms::integer(self.value).map_err(|reason| self.no_number(reason))?;
        if let Ok(whole) = i64::try_from(whole) {
            visitor.visit_i64(whole)
        } else if let Ok(whole) = u64::try_from(whole) {
            visitor.visit_u64(whole)
        } else {
            visitor.visit_i128(whole)
        }
    }

    fn float<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        self.check()?;
        if matches!(self.value, Value::Null | Value::Bool(_) | Value::Array(_)) {
            return Err(self.invalid(&visitor));
        }
        let float = forms::float(self.value).map_err(|reason| self.no_number(reason))?;
        visitor.visit_f64(float)
    }

    fn no_number(&self, reason: String) -> Failure {
        let text = self.value.as_str().unwrap_or_default();
        match self.place.checks.check_decimal(self.name(), text) {
            Err(failure) => failure,
            Ok(()) => Failure::new(reason),
        }
    }

    fn text<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        self.check()?;
        match (forms::text(self.value), self.value) {
            (Some(Cow::Borrowed(text)), _) => {
                self.place.checks.check_text(self.name(), text)?;
                visitor.visit_str(text)
            }
            (Some(Cow::Owned(text)), _) => visitor.visit_string(text),
            (None, Value::Number(number)) => {
                Err(self.place.checks.bare_number(self.name(), number))
            }
            (None, _) => Err(self.invalid(&visitor)),
        }
    }

    /// Returns the value of text with JSON in it, if it begins with this character.
    fn parsed(&self, first: char) -> Option<Value> {
        let text = self.value.as_str().filter(|_| !self.place.is_parsed)?;
        let is_json = text.trim_start().starts_with(first);
        is_json.then(|| serde_json::from_str(text).ok()).flatten()
    }

    fn inside<'p>(&self, value: &'p Value) -> Node<'p>
    where
        'v: 'p,
    {
        let place = Place {
            is_parsed: true,
            is_field: false,
            ..self.place
        };
        Node { value, place }
    }

    fn list<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        self.check()?;
        match self.value {
            Value::Array(items) => self.items(items, visitor),
            _ => match self.parsed('[') {
                Some(parsed) => self.inside(&parsed).list(visitor),
                None => Err(self.invalid(&visitor)),
            },
        }
    }

    fn items<'de, V: Visitor<'de>>(self, items: &[Value], visitor: V) -> Result<V::Value, Failure> {
        let mut access = Items::new(self, items);
        let read = visitor.visit_seq(&mut access)?;
        match access.left() {
            0 => Ok(read),
            left => Err(Failure::new(format_args!(
                "the list has {left} items too many"
            ))),
        }
    }

    /// Reads what a type that takes any value gets. Types that keep any value, and models that are
    /// `untagged` or flattened, get the value as it is.
    fn any<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        match self.value {
            Value::Null => visitor.visit_unit(),
            Value::Bool(flag) => visitor.visit_bool(*flag),
            // The shortest text, and not the binary fraction.
            Value::Number(number) if number.is_f64() && Takes::of(&visitor) == Takes::Decimal => {
                visitor.visit_string(number.to_string())
            }
            Value::Number(number) => number.deserialize_any(visitor).map_err(Failure::custom),
            Value::String(text) => {
                if let Some(parsed) = self.parsed_for(&visitor) {
                    let read = self.inside(&parsed).any(visitor);
                    let parsed = (self.name().to_owned(), parsed);
                    self.place.parsed.borrow_mut().push(parsed);
                    return read;
                }
                let checks = self.place.checks;
                if checks.encoded_decimals.is_some() && Takes::of(&visitor) == Takes::Decimal {
                    checks.check_decimal(self.name(), text)?;
                }
                visitor.visit_str(text)
            }
            Value::Array(_) if self.is_absent_list() => Err(self.invalid(&visitor)),
            Value::Array(items) => self.items(items, visitor),
            Value::Object(object) => match forms::text(self.value) {
                Some(text) if !Takes::of(&visitor).keeps_any() => visitor.visit_str(&text),
                _ => visitor.visit_map(Fields::new(self, object)),
            },
        }
    }

    /// Returns the object or list in the text of a field, if any JSON is needed and the form sends
    /// JSON as text.
    fn parsed_for<'de, V: Visitor<'de>>(&self, visitor: &V) -> Option<Value> {
        let may_be_json = self.place.checks.json_in_text && self.place.is_field;
        if !may_be_json || Takes::of(visitor) != Takes::Json {
            return None;
        }
        self.parsed('{').or_else(|| self.parsed('['))
    }

    fn is_absent_list(&self) -> bool {
        self.place.is_field && self.place.lists.iter().any(|list| list == self.name())
    }
}

macro_rules! each_is {
    ($way:ident: $($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
            self.$way(visitor)
        }
    )*};
}

// The lifetime is any: nothing is borrowed, since text with JSON in it is parsed on the way.
impl<'de> Deserializer<'de> for Node<'_> {
    type Error = Failure;

    each_is! { integer:
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128
    }
    each_is! { float: deserialize_f32 deserialize_f64 }
    each_is! { text: deserialize_char deserialize_str deserialize_string }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        self.check()?;
        self.any(visitor)
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        self.check()?;
        match (self.value, self.value.as_i64()) {
            (Value::Bool(flag), _) => visitor.visit_bool(*flag),
            (_, Some(0)) => visitor.visit_bool(false),
            (_, Some(1)) => visitor.visit_bool(true),
            _ => Err(self.invalid(&visitor)),
        }
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        self.check()?;
        match (self.value, forms::bytes(self.value)) {
            (_, Some(bytes)) => visitor.visit_byte_buf(bytes),
            (Value::Array(items), None) => self.items(items, visitor),
            _ => Err(self.invalid(&visitor)),
        }
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        self.deserialize_bytes(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        match self.value {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        match self.value {
            Value::Null => visitor.visit_unit(),
            _ => Err(self.invalid(&visitor)),
        }
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Failure> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Failure> {
        // `RawValue` is known to the deserializers of serde_json only.
        if name == "$serde_json::private::RawValue" {
            self.check()?;
            let value = self.value.clone();
            return value
                .deserialize_newtype_struct(name, visitor)
                .map_err(Failure::custom);
        }
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        self.check()?;
        let bytes = match self.value {
            // A bracket is no base64.
            Value::String(text) if !text.trim_start().starts_with('[') => forms::bytes(self.value),
            Value::Object(_) => forms::bytes(self.value),
            _ => None,
        };
        match bytes {
            Some(bytes) => visitor.visit_seq(SeqDeserializer::new(bytes.into_iter().map(Byte))),
            None => self.list(visitor),
        }
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Failure> {
        self.list(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, Failure> {
        self.list(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        self.check()?;
        match self.value {
            Value::Object(object) => visitor.visit_map(Fields::new(self, object)),
            _ => match self.parsed('{') {
                Some(parsed) => self.inside(&parsed).deserialize_map(visitor),
                None => Err(self.invalid(&visitor)),
            },
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Failure> {
        match self.value {
            Value::Array(_) if !self.is_absent_list() => self.list(visitor),
            _ => self.deserialize_map(visitor),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Failure> {
        self.check()?;
        match self.value {
            Value::String(name) => visitor.visit_enum(Variant { name, data: None }),
            Value::Object(object) if object.len() == 1 => match object.iter().next() {
                Some((name, data)) => visitor.visit_enum(Variant {
                    name,
                    data: Some(self.field(name, data)),
                }),
                None => Err(self.invalid(&visitor)),
            },
            _ => Err(self.invalid(&visitor)),
        }
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        self.text(visitor)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        visitor.visit_unit()
    }
}
