//! The fields, items and variants of a value.

use serde::de::value::StrDeserializer;
use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, IntoDeserializer as _, MapAccess, SeqAccess,
    Unexpected, VariantAccess, Visitor,
};
use serde::{de, forward_to_deserialize_any};
use serde_json::{Map, Value, map};

use super::failure::Failure;
use super::node::Node;

/// The fields of an object.
pub(super) struct Fields<'v> {
    around: Node<'v>,
    left: map::Iter<'v>,
    next: Option<(&'v String, &'v Value)>,
}

impl<'v> Fields<'v> {
    pub(super) fn new(around: Node<'v>, object: &'v Map<String, Value>) -> Self {
        Self {
            around,
            left: object.iter(),
            next: None,
        }
    }
}

impl<'de> MapAccess<'de> for Fields<'_> {
    type Error = Failure;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Failure> {
        self.next = self.left.next();
        match self.next {
            Some((name, _)) => seed
                .deserialize(Key(name))
                .map(Some)
                .map_err(|failure| failure.within(name)),
            None => Ok(None),
        }
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, Failure> {
        let Some((name, value)) = self.next.take() else {
            return Err(Failure::new("a value was read before its name"));
        };
        seed.deserialize(self.around.field(name, value))
            .map_err(|failure| failure.within(name))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.left.len())
    }
}

/// The items of a list.
pub(super) struct Items<'v> {
    around: Node<'v>,
    left: std::iter::Enumerate<std::slice::Iter<'v, Value>>,
}

impl<'v> Items<'v> {
    pub(super) fn new(around: Node<'v>, items: &'v [Value]) -> Self {
        Self {
            around,
            left: items.iter().enumerate(),
        }
    }

    /// Returns the number of items that were not read.
    pub(super) fn left(&self) -> usize {
        self.left.len()
    }
}

impl<'de> SeqAccess<'de> for Items<'_> {
    type Error = Failure;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Failure> {
        match self.left.next() {
            Some((index, item)) => seed
                .deserialize(self.around.item(item))
                .map(Some)
                .map_err(|failure| failure.within(index)),
            None => Ok(None),
        }
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.left.len())
    }
}

/// The name of a field or the key of a map.
struct Key<'k>(&'k str);

macro_rules! parsed_keys {
    ($($method:ident $visit:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
            match self.0.parse() {
                Ok(key) => visitor.$visit(key),
                Err(_) => Err(de::Error::invalid_type(Unexpected::Str(self.0), &visitor)),
            }
        }
    )*};
}

impl<'de> Deserializer<'de> for Key<'_> {
    type Error = Failure;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        visitor.visit_str(self.0)
    }

    parsed_keys! {
        deserialize_bool visit_bool
        deserialize_i8 visit_i8
        deserialize_i16 visit_i16
        deserialize_i32 visit_i32
        deserialize_i64 visit_i64
        deserialize_i128 visit_i128
        deserialize_u8 visit_u8
        deserialize_u16 visit_u16
        deserialize_u32 visit_u32
        deserialize_u64 visit_u64
        deserialize_u128 visit_u128
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Failure> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Failure> {
        visitor.visit_enum(IntoStr(self.0).into_str())
    }

    forward_to_deserialize_any! {
        f32 f64 char str string bytes byte_buf unit unit_struct seq tuple tuple_struct map struct
        identifier ignored_any
    }
}

struct IntoStr<'k>(&'k str);

impl<'k> IntoStr<'k> {
    fn into_str(self) -> StrDeserializer<'k, Failure> {
        self.0.into_deserializer()
    }
}

/// A byte of a text in base64. It is a byte and no other number: a list of numbers is not read from
/// text.
#[derive(Clone, Copy)]
pub(super) struct Byte(pub(super) u8);

impl de::IntoDeserializer<'_, Failure> for Byte {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'de> Deserializer<'de> for Byte {
    type Error = Failure;

    fn deserialize_u8<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        visitor.visit_u8(self.0)
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        Err(Failure::new(format_args!(
            "the item of a list is in a text, expected {}",
            &visitor as &dyn de::Expected
        )))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit
        unit_struct newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

/// The variant of an enum: its name, or an object of its name and its data.
pub(super) struct Variant<'v> {
    pub(super) name: &'v str,
    pub(super) data: Option<Node<'v>>,
}

impl<'de, 'v> EnumAccess<'de> for Variant<'v> {
    type Error = Failure;
    type Variant = VariantData<'v>;

    fn variant_seed<T: DeserializeSeed<'de>>(
        self,
        seed: T,
    ) -> Result<(T::Value, VariantData<'v>), Failure> {
        let variant = seed.deserialize(IntoStr(self.name).into_str())?;
        Ok((variant, VariantData(self.data)))
    }
}

/// The data of a variant.
pub(super) struct VariantData<'v>(Option<Node<'v>>);

impl<'v> VariantData<'v> {
    fn data(self, expected: &str) -> Result<Node<'v>, Failure> {
        self.0
            .ok_or_else(|| de::Error::invalid_type(Unexpected::UnitVariant, &expected))
    }
}

impl<'de> VariantAccess<'de> for VariantData<'_> {
    type Error = Failure;

    fn unit_variant(self) -> Result<(), Failure> {
        match self.0 {
            Some(data) => de::Deserialize::deserialize(data),
            None => Ok(()),
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Failure> {
        seed.deserialize(self.data("newtype variant")?)
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Failure> {
        self.data("tuple variant")?.deserialize_tuple(len, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Failure> {
        self.data("struct variant")?
            .deserialize_struct("", fields, visitor)
    }
}
