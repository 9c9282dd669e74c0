//! The errors of conditional requests.

use std::error::Error as StdError;
use std::fmt;

use http::{HeaderName, StatusCode};

use super::ETag;
use super::grammar::Fault;

/// The error of a header that is neither `*` nor a list of entity tags: 400.
///
/// ```
/// use http::{HeaderMap, HeaderValue, header};
/// use versioned_core::etag::IfMatch;
///
/// let mut headers = HeaderMap::new();
/// headers.insert(header::IF_MATCH, HeaderValue::from_static("\"7\", \"8"));
/// let malformed = IfMatch::from_headers(&headers).unwrap_err();
/// assert_eq!((malformed.header(), malformed.position()), (&header::IF_MATCH, 7));
/// assert_eq!(
///     malformed.to_string(),
///     "if-match is malformed at byte 7: expected the closing quote of the tag, found the end of the value",
/// );
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Malformed {
    header: HeaderName,
    fault: Fault,
}

impl Malformed {
    pub(super) fn new(header: &HeaderName, fault: Fault) -> Self {
        Self {
            header: header.clone(),
            fault,
        }
    }

    /// Returns the name of the header.
    ///
    /// ```
    /// # use versioned_core::etag::Malformed;
    /// fn is_if_match(malformed: &Malformed) -> bool {
    ///     malformed.header() == http::header::IF_MATCH
    /// }
    /// ```
    pub fn header(&self) -> &HeaderName {
        &self.header
    }

    /// Returns the position of the first wrong byte in the value. If the header has several lines,
    /// it is the position in all lines, joined by `, `.
    ///
    /// ```
    /// # use versioned_core::etag::Malformed;
    /// fn describe(malformed: &Malformed) -> String {
    ///     format!("look at byte {}", malformed.position())
    /// }
    /// ```
    pub fn position(&self) -> usize {
        self.fault.at
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Fault {
            at,
            expected,
            found,
        } = &self.fault;
        write!(
            f,
            "{} is malformed at byte {at}: expected {expected}, found ",
            self.header
        )?;
        match found {
            None => f.write_str("the end of the value"),
            Some(byte @ 0x20..=0x7E) => write!(f, "`{}`", char::from(*byte)),
            Some(byte) => write!(f, "the byte {byte:#04X}"),
        }
    }
}

impl StdError for Malformed {}

/// The error of a request whose `If-Match` is missing, malformed or does not match.
///
/// ```
/// use http::{HeaderMap, StatusCode};
/// use versioned_core::etag::{IfMatch, Precondition};
///
/// let refused = IfMatch::required(&HeaderMap::new()).unwrap_err();
/// assert_eq!(refused, Precondition::Missing);
/// assert_eq!(refused.status(), StatusCode::PRECONDITION_REQUIRED);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Precondition {
    /// The request has no `If-Match`: 428.
    Missing,
    /// The header cannot be read: 400.
    Malformed(Malformed),
    /// The record is at another version, which has this tag: 412.
    Failed(ETag),
}

impl Precondition {
    /// Returns 428, 400 or 412.
    ///
    /// ```
    /// # use http::{HeaderMap, StatusCode};
    /// # use versioned_core::etag::IfMatch;
    /// fn check(headers: &HeaderMap) -> Result<IfMatch, StatusCode> {
    ///     IfMatch::required(headers).map_err(|refused| refused.status())
    /// }
    /// ```
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Missing => StatusCode::PRECONDITION_REQUIRED,
            Self::Malformed(_) => StatusCode::BAD_REQUEST,
            Self::Failed(_) => StatusCode::PRECONDITION_FAILED,
        }
    }

    /// Returns the current tag of the record, if it is known.
    ///
    /// ```
    /// # use versioned_core::etag::Precondition;
    /// assert_eq!(Precondition::Missing.current(), None);
    /// ```
    pub fn current(&self) -> Option<ETag> {
        match self {
            Self::Failed(current) => Some(*current),
            Self::Missing | Self::Malformed(_) => None,
        }
    }
}

impl fmt::Display for Precondition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => {
                f.write_str("if-match is missing: send the ETag of the version to change")
            }
            Self::Malformed(malformed) => malformed.fmt(f),
            Self::Failed(current) => {
                write!(f, "if-match does not match the current version, {current}")
            }
        }
    }
}

impl StdError for Precondition {}

impl From<Malformed> for Precondition {
    fn from(malformed: Malformed) -> Self {
        Self::Malformed(malformed)
    }
}
