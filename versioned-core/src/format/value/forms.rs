//! The forms of one value: of a whole number, a float, a text, bytes.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::decimal::{base64, decimal, is_decimal, is_digits};
use super::time::moment;

/// The largest whole number up to which floats have no gaps.
const LARGEST_WHOLE_FLOAT: f64 = 9_007_199_254_740_992.0;

type Object = Map<String, Value>;

/// Reads a whole number in any form.
pub(super) fn integer(value: &Value) -> Result<i128, String> {
    let not_whole = || format!("{} is no whole number", shown(value));
    let read = match value {
        Value::Number(number) => whole_number(number),
        Value::String(text) => whole_text(text),
        Value::Object(object) => whole_object(object),
        _ => None,
    };
    read.ok_or_else(not_whole)
}

fn whole_number(number: &serde_json::Number) -> Option<i128> {
    let exact = || number.as_u64().map(i128::from);
    number
        .as_i64()
        .map(i128::from)
        .or_else(exact)
        .or_else(|| number.as_f64().and_then(whole_float))
}

fn whole_float(float: f64) -> Option<i128> {
    if float.fract() != 0.0 || float.abs() > LARGEST_WHOLE_FLOAT {
        return None;
    }
    // Exact: the text of a whole float has no exponent.
    format!("{float:.0}").parse().ok()
}

/// Reads digits, with a minus, and without leading zeros.
fn whole_text(text: &str) -> Option<i128> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    if !is_digits(digits) || (digits.starts_with('0') && text != "0") {
        return None;
    }
    text.parse().ok()
}

fn whole_object(object: &Object) -> Option<i128> {
    let text = |name| sole(object, name).and_then(Value::as_str);
    if let Some(text) = text("$numberLong").or_else(|| text("$numberInt")) {
        return whole_text(text);
    }
    if let Some(text) = text("$numberDouble") {
        return text.parse().ok().and_then(whole_float);
    }
    if let Some(text) = scaled(object).or_else(|| text("$numberDecimal").map(str::to_owned)) {
        let (whole, fraction) = text.split_once('.').unwrap_or((&text, "0"));
        let is_whole = fraction.bytes().all(|digit| digit == b'0');
        return is_whole.then(|| whole_text(whole)).flatten();
    }
    halves(object)
}

/// Reads the halves of a 64-bit number, as JavaScript's `Long` has them.
fn halves(object: &Object) -> Option<i128> {
    let half = |name| object.get(name).and_then(Value::as_i64);
    let (low, high) = (half("low")?, half("high")?);
    let is_unsigned = match object.get("unsigned") {
        Some(flag) => flag.as_bool()?,
        None => false,
    };
    let expected = if object.contains_key("unsigned") {
        3
    } else {
        2
    };
    if object.len() != expected {
        return None;
    }
    // Either half may be printed with or without a sign.
    let bits = |half: i64| u32::try_from(half & 0xffff_ffff).ok();
    let fits = |half: i64| (i64::from(i32::MIN)..=i64::from(u32::MAX)).contains(&half);
    if !fits(low) || !fits(high) {
        return None;
    }
    let number = (u64::from(bits(high)?) << 32) | u64::from(bits(low)?);
    Some(if is_unsigned {
        i128::from(number)
    } else {
        i128::from(i64::from_ne_bytes(number.to_ne_bytes()))
    })
}

/// Reads a float in any form.
pub(super) fn float(value: &Value) -> Result<f64, String> {
    let read = match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => float_text(text),
        Value::Object(object) => float_object(object),
        _ => None,
    };
    read.ok_or_else(|| format!("{} is no number", shown(value)))
}

fn float_text(text: &str) -> Option<f64> {
    match text {
        "NaN" => Some(f64::NAN),
        "Infinity" => Some(f64::INFINITY),
        "-Infinity" => Some(f64::NEG_INFINITY),
        _ if is_decimal(text) => text.parse().ok().filter(|float: &f64| float.is_finite()),
        _ => None,
    }
}

fn float_object(object: &Object) -> Option<f64> {
    let text = |name| sole(object, name).and_then(Value::as_str);
    if let Some(text) = scaled(object) {
        return float_text(&text);
    }
    [
        "$numberDouble",
        "$numberDecimal",
        "$numberLong",
        "$numberInt",
    ]
    .into_iter()
    .find_map(text)
    .map_or_else(
        || halves(object).and_then(|whole| whole.to_string().parse().ok()),
        float_text,
    )
}

/// Reads a text, also from the forms of objects that are written as text. Returns `None` for other
/// values.
pub(super) fn text(value: &Value) -> Option<Cow<'_, str>> {
    match value {
        Value::String(text) => Some(Cow::Borrowed(text)),
        Value::Object(object) => object_text(object).map(Cow::Owned),
        _ => None,
    }
}

fn object_text(object: &Object) -> Option<String> {
    let text = |name| sole(object, name).and_then(Value::as_str);
    if let Some(text) = text("$oid").or_else(|| text("$numberDecimal")) {
        return Some(text.to_owned());
    }
    if let Some(date) = sole(object, "$date") {
        return match date {
            Value::String(text) => Some(text.clone()),
            millis => integer(millis)
                .ok()
                .and_then(|millis| moment(i64::try_from(millis).ok()?)),
        };
    }
    scaled(object)
}

/// Reads bytes from base64, or from a `Buffer` of Node.
pub(super) fn bytes(value: &Value) -> Option<Vec<u8>> {
    match value {
        Value::String(text) => base64(text),
        Value::Object(object) => buffer(object),
        _ => None,
    }
}

/// Reads a `Buffer` of Node: `{"type":"Buffer","data":[1,2]}`.
pub(super) fn buffer(object: &Object) -> Option<Vec<u8>> {
    let is_buffer = object.get("type").and_then(Value::as_str) == Some("Buffer");
    let data = object.get("data").and_then(Value::as_array);
    let items = data.filter(|_| is_buffer && object.len() == 2)?;
    let byte = |item: &Value| item.as_u64().and_then(|byte| u8::try_from(byte).ok());
    items.iter().map(byte).collect()
}

/// Reads a decimal of Debezium: `{"scale":2,"value":"BOI="}`.
pub(in crate::format) fn scaled(object: &Object) -> Option<String> {
    let scale = object.get("scale").and_then(Value::as_i64)?;
    let unscaled = object.get("value").and_then(Value::as_str)?;
    if object.len() != 2 {
        return None;
    }
    decimal(&base64(unscaled)?, scale)
}

/// Returns the member of an object that has no other.
fn sole<'v>(object: &'v Object, name: &str) -> Option<&'v Value> {
    object.get(name).filter(|_| object.len() == 1)
}

/// Returns the value for a message, cut if it is long.
pub(super) fn shown(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{}..", text.get(..end).unwrap_or_default()),
        None => text,
    }
}
