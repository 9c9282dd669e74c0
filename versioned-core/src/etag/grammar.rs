//! RFC 9110, 8.8.3 and 13.1.1: `"*" / #entity-tag`, and the tag of a version.
//!
//! ```text
//! entity-tag = [ weak ] opaque-tag
//! weak       = %s"W/"
//! opaque-tag = DQUOTE *etagc DQUOTE
//! etagc      = %x21 / %x23-7E / obs-text
//! #element   = [ element ] *( OWS "," OWS [ element ] )
//! ```

use std::fmt;

use crate::version::Token;

/// The tags of a header that can be versions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Tags {
    /// `*`
    Any,
    /// A list. It omits tags that are not versions, because they match nothing.
    List(Vec<Tag>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tag {
    weak: bool,
    version: Token,
}

impl Tags {
    /// Reads the value of a header.
    pub(super) fn parse(value: &[u8]) -> Result<Self, Fault> {
        let mut reader = Reader { value, at: 0 };
        reader.skip_space();
        if reader.take(b"*") {
            reader.skip_space();
            return match reader.peek() {
                None => Ok(Self::Any),
                Some(found) => Err(reader.fault(Expected::End, Some(found))),
            };
        }
        let mut tags = Vec::new();
        loop {
            reader.skip_space();
            match reader.peek() {
                None => return Ok(Self::List(tags)),
                Some(b',') => {}
                Some(_) => tags.extend(reader.tag()?),
            }
            reader.skip_space();
            match reader.peek() {
                None => return Ok(Self::List(tags)),
                Some(b',') => reader.at += 1,
                Some(found) => return Err(reader.fault(Expected::Comma, Some(found))),
            }
        }
    }

    /// Reads a value that is the tag of one version, strong or weak.
    pub(super) fn one(value: &[u8]) -> Result<Token, Fault> {
        let mut reader = Reader { value, at: 0 };
        reader.skip_space();
        let start = reader.at;
        let no_version = || Fault {
            at: start,
            expected: Expected::Version,
            found: value.get(start).copied(),
        };
        let tag = reader.tag().map_err(|fault| match fault.expected {
            Expected::Tag => no_version(),
            _ => fault,
        })?;
        reader.skip_space();
        match (tag, reader.peek()) {
            (_, Some(found)) => Err(reader.fault(Expected::Single, Some(found))),
            (Some(tag), None) => Ok(tag.version),
            (None, None) => Err(no_version()),
        }
    }

    /// The versions that match by strong comparison, or `None` for all.
    pub(super) fn strong(&self) -> Option<impl Iterator<Item = Token>> {
        match self {
            Self::Any => None,
            Self::List(tags) => Some(tags.iter().filter(|tag| !tag.weak).map(|tag| tag.version)),
        }
    }

    /// The versions that match by weak comparison, or `None` for all.
    pub(super) fn all(&self) -> Option<impl Iterator<Item = Token>> {
        match self {
            Self::Any => None,
            Self::List(tags) => Some(tags.iter().map(|tag| tag.version)),
        }
    }
}

/// The position of an error in a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) at: usize,
    pub(super) expected: Expected,
    /// `None` at the end of the value.
    pub(super) found: Option<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Expected {
    Tag,
    /// Of a weak tag.
    Quote,
    /// Of a tag that has begun.
    ClosingQuote,
    Comma,
    /// After `*`.
    End,
    /// After the only tag.
    Single,
    /// Where no other tag is of use.
    Version,
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tag => "a quoted tag or `*`",
            Self::Quote => "a quoted tag after `W/`",
            Self::ClosingQuote => "the closing quote of the tag",
            Self::Comma => "a comma after the tag",
            Self::End => "nothing after `*`",
            Self::Single => "nothing after the tag",
            Self::Version => "the tag of a version",
        })
    }
}

struct Reader<'a> {
    value: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a [u8] {
        self.value.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<u8> {
        self.rest().first().copied()
    }

    fn take(&mut self, word: &[u8]) -> bool {
        let there = self.rest().starts_with(word);
        if there {
            self.at += word.len();
        }
        there
    }

    fn skip_space(&mut self) {
        while let Some(b' ' | b'\t') = self.peek() {
            self.at += 1;
        }
    }

    fn fault(&self, expected: Expected, found: Option<u8>) -> Fault {
        Fault {
            at: self.at,
            expected,
            found,
        }
    }

    /// Reads one tag. Returns `None` if it is well-formed but not a version.
    fn tag(&mut self) -> Result<Option<Tag>, Fault> {
        let weak = self.take(b"W/");
        if !self.take(b"\"") {
            let expected = if weak { Expected::Quote } else { Expected::Tag };
            return Err(self.fault(expected, self.peek()));
        }
        let opaque = self.rest();
        let length = opaque
            .iter()
            .position(|byte| !matches!(byte, 0x21 | 0x23..=0x7E | 0x80..))
            .unwrap_or(opaque.len());
        self.at += length;
        if !self.take(b"\"") {
            return Err(self.fault(Expected::ClosingQuote, self.peek()));
        }
        let version = opaque.get(..length).and_then(version);
        Ok(version.map(|version| Tag { weak, version }))
    }
}

/// The text of a version's tag. Each kind of version has a different form, so that the text alone
/// identifies the kind.
pub(super) fn text(version: Token) -> String {
    match version {
        Token::Number(number) => number.to_string(),
        Token::Micros(micros) => {
            let (seconds, micros) = (micros.div_euclid(1_000_000), micros.rem_euclid(1_000_000));
            format!("{seconds}.{micros:06}")
        }
        Token::Nanos { seconds, nanos } => format!("{seconds}.{nanos:09}"),
        uuid @ Token::Uuid(_) => uuid.to_string(),
    }
}

/// The version with this text. `"07"` is not a version, because tags are compared byte by byte.
fn version(opaque: &[u8]) -> Option<Token> {
    let tag = std::str::from_utf8(opaque).ok()?;
    let version = number(tag).or_else(|| time(tag)).or_else(|| uuid(tag))?;
    (text(version) == tag).then_some(version)
}

fn number(tag: &str) -> Option<Token> {
    tag.parse().ok().map(Token::Number)
}

fn time(tag: &str) -> Option<Token> {
    let (seconds, rest) = tag.split_once('.')?;
    let seconds: i64 = seconds.parse().ok()?;
    if rest.len() == 6 {
        let micros = seconds.checked_mul(1_000_000)?;
        Some(Token::Micros(micros.checked_add(rest.parse().ok()?)?))
    } else {
        let nanos = rest.parse().ok()?;
        Some(Token::Nanos { seconds, nanos })
    }
}

fn uuid(tag: &str) -> Option<Token> {
    u128::from_str_radix(&tag.replace('-', ""), 16)
        .ok()
        .map(Token::Uuid)
}
