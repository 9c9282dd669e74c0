//! The values of a row whose JSON needs its schema, or an option, to be understood.

use serde_json::{Map, Value};

use super::body::{field_schemas, schema_field};
use crate::format::value::{Clock, Markers, base64, date, decimal, scaled, time_of_day, timestamp};
use crate::hex;

/// The unit of an integer that is a date or a time.
///
/// The names are those of Debezium's types: a column `timestamp(6)` of PostgreSQL is a
/// `MicroTimestamp`, for example, and so is in [`Micros`](Self::Micros).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Unit {
    /// Days since 1970-01-01: a date.
    Days,
    /// Milliseconds since 1970-01-01 00:00: a date and a time without a zone.
    Millis,
    /// Microseconds since 1970-01-01 00:00: a date and a time without a zone.
    Micros,
    /// Nanoseconds since 1970-01-01 00:00: a date and a time without a zone.
    Nanos,
    /// Milliseconds since midnight: a time of the day.
    MillisOfDay,
    /// Microseconds since midnight: a time of the day.
    MicrosOfDay,
    /// Nanoseconds since midnight: a time of the day.
    NanosOfDay,
}

impl Unit {
    fn text(self, count: i64) -> Option<String> {
        match self {
            Self::Days => date(count),
            Self::Millis => timestamp(count, Clock::Millis),
            Self::Micros => timestamp(count, Clock::Micros),
            Self::Nanos => timestamp(count, Clock::Nanos),
            Self::MillisOfDay => time_of_day(count, Clock::Millis),
            Self::MicrosOfDay => time_of_day(count, Clock::Micros),
            Self::NanosOfDay => time_of_day(count, Clock::Nanos),
        }
    }
}

/// Infinity as a count of nanoseconds, which would be a time of this world otherwise.
const INFINITE: [i64; 2] = [i64::MIN, i64::MAX];

/// What the user says about a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    Time(Unit),
    Decimal(i64),
    Json,
    Hex,
}

/// Converts the values of a row. Returns the fields that cannot be converted, with the reasons:
/// they matter only if the model has them.
pub(super) fn convert(
    row: &mut Map<String, Value>,
    schema: Option<&Value>,
    fields: &[(String, Field)],
    markers: &Markers,
) -> Vec<(String, String)> {
    let mut unreadable = Vec::new();
    let mut note =
        |name: &str, converted: Result<Option<Value>, String>, value: &mut Value| match converted {
            Ok(Some(converted)) => *value = converted,
            Ok(None) => {}
            Err(reason) => unreadable.push((name.to_owned(), format!("{name} {reason}"))),
        };
    for schema in schema.into_iter().flat_map(field_schemas) {
        if let Some((name, value)) =
            schema_field(schema).and_then(|name| Some((name, row.get_mut(name)?)))
        {
            note(name, by_schema(value, schema, markers), value);
        }
    }
    for (name, field) in fields {
        // Where there is a schema, it has said these already.
        if schema.is_some() && matches!(field, Field::Time(_) | Field::Decimal(_)) {
            continue;
        }
        if let Some(value) = row.get_mut(name).filter(|value| !markers.contain(value)) {
            note(name, by_option(value, *field), value);
        }
    }
    unreadable
}

/// Returns the converted value, or none for a value that stays.
fn by_schema(value: &Value, schema: &Value, markers: &Markers) -> Result<Option<Value>, String> {
    if markers.contain(value) {
        return Ok(None);
    }
    if let (Value::Array(items), Some(schema)) = (value, schema.get("items")) {
        let converted = items.iter().map(|item| {
            let converted = by_schema(item, schema, markers)?;
            Ok(converted.unwrap_or_else(|| item.clone()))
        });
        return converted
            .collect::<Result<_, String>>()
            .map(|items| Some(Value::Array(items)));
    }
    let name = schema
        .get("name")
        .and_then(Value::as_str)
        .unwrap_or_default();
    match name {
        "org.apache.kafka.connect.data.Decimal" => by_scale(value, scale_of(schema)),
        "io.debezium.data.VariableScaleDecimal" => {
            Ok(value.as_object().and_then(scaled).map(Value::String))
        }
        "io.debezium.time.ZonedTimestamp" => match value.as_str() {
            Some("infinity" | "-infinity") => Err("is infinite, which is not read".to_owned()),
            _ => Ok(None),
        },
        // The zone is there in this mode only, also for types that have none.
        "io.debezium.time.IsoDate"
        | "io.debezium.time.IsoTime"
        | "io.debezium.time.IsoTimestamp" => Ok(value
            .as_str()
            .and_then(|text| text.strip_suffix('Z'))
            .map(Value::from)),
        name => unit_of(name).map_or(Ok(None), |unit| in_unit(value, unit)),
    }
}

fn unit_of(name: &str) -> Option<Unit> {
    Some(match name {
        "io.debezium.time.Date" | "org.apache.kafka.connect.data.Date" => Unit::Days,
        "io.debezium.time.Time" | "org.apache.kafka.connect.data.Time" => Unit::MillisOfDay,
        "io.debezium.time.MicroTime" => Unit::MicrosOfDay,
        "io.debezium.time.NanoTime" => Unit::NanosOfDay,
        "io.debezium.time.Timestamp" | "org.apache.kafka.connect.data.Timestamp" => Unit::Millis,
        "io.debezium.time.MicroTimestamp" => Unit::Micros,
        "io.debezium.time.NanoTimestamp" => Unit::Nanos,
        _ => return None,
    })
}

fn scale_of(schema: &Value) -> Option<i64> {
    let scale = schema.pointer("/parameters/scale")?;
    scale.as_i64().or_else(|| scale.as_str()?.parse().ok())
}

fn by_option(value: &Value, field: Field) -> Result<Option<Value>, String> {
    match (field, value) {
        (Field::Time(unit), _) => in_unit(value, unit),
        (Field::Decimal(scale), _) => by_scale(value, Some(scale)),
        (Field::Json, Value::String(text)) => match serde_json::from_str(text) {
            Ok(parsed) => Ok(Some(parsed)),
            Err(error) => Err(format!("is no JSON: {error}")),
        },
        (Field::Hex, Value::String(text)) => match hex::decode(text) {
            Some(bytes) => Ok(Some(Value::Array(
                bytes.into_iter().map(Value::from).collect(),
            ))),
            None => Err("is not in hexadecimal digits".to_owned()),
        },
        _ => Ok(None),
    }
}

fn in_unit(value: &Value, unit: Unit) -> Result<Option<Value>, String> {
    match value.as_i64() {
        Some(count) => match unit.text(count).filter(|_| !INFINITE.contains(&count)) {
            Some(text) => Ok(Some(text.into())),
            None => Err(format!(
                "is {count}, which is infinite, or no date of the years 1 to 9999 or time of a day"
            )),
        },
        None => Ok(None),
    }
}

fn by_scale(value: &Value, scale: Option<i64>) -> Result<Option<Value>, String> {
    match (value, scale) {
        (Value::String(text), Some(scale)) => {
            match base64(text).and_then(|unscaled| decimal(&unscaled, scale)) {
                Some(text) => Ok(Some(text.into())),
                None => Err("is no encoded decimal: `decimal.handling.mode=string`".to_owned()),
            }
        }
        (Value::Number(number), _) if number.is_f64() => {
            let text = number.to_string();
            // A float keeps 15 digits of every decimal, and changes some longer ones.
            if text.bytes().filter(u8::is_ascii_digit).count() > 15 {
                return Err(format!(
                    "is the number {text}, which may have been rounded: \
                     `decimal.handling.mode=string`, or `decimal.format=BASE64`"
                ));
            }
            Ok(Some(text.into()))
        }
        (Value::Number(number), _) => Ok(Some(number.to_string().into())),
        _ => Ok(None),
    }
}
