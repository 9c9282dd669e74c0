//! The binds of a row as JSON.
//!
//! Each value is decoded from the bytes that Diesel would send, by the type that Diesel names.
//! Every field that can be written can therefore be written as JSON, whatever its Rust type. JSON
//! preserves each of these types exactly. Integers are JSON numbers with all their digits, a double
//! is the shortest number that parses back to it, and every other value is the text that the
//! database parses into its column. Binary values have no text form.

use std::ffi::c_ulong;
use std::io::Write as _;
use std::mem::offset_of;

use diesel::mysql::data_types::MysqlTime;
use diesel::mysql::{Mysql, MysqlType};
use diesel::query_builder::QueryFragment;
use diesel::query_builder::bind_collector::RawBytesBindCollector;
use diesel::result::QueryResult;

use super::{JsonColumn, JsonTable};

/// Adds a row. Returns `false` if a value has no JSON form.
pub(super) fn push_row(row: &dyn QueryFragment<Mysql>, table: &mut JsonTable) -> QueryResult<bool> {
    let mut values = RawBytesBindCollector::<Mysql>::new();
    row.collect_binds(&mut values, &mut (), &Mysql)?;
    if table.columns.is_empty() {
        let columns: Option<Vec<_>> = values.metadata.iter().copied().map(column).collect();
        let Some(columns) = columns else {
            return Ok(false);
        };
        table.columns = columns;
    }
    for (place, (bytes, sql_type)) in values.binds.iter().zip(values.metadata).enumerate() {
        let text = table.value(place);
        let written = match bytes {
            Some(bytes) => json(bytes, sql_type, text),
            None => write!(text, "null").ok(),
        };
        if written.is_none() {
            return Ok(false);
        }
    }
    table.end_row();
    Ok(true)
}

fn column(sql_type: MysqlType) -> Option<JsonColumn> {
    use MysqlType as Type;
    match sql_type {
        Type::Tiny | Type::Short | Type::Long | Type::LongLong => Some(JsonColumn::Signed),
        Type::UnsignedTiny | Type::UnsignedShort | Type::UnsignedLong | Type::UnsignedLongLong => {
            Some(JsonColumn::Unsigned)
        }
        Type::Float | Type::Double => Some(JsonColumn::Double),
        Type::String
        | Type::Numeric
        | Type::Date
        | Type::Time
        | Type::DateTime
        | Type::Timestamp => Some(JsonColumn::Text),
        _ => None,
    }
}

/// Writes a value as JSON. Like the client library, reads a number from the first bytes only,
/// because Diesel sends four bytes for a `bool`.
fn json(bytes: &[u8], sql_type: MysqlType, text: &mut Vec<u8>) -> Option<()> {
    use MysqlType as Type;
    macro_rules! number {
        ($number:ty) => {
            write!(text, "{}", <$number>::from_ne_bytes(*bytes.first_chunk()?)).ok()
        };
    }
    match sql_type {
        Type::Tiny => number!(i8),
        Type::Short => number!(i16),
        Type::Long => number!(i32),
        Type::LongLong => number!(i64),
        Type::UnsignedTiny => number!(u8),
        Type::UnsignedShort => number!(u16),
        Type::UnsignedLong => number!(u32),
        Type::UnsignedLongLong => number!(u64),
        Type::Float => finite(f32::from_ne_bytes(*bytes.first_chunk()?).into(), text),
        Type::Double => finite(f64::from_ne_bytes(*bytes.first_chunk()?), text),
        Type::String | Type::Numeric => quoted(std::str::from_utf8(bytes).ok()?, text),
        Type::Date => quoted(&Time(bytes).date()?, text),
        Type::Time => quoted(&Time(bytes).time()?, text),
        Type::DateTime | Type::Timestamp => quoted(&Time(bytes).date_and_time()?, text),
        _ => None,
    }
}

fn finite(number: f64, text: &mut Vec<u8>) -> Option<()> {
    number.is_finite().then_some(())?;
    write!(text, "{number:?}").ok()
}

fn quoted(value: &str, text: &mut Vec<u8>) -> Option<()> {
    serde_json::to_writer(text, value).ok()
}

/// The bytes of a `MysqlTime`.
struct Time<'a>(&'a [u8]);

impl Time<'_> {
    fn field<const N: usize>(&self, offset: usize) -> Option<[u8; N]> {
        self.0.get(offset..)?.first_chunk().copied()
    }

    fn number(&self, offset: usize) -> Option<u32> {
        self.field(offset).map(u32::from_ne_bytes)
    }

    fn date(&self) -> Option<String> {
        let year = self.number(offset_of!(MysqlTime, year))?;
        let month = self.number(offset_of!(MysqlTime, month))?;
        let day = self.number(offset_of!(MysqlTime, day))?;
        Some(format!("{year:04}-{month:02}-{day:02}"))
    }

    /// The hours of a time may exceed a day.
    fn time(&self) -> Option<String> {
        let days = self.number(offset_of!(MysqlTime, day))?;
        self.clock(days.checked_mul(24)?)
    }

    fn clock(&self, hours: u32) -> Option<String> {
        let sign = match self.field(offset_of!(MysqlTime, neg))? {
            [0] => "",
            _ => "-",
        };
        let hour = hours.checked_add(self.number(offset_of!(MysqlTime, hour))?)?;
        let minute = self.number(offset_of!(MysqlTime, minute))?;
        let second = self.number(offset_of!(MysqlTime, second))?;
        let micros = c_ulong::from_ne_bytes(self.field(offset_of!(MysqlTime, second_part))?);
        Some(format!(
            "{sign}{hour:02}:{minute:02}:{second:02}.{micros:06}"
        ))
    }

    fn date_and_time(&self) -> Option<String> {
        Some(format!("{} {}", self.date()?, self.clock(0)?))
    }
}
