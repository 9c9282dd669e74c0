//! What a client may send in `If-Match`, at random.

use http::header::{ETAG, HeaderMap, HeaderValue, IF_MATCH, IF_NONE_MATCH};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use versioned_core::etag::{ETag, IfMatch, IfNoneMatch, Precondition};
use versioned_core::prelude::*;
use versioned_core::version::{Token, Version};
use versioned_tests::random;

diesel::table! {
    numbers {
        id -> BigInt,
        version -> BigInt,
    }
}

diesel::table! {
    times {
        id -> BigInt,
        version -> Timestamp,
    }
}

diesel::table! {
    uuids {
        id -> BigInt,
        version -> Binary,
    }
}

#[derive(Debug, Versioned)]
#[diesel(table_name = numbers)]
#[versioned(owner)]
struct Number {
    id: i64,
    version: i64,
}

#[derive(Debug, Clone, PartialEq, versioned_core::SequentialVersion)]
struct Rev(i16);

#[derive(Debug, Versioned)]
#[diesel(table_name = numbers)]
#[versioned(owner)]
struct Newtype {
    id: i64,
    version: Rev,
}

#[derive(Debug, Versioned)]
#[diesel(table_name = times)]
#[versioned(owner)]
struct Time {
    id: i64,
    version: chrono::NaiveDateTime,
}

#[derive(Debug, Versioned)]
#[diesel(table_name = uuids)]
#[versioned(owner)]
struct Uuid {
    id: i64,
    version: uuid::Uuid,
}

fn number(version: i64) -> Number {
    Number { id: 1, version }
}

/// The value, sent as so many lines.
fn if_match(lines: &[&[u8]]) -> Result<IfMatch, Precondition> {
    let mut headers = HeaderMap::new();
    for line in lines {
        headers.append(IF_MATCH, HeaderValue::from_bytes(line).unwrap());
    }
    IfMatch::required(&headers)
}

/// An independent reading of the grammar: the opaque tags, by a walk over the characters.
fn reference(value: &[u8]) -> Option<Vec<(bool, Vec<u8>)>> {
    let mut tags = Vec::new();
    let mut rest = value;
    let trim = |text: &mut &[u8]| *text = text.trim_ascii_start();
    loop {
        trim(&mut rest);
        let weak = rest.starts_with(b"W/");
        if weak {
            rest = &rest[2..];
        }
        if rest.first() == Some(&b'"') {
            let end = rest[1..].iter().position(|byte| *byte == b'"')?;
            let opaque = &rest[1..=end];
            if opaque.iter().any(|byte| *byte <= 0x20 || *byte == 0x7F) {
                return None;
            }
            tags.push((weak, opaque.to_vec()));
            rest = &rest[end + 2..];
        } else if weak {
            return None;
        }
        trim(&mut rest);
        match rest.first() {
            None => return Some(tags),
            Some(b',') => rest = &rest[1..],
            Some(_) => return None,
        }
    }
}

/// The number that an opaque tag spells: as it is printed, and in no other way.
fn version(opaque: &[u8]) -> Option<i64> {
    let number: i64 = std::str::from_utf8(opaque).ok()?.parse().ok()?;
    (number.to_string().as_bytes() == opaque).then_some(number)
}

/// What may stand in a header's value, with a preference for what means something in this one.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![
        4 => prop::sample::select(b"\"\"\",,W/* \t70-".to_vec()),
        1 => prop_oneof![0x20..=0x7E_u8, 0x80..=0xFF_u8],
    ];
    prop::collection::vec(byte, 0..24)
}

/// A list, as a client may write it, and its tags.
fn list() -> impl Strategy<Value = (Vec<u8>, Vec<(bool, i64)>)> {
    let space = || prop::sample::select(vec!["", " ", "\t", " \t "]);
    let element = prop_oneof![
        1 => Just(None),
        4 => (any::<bool>(), -2..3_i64).prop_map(Some),
    ];
    prop::collection::vec((space(), element, space()), 0..6).prop_map(|elements| {
        let text = elements
            .iter()
            .map(|(before, element, after)| {
                let tag = element.map_or(String::new(), |(weak, version)| {
                    format!("{}\"{version}\"", if weak { "W/" } else { "" })
                });
                format!("{before}{tag}{after}")
            })
            .collect::<Vec<_>>()
            .join(",");
        let tags = elements.into_iter().filter_map(|(_, tag, _)| tag);
        (text.into_bytes(), tags.collect())
    })
}

/// A version goes out as an `ETag` and comes back in an `If-Match`; its neighbour does not match.
fn comes_back<M: versioned_core::Versioned>(model: &M, other: &M) {
    let mut headers = HeaderMap::new();
    headers.insert(ETAG, ETag::of(model).into());
    let tag = headers[ETAG].clone();
    let text = tag.to_str().unwrap();
    assert!(text.len() > 2 && text.starts_with('"') && text.ends_with('"'));
    let if_match = if_match(&[tag.as_bytes()]).unwrap();
    assert_eq!(if_match.version::<M>(), Some(model.version()));
    assert_eq!(if_match.check(model), Ok(()));
    assert_eq!(
        if_match.check(other).is_ok(),
        model.version() == other.version()
    );
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        cases: random::cases(2_000),
        rng_seed: RngSeed::Fixed(random::seed()),
        ..ProptestConfig::default()
    })]

    /// Nothing that can arrive makes it panic, and it understands what the reference does.
    #[test]
    fn any_value_is_read_as_the_grammar_says(value in bytes()) {
        match (if_match(&[&value]), reference(&value)) {
            (Ok(read), Some(tags)) => {
                let strong = tags.iter().filter(|(weak, _)| !weak);
                let versions: Vec<i64> = strong.filter_map(|(_, opaque)| version(opaque)).collect();
                prop_assert_eq!(read.check(&number(7)).is_ok(), versions.contains(&7));
                let one = versions.first().filter(|first| versions.iter().all(|other| other == *first));
                prop_assert_eq!(read.version::<Number>(), one.copied());
            }
            (Ok(read), None) => {
                prop_assert_eq!(value.trim_ascii(), b"*");
                prop_assert!(read.check(&number(7)).is_ok());
            }
            (Err(Precondition::Malformed(malformed)), tags) => {
                prop_assert_eq!(tags, None);
                prop_assert!(malformed.position() <= value.len());
                prop_assert!(malformed.to_string().starts_with("if-match is malformed at byte "));
            }
            (Err(other), _) => prop_assert!(false, "{other:?}"),
        }
    }

    #[test]
    fn a_list_matches_what_it_names((value, tags) in list(), version in -2..3_i64) {
        let strong: Vec<i64> = tags.iter().filter(|(weak, _)| !weak).map(|(_, version)| *version).collect();
        let read = if_match(&[&value]).unwrap();
        let current = number(version);
        prop_assert_eq!(read.check(&current).is_ok(), strong.contains(&version));
        let one = strong.first().filter(|first| strong.iter().all(|other| other == *first));
        prop_assert_eq!(read.version::<Number>(), one.copied());

        let mut headers = HeaderMap::new();
        headers.insert(IF_NONE_MATCH, HeaderValue::from_bytes(&value).unwrap());
        let known = IfNoneMatch::from_headers(&headers).unwrap().unwrap();
        prop_assert_eq!(known.matches(&current), tags.iter().any(|(_, known)| *known == version));
    }

    /// In several lines it is the same list.
    #[test]
    fn lines_are_joined((first, _) in list(), (second, _) in list()) {
        let joined = [&first[..], b", ", &second].concat();
        prop_assert_eq!(if_match(&[&first, &second]).unwrap(), if_match(&[&joined]).unwrap());
    }

    #[test]
    fn counters_come_back(version in any::<i64>(), other in any::<i64>()) {
        comes_back(&number(version), &number(other));
        comes_back(&number(version), &number(version));
    }

    #[test]
    fn newtypes_come_back(version in any::<i16>(), other in any::<i16>()) {
        comes_back(&Newtype { id: 1, version: Rev(version) }, &Newtype { id: 1, version: Rev(other) });
    }

    #[test]
    fn timestamps_come_back(
        seconds in -100_000_000_000..100_000_000_000_i64,
        nanos in prop_oneof![Just(0), (0..1_000_000_u32).prop_map(|micros| micros * 1_000), 0..1_000_000_000_u32],
    ) {
        let at = |nanos| chrono::DateTime::from_timestamp(seconds, nanos).unwrap().naive_utc();
        let time = Time { id: 1, version: at(nanos) };
        comes_back(&time, &Time { id: 1, version: at((nanos + 1) % 1_000_000_000) });
        let same = <time::OffsetDateTime as Version>::from_token(time.version.token()).unwrap();
        prop_assert_eq!(same.token(), time.version.token());
    }

    #[test]
    fn uuids_come_back(version in any::<u128>(), other in any::<u128>()) {
        let of = |bits| Uuid { id: 1, version: uuid::Uuid::from_u128(bits) };
        comes_back(&of(version), &of(other));
        // They are told apart from a counter by their looks.
        let tag = ETag::from(Token::Uuid(version)).to_string();
        prop_assert_eq!(if_match(&[tag.as_bytes()]).unwrap().version::<Number>(), None);
    }
}
