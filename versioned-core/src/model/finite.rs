//! A serializer that finds the first number that JSON cannot represent, with its path.

use serde::ser::{
    Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant, Serializer,
};

use super::NotSent;

/// Returns `NotSent::NotFinite` if a number in `value` is NaN or infinite.
pub(super) fn check<T: Serialize>(value: &T) -> Result<(), NotSent> {
    value.serialize(&mut Finite { path: Vec::new() })
}

/// Checks each number and writes nothing.
struct Finite {
    path: Vec<String>,
}

impl Finite {
    fn at<T: Serialize + ?Sized>(
        &mut self,
        name: impl Into<String>,
        value: &T,
    ) -> Result<(), NotSent> {
        self.path.push(name.into());
        value.serialize(&mut *self)?;
        self.path.pop();
        Ok(())
    }

    fn number(&self, is_finite: bool) -> Result<(), NotSent> {
        if is_finite {
            Ok(())
        } else {
            Err(NotSent::NotFinite(self.path.join(".")))
        }
    }
}

macro_rules! nothing_to_see {
    ($($method:ident: $type:ty;)*) => {$(
        fn $method(self, _: $type) -> Result<(), NotSent> {
            Ok(())
        }
    )*};
}

impl<'a> Serializer for &'a mut Finite {
    type Ok = ();
    type Error = NotSent;
    type SerializeSeq = Elements<'a>;
    type SerializeTuple = Elements<'a>;
    type SerializeTupleStruct = Elements<'a>;
    type SerializeTupleVariant = Elements<'a>;
    type SerializeMap = Elements<'a>;
    type SerializeStruct = Elements<'a>;
    type SerializeStructVariant = Elements<'a>;

    nothing_to_see! {
        serialize_bool: bool;
        serialize_i8: i8;
        serialize_i16: i16;
        serialize_i32: i32;
        serialize_i64: i64;
        serialize_i128: i128;
        serialize_u8: u8;
        serialize_u16: u16;
        serialize_u32: u32;
        serialize_u64: u64;
        serialize_u128: u128;
        serialize_char: char;
        serialize_str: &str;
        serialize_bytes: &[u8];
        serialize_unit_struct: &'static str;
    }

    fn serialize_f32(self, value: f32) -> Result<(), NotSent> {
        self.number(value.is_finite())
    }

    fn serialize_f64(self, value: f64) -> Result<(), NotSent> {
        self.number(value.is_finite())
    }

    fn serialize_none(self) -> Result<(), NotSent> {
        Ok(())
    }

    fn serialize_unit(self) -> Result<(), NotSent> {
        Ok(())
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), NotSent> {
        value.serialize(self)
    }

    fn serialize_unit_variant(self, _: &str, _: u32, _: &str) -> Result<(), NotSent> {
        Ok(())
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &str,
        value: &T,
    ) -> Result<(), NotSent> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &str,
        _: u32,
        variant: &str,
        value: &T,
    ) -> Result<(), NotSent> {
        self.at(variant, value)
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Elements<'a>, NotSent> {
        Ok(Elements::of(self))
    }

    fn serialize_tuple(self, _: usize) -> Result<Elements<'a>, NotSent> {
        Ok(Elements::of(self))
    }

    fn serialize_tuple_struct(self, _: &str, _: usize) -> Result<Elements<'a>, NotSent> {
        Ok(Elements::of(self))
    }

    fn serialize_tuple_variant(
        self,
        _: &str,
        _: u32,
        _: &str,
        _: usize,
    ) -> Result<Elements<'a>, NotSent> {
        Ok(Elements::of(self))
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Elements<'a>, NotSent> {
        Ok(Elements::of(self))
    }

    fn serialize_struct(self, _: &str, _: usize) -> Result<Elements<'a>, NotSent> {
        Ok(Elements::of(self))
    }

    fn serialize_struct_variant(
        self,
        _: &str,
        _: u32,
        _: &str,
        _: usize,
    ) -> Result<Elements<'a>, NotSent> {
        Ok(Elements::of(self))
    }
}

/// The elements of a list, or the values of a map or a struct.
struct Elements<'a> {
    finite: &'a mut Finite,
    place: usize,
    key: String,
}

impl<'a> Elements<'a> {
    fn of(finite: &'a mut Finite) -> Self {
        Self {
            finite,
            place: 0,
            key: String::new(),
        }
    }

    fn next<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), NotSent> {
        self.place += 1;
        self.finite.at((self.place - 1).to_string(), value)
    }
}

macro_rules! lists {
    ($($list:ident: $method:ident;)*) => {$(
        impl $list for Elements<'_> {
            type Ok = ();
            type Error = NotSent;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), NotSent> {
                self.next(value)
            }

            fn end(self) -> Result<(), NotSent> {
                Ok(())
            }
        }
    )*};
}

lists! {
    SerializeSeq: serialize_element;
    SerializeTuple: serialize_element;
    SerializeTupleStruct: serialize_field;
    SerializeTupleVariant: serialize_field;
}

macro_rules! structs {
    ($($of:ident;)*) => {$(
        impl $of for Elements<'_> {
            type Ok = ();
            type Error = NotSent;

            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                name: &'static str,
                value: &T,
            ) -> Result<(), NotSent> {
                self.finite.at(name, value)
            }

            fn end(self) -> Result<(), NotSent> {
                Ok(())
            }
        }
    )*};
}

structs! {
    SerializeStruct;
    SerializeStructVariant;
}

impl SerializeMap for Elements<'_> {
    type Ok = ();
    type Error = NotSent;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), NotSent> {
        self.key = match serde_json::to_value(key).map_err(NotSent::Json)? {
            serde_json::Value::String(key) => key,
            other => other.to_string(),
        };
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), NotSent> {
        let key = std::mem::take(&mut self.key);
        self.finite.at(key, value)
    }

    fn end(self) -> Result<(), NotSent> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[derive(serde::Serialize)]
    struct Outer {
        name: Option<&'static str>,
        inner: Vec<Inner>,
        rates: BTreeMap<&'static str, f32>,
    }

    #[derive(serde::Serialize)]
    enum Inner {
        Pair(f64, f64),
        Named { x: f64 },
        One(f64),
        Nothing,
    }

    fn found(inner: Vec<Inner>, rate: f32) -> Option<String> {
        let rates = BTreeMap::from([("usd", 1.0), ("eur", rate)]);
        let name = None;
        match check(&Outer { name, inner, rates }) {
            Ok(()) => None,
            Err(NotSent::NotFinite(path)) => Some(path),
            Err(NotSent::Json(error)) => Some(error.to_string()),
        }
    }

    #[test]
    fn the_field_is_named() {
        use Inner::{Named, Nothing, One, Pair};
        assert_eq!(
            found(
                vec![Pair(1.0, 2.0), Named { x: 0.0 }, Nothing, One(1.0)],
                2.0
            ),
            None
        );
        assert_eq!(
            found(vec![Nothing, Pair(1.0, f64::NAN)], 2.0).as_deref(),
            Some("inner.1.1")
        );
        let named = Named { x: f64::INFINITY };
        assert_eq!(found(vec![named], 2.0).as_deref(), Some("inner.0.x"));
        assert_eq!(
            found(vec![One(f64::NAN)], 2.0).as_deref(),
            Some("inner.0.One")
        );
        assert_eq!(
            found(vec![], f32::NEG_INFINITY).as_deref(),
            Some("rates.eur")
        );
    }
}
