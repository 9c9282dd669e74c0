use http::header::{HeaderMap, HeaderValue, IF_MATCH, IF_NONE_MATCH};

use super::*;

mod schema {
    diesel::table! {
        records {
            id -> BigInt,
            version -> BigInt,
        }
    }
}

/// A model of any version type.
#[derive(Debug)]
struct Record<V>(V);

impl<V: Version + 'static> Versioned for Record<V> {
    type Table = schema::records::table;
    type KeyColumns = (schema::records::id,);
    type VersionColumn = schema::records::version;
    type Id = i64;
    type Version = V;
    type Static = Self;
    const TABLE: &'static str = "records";
    const ENTITY: &'static str = "records";

    fn id(&self) -> i64 {
        7
    }

    fn loaded(&self) -> &V {
        &self.0
    }

    fn set_version(&mut self, version: V) {
        self.0 = version;
    }

    fn key_parts(id: &i64, text: &mut crate::model::KeyText) {
        text.part(id.to_string());
    }
}

fn headers(name: &HeaderName, lines: &[&[u8]]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in lines {
        headers.append(name, HeaderValue::from_bytes(line).unwrap());
    }
    headers
}

fn if_match(value: &str) -> IfMatch {
    IfMatch::required(&headers(&IF_MATCH, &[value.as_bytes()])).unwrap()
}

fn known(value: &str) -> IfNoneMatch {
    let headers = headers(&IF_NONE_MATCH, &[value.as_bytes()]);
    IfNoneMatch::from_headers(&headers).unwrap().unwrap()
}

/// The tag of a version, and the version of its tag.
fn comes_back<V: Version + 'static>(version: V, tag: &str) {
    let value = HeaderValue::from(ETag::of(&Record(version.clone())));
    assert_eq!(value, tag);
    let headers = headers(&IF_MATCH, &[value.as_bytes()]);
    let if_match = IfMatch::required(&headers).unwrap();
    assert_eq!(if_match.version::<Record<V>>(), Some(version.clone()));
    assert_eq!(if_match.check(&Record(version)), Ok(()));
}

#[test]
fn each_version_comes_back_from_its_tag() {
    comes_back(7_i64, "\"7\"");
    comes_back(i64::MIN, "\"-9223372036854775808\"");
    comes_back(i64::MAX, "\"9223372036854775807\"");
    comes_back(7_i32, "\"7\"");
    comes_back(i16::MIN, "\"-32768\"");
}

#[cfg(feature = "uuid")]
#[test]
fn a_uuid_comes_back_from_its_tag() {
    let version = uuid::Uuid::from_u128(0x1234_5678_9abc_def0_1122_3344_5566_7788);
    comes_back(version, "\"12345678-9abc-def0-1122-334455667788\"");
    comes_back(
        uuid::Uuid::nil(),
        "\"00000000-0000-0000-0000-000000000000\"",
    );
}

#[cfg(feature = "chrono")]
#[test]
fn a_timestamp_of_chrono_comes_back_from_its_tag() {
    let at = |seconds, nanos| chrono::DateTime::from_timestamp(seconds, nanos).unwrap();
    comes_back(at(1_700_000_000, 123_456_000), "\"1700000000.123456\"");
    comes_back(at(1_700_000_000, 123_456_789), "\"1700000000.123456789\"");
    comes_back(at(-1, 999_999_000), "\"-1.999999\"");
    // A leap second.
    comes_back(
        at(1_483_228_799, 1_500_000_000),
        "\"1483228799.1500000000\"",
    );
    comes_back(
        at(1_483_228_799, 1_000_000_000),
        "\"1483228799.1000000000\"",
    );
    comes_back(at(0, 0).naive_utc(), "\"0.000000\"");
}

#[cfg(feature = "time")]
#[test]
fn a_timestamp_of_time_comes_back_from_its_tag() {
    let at = |nanos| time::OffsetDateTime::from_unix_timestamp_nanos(nanos).unwrap();
    comes_back(at(1_700_000_000_123_456_000), "\"1700000000.123456\"");
    comes_back(at(-1), "\"-1.999999999\"");
    let utc = time::PrimitiveDateTime::new(at(0).date(), at(0).time());
    comes_back(utc, "\"0.000000\"");
}

/// RFC 9110, 13.1.1 and 13.1.2, and other forms that its grammar allows.
#[test]
fn what_the_grammar_allows() {
    for value in [
        "\"xyzzy\"",
        "\"xyzzy\", \"r2d2xxxx\", \"c3piozzzz\"",
        "W/\"xyzzy\"",
        "W/\"xyzzy\", W/\"r2d2xxxx\", W/\"c3piozzzz\"",
        "*",
        " * ",
        "\"\"",
        "W/\"\"",
        // Commas, stars and backslashes are ordinary, and nothing is escaped.
        "\"a,b\"",
        "\"*\"",
        "\"\\\"",
        "\"!#$%&'()*+,-./:;<=>?@[]^_`{|}~\"",
        // Empty elements, and no element at all.
        "",
        ",",
        " , ,",
        "\"a\",",
        ",\"a\"",
        "\"a\",,\"b\"",
        "\"a\"\t,\t\"b\"  ",
    ] {
        for name in [IF_MATCH, IF_NONE_MATCH] {
            let headers = headers(&name, &[value.as_bytes()]);
            assert!(
                read(&headers, &name, Tags::parse).unwrap().is_some(),
                "{name}: {value}"
            );
        }
    }
    let obs_text: Vec<u8> = [b"\"".as_slice(), &[0x80, 0xC3, 0xFF], b"\", \"7\""].concat();
    let with_obs_text = IfMatch::required(&headers(&IF_MATCH, &[&obs_text])).unwrap();
    assert_eq!(with_obs_text.version::<Record<i64>>(), Some(7));
}

#[test]
fn what_the_grammar_refuses() {
    for (value, message) in [
        ("7", "0: expected a quoted tag or `*`, found `7`"),
        ("'7'", "0: expected a quoted tag or `*`, found `'`"),
        (
            "\"7",
            "2: expected the closing quote of the tag, found the end of the value",
        ),
        (
            "\"",
            "1: expected the closing quote of the tag, found the end of the value",
        ),
        (
            "\"a b\"",
            "2: expected the closing quote of the tag, found ` `",
        ),
        (
            "\"a\tb\"",
            "2: expected the closing quote of the tag, found the byte 0x09",
        ),
        (
            "\"7\" \"8\"",
            "4: expected a comma after the tag, found `\"`",
        ),
        ("\"7\"8", "3: expected a comma after the tag, found `8`"),
        ("\"a\\\"b\"", "4: expected a comma after the tag, found `b`"),
        ("\"7\", 8", "5: expected a quoted tag or `*`, found `8`"),
        ("\"7\", *", "5: expected a quoted tag or `*`, found `*`"),
        ("*, \"7\"", "1: expected nothing after `*`, found `,`"),
        ("**", "1: expected nothing after `*`, found `*`"),
        ("w/\"7\"", "0: expected a quoted tag or `*`, found `w`"),
        ("W/7", "2: expected a quoted tag after `W/`, found `7`"),
        (
            "W/",
            "2: expected a quoted tag after `W/`, found the end of the value",
        ),
        ("W /\"7\"", "0: expected a quoted tag or `*`, found `W`"),
        ("W/ \"7\"", "2: expected a quoted tag after `W/`, found ` `"),
        ("\"7\";", "3: expected a comma after the tag, found `;`"),
    ] {
        let refused = IfMatch::required(&headers(&IF_MATCH, &[value.as_bytes()])).unwrap_err();
        assert_eq!(refused.status(), StatusCode::BAD_REQUEST, "{value}");
        assert_eq!(
            refused.to_string(),
            format!("if-match is malformed at byte {message}")
        );
    }
    // No HTTP server lets this one through; the grammar does not either.
    assert_eq!(Tags::parse(b"\"\x7F\"").unwrap_err().at, 1);
}

#[test]
fn lines_are_one_list() {
    let lines = headers(&IF_MATCH, &[b"\"6\"", b"", b"W/\"8\", \"7\""]);
    let if_match = IfMatch::required(&lines).unwrap();
    for (version, there) in [(6, true), (7, true), (8, false)] {
        assert_eq!(if_match.check(&Record(version)).is_ok(), there, "{version}");
    }
    let torn = headers(&IF_MATCH, &[b"\"6", b"7\""]);
    // Joined it is `"6, 7"`, and no tag has a space.
    assert_eq!(IfMatch::from_headers(&torn).unwrap_err().position(), 3);
    let stars = headers(&IF_MATCH, &[b"*", b"*"]);
    assert_eq!(IfMatch::from_headers(&stars).unwrap_err().position(), 1);
}

#[test]
fn a_missing_header_is_no_malformed_one() {
    let none = HeaderMap::new();
    assert_eq!(IfMatch::from_headers(&none), Ok(None));
    assert_eq!(IfMatch::required(&none), Err(Precondition::Missing));
    assert_eq!(IfNoneMatch::from_headers(&none), Ok(None));
    // An empty list is there, and names nothing.
    assert_eq!(
        if_match("").check(&Record(7)).unwrap_err().current(),
        Some(ETag(7.into()))
    );
}

/// RFC 9110, 8.8.3.2: the table of strong and weak comparison.
#[test]
fn strong_and_weak_comparison() {
    for (theirs, version, strong, weak) in [
        ("W/\"1\"", 1, false, true),
        ("W/\"1\"", 2, false, false),
        ("\"1\"", 1, true, true),
        ("\"1\"", 2, false, false),
        ("*", 1, true, true),
    ] {
        let record = Record(version);
        assert_eq!(if_match(theirs).check(&record).is_ok(), strong, "{theirs}");
        assert_eq!(known(theirs).matches(&record), weak, "{theirs}");
    }
}

/// Tags are compared byte by byte, and a tag that is not a version matches nothing.
#[test]
fn other_tags_match_nothing() {
    for value in [
        "\"07\"",
        "\"+7\"",
        "\"-0\"",
        "\"7.0\"",
        "\"7.000000\"",
        "\"\"",
        "\"seven\"",
        "\"7-gzip\"",
        "\"9223372036854775808\"",
        "\"00000000-0000-0000-0000-000000000007\"",
        "\"0000\"",
        "\"7,7\"",
        "",
    ] {
        let if_match = if_match(value);
        let refused = if_match.check(&Record(7_i64)).unwrap_err();
        assert_eq!(refused, Precondition::Failed(ETag(7.into())), "{value}");
        assert_eq!(if_match.version::<Record<i64>>(), None, "{value}");
    }
    // A version of another type.
    assert_eq!(if_match("\"32768\"").version::<Record<i16>>(), None);
    #[cfg(feature = "uuid")]
    assert_eq!(
        if_match("\"12345678-9ABC-def0-1122-334455667788\"").version::<Record<uuid::Uuid>>(),
        None
    );
    #[cfg(feature = "chrono")]
    for value in [
        "\"1.5\"",
        "\"1.500000000\"",
        "\"1.+50000\"",
        "\"7\"",
        "\"9223372036854775807.000000\"",
    ] {
        let version = if_match(value).version::<Record<chrono::NaiveDateTime>>();
        assert_eq!(version, None, "{value}");
    }
}

#[test]
fn the_one_version_that_is_named() {
    for (value, version) in [
        ("\"7\"", Some(7)),
        ("\"7\", \"7\"", Some(7)),
        ("W/\"8\", \"7\", \"seven\"", Some(7)),
        ("\"7\", \"8\"", None),
        ("W/\"7\"", None),
        ("*", None),
        ("", None),
    ] {
        assert_eq!(if_match(value).version::<Record<i64>>(), version, "{value}");
    }
}

#[test]
fn one_version_is_read_from_a_header_of_choice() {
    const NAME: HeaderName = HeaderName::from_static("x-at-least");
    let read = |lines: &[&[u8]]| ETag::from_headers(&headers(&NAME, lines), &NAME);

    assert_eq!(read(&[]), Ok(None));
    for value in ["\"7\"", "W/\"7\"", " \"7\"\t"] {
        let tag = read(&[value.as_bytes()]).unwrap().unwrap();
        assert_eq!(tag, ETag::from(Token::Number(7)), "{value}");
        assert_eq!(tag.version::<Record<i64>>(), Some(7));
        assert_eq!(tag.version::<Record<i16>>(), Some(7));
    }
    // Neither another kind of version, nor a number that does not fit.
    let large = read(&[b"\"70000\""]).unwrap().unwrap();
    assert_eq!(large.version::<Record<i16>>(), None);
    let time = read(&[b"\"7.000000\""]).unwrap().unwrap();
    assert_eq!(time.version::<Record<i64>>(), None);

    for (lines, position, text) in [
        (
            &[&b""[..]][..],
            0,
            "the tag of a version, found the end of the value",
        ),
        (&[b"7"], 0, "the tag of a version, found `7`"),
        (&[b"*"], 0, "the tag of a version, found `*`"),
        (
            &[b"\"7"],
            2,
            "the closing quote of the tag, found the end of the value",
        ),
        (&[b" \"07\""], 1, "the tag of a version, found `\"`"),
        (&[b"\"7\", \"8\""], 3, "nothing after the tag, found `,`"),
        (&[b"\"7\"", b"\"8\""], 3, "nothing after the tag, found `,`"),
    ] {
        let malformed = read(lines).unwrap_err();
        assert_eq!(malformed.position(), position);
        let expected = format!("x-at-least is malformed at byte {position}: expected {text}");
        assert_eq!(malformed.to_string(), expected);
    }
}
