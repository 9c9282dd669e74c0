//! Conditional HTTP requests: a record's version as its `ETag`, and a client's `If-Match` as the
//! version to write against.
//!
//! HTTP (RFC 9110) has the same optimistic lock as this crate. The client receives the version with
//! the record and sends it back with its change. If another write was first, the server rejects the
//! change. The feature `http` provides this on the types of the `http` crate, for any server
//! framework.
//!
//! ```
//! # use diesel::connection::SimpleConnection;
//! # use diesel::prelude::*;
//! use http::{HeaderMap, StatusCode, header};
//! use versioned_core::etag::{self, ETag, IfMatch};
//! use versioned_core::prelude::*;
//! # diesel::table! { tickets { id -> BigInt, price -> BigInt, version -> BigInt, } }
//! # #[derive(Debug, Clone, Queryable, Selectable, Versioned)]
//! # #[diesel(table_name = tickets)]
//! # #[versioned(owner)]
//! # struct Ticket { id: i64, price: i64, version: i64 }
//!
//! // PUT /tickets/7
//! fn put(id: i64, price: i64, headers: &HeaderMap, conn: &mut SqliteConnection) -> Result<ETag, StatusCode> {
//!     let if_match = IfMatch::required(headers).map_err(|refused| refused.status())?; // 428 missing, 400 malformed
//!     let mut ticket = Ticket::find(&id, conn).map_err(|error| etag::status(&error))?; // 404
//!     if_match.check(&ticket).map_err(|refused| refused.status())?; // 412
//!     ticket.price = price;
//!     match ticket.save(conn) {
//!         Ok(change) => Ok(ETag::of(&change)),
//!         Err(error) => Err(if_match.status(&error)), // 412 if another write came after the check
//!     }
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let conn = &mut SqliteConnection::establish(":memory:")?;
//! # conn.batch_execute("CREATE TABLE tickets (id BIGINT PRIMARY KEY, price BIGINT NOT NULL, version BIGINT NOT NULL)")?;
//! # Ticket { id: 7, price: 20, version: 0 }.insert(conn)?;
//! let mut headers = HeaderMap::new();
//! assert_eq!(put(7, 25, &headers, conn), Err(StatusCode::PRECONDITION_REQUIRED));
//! headers.insert(header::IF_MATCH, ETag::of(&Ticket::find(&7, conn)?).into()); // If-Match: "1"
//! assert_eq!(put(7, 25, &headers, conn).map(|tag| tag.to_string()), Ok("\"2\"".into()));
//! assert_eq!(put(7, 30, &headers, conn), Err(StatusCode::PRECONDITION_FAILED));
//! # Ok(())
//! # }
//! ```
//!
//! The statuses and their sources:
//!
//! | status | cause | source |
//! | --- | --- | --- |
//! | 304 Not Modified | the client already has this version | [`IfNoneMatch::matches`] |
//! | 400 Bad Request | `If-Match` or `If-None-Match` is malformed | [`Malformed`] |
//! | 404 Not Found | the record does not exist, or was deleted | [`status`] |
//! | 409 Conflict | another write was first, and the client sent no version | [`status`] |
//! | 412 Precondition Failed | the record is at another version than the client sent | [`IfMatch::check`], [`IfMatch::status`] |
//! | 428 Precondition Required | `If-Match` is missing | [`IfMatch::required`] |

mod grammar;
mod refusal;
mod status;
mod tagged;

use std::fmt;

use http::StatusCode;
use http::header::{HeaderMap, HeaderName, HeaderValue, IF_MATCH, IF_NONE_MATCH};

use self::grammar::{Fault, Tags};
pub use self::refusal::{Malformed, Precondition};
pub use self::status::status;
pub use self::tagged::Tagged;
use crate::error::Error;
use crate::model::Versioned;
use crate::version::{Token, Version};

/// The strong entity tag of a version: `"7"`. It reads back as exactly this version.
///
/// ```
/// # use versioned_core::version::Token;
/// use http::HeaderValue;
/// use versioned_core::etag::ETag;
///
/// let tag = ETag::from(Token::Number(7));
/// assert_eq!(tag.to_string(), "\"7\"");
/// assert_eq!(HeaderValue::from(tag), "\"7\"");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ETag(Token);

impl ETag {
    /// Returns the tag of a record as it was loaded or written: of a model, a
    /// [`Tracked`](crate::Tracked) model or a [`Change`](crate::Change).
    ///
    /// ```
    /// # use diesel::prelude::*;
    /// # use versioned_core::prelude::*;
    /// # diesel::table! { tickets { id -> BigInt, price -> BigInt, version -> BigInt, } }
    /// # #[derive(Clone, Queryable, Selectable, Versioned)]
    /// # #[diesel(table_name = tickets)]
    /// # #[versioned(owner)]
    /// # struct Ticket { id: i64, price: i64, version: i64 }
    /// use versioned_core::etag::ETag;
    ///
    /// let ticket = Ticket { id: 1, price: 20, version: 7 };
    /// assert_eq!(ETag::of(&ticket).to_string(), "\"7\"");
    /// ```
    pub fn of<R: Tagged>(record: &R) -> Self {
        Self(record.token())
    }

    /// Reads the tag of one version from a header of your choice, with which a client says what it
    /// wrote or saw: see [`wait`](crate::wait). The tag may be weak. Returns `None` if the client
    /// sent no such header.
    ///
    /// ```
    /// use http::{HeaderMap, HeaderName, HeaderValue};
    /// use versioned_core::etag::ETag;
    ///
    /// const AT_LEAST: HeaderName = HeaderName::from_static("x-at-least");
    /// let mut headers = HeaderMap::new();
    /// assert_eq!(ETag::from_headers(&headers, &AT_LEAST)?, None);
    /// headers.insert(AT_LEAST, HeaderValue::from_static("\"7\""));
    /// let tag = ETag::from_headers(&headers, &AT_LEAST)?.expect("the client sent it");
    /// assert_eq!(tag.to_string(), "\"7\"");
    /// # Ok::<_, versioned_core::etag::Malformed>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Returns [`Malformed`] if the header is not exactly one tag of a version, for example `*`, a
    /// list, or the tag of another server.
    pub fn from_headers(headers: &HeaderMap, name: &HeaderName) -> Result<Option<Self>, Malformed> {
        read(headers, name, Tags::one).map(|version| version.map(Self))
    }

    /// Returns the version of `M` with this tag, or `None` if `M` has versions of another kind.
    ///
    /// ```
    /// # use diesel::prelude::*;
    /// # use versioned_core::prelude::*;
    /// # diesel::table! { tickets { id -> BigInt, price -> BigInt, version -> BigInt, } }
    /// # #[derive(Clone, Queryable, Selectable, Versioned)]
    /// # #[diesel(table_name = tickets)]
    /// # #[versioned(owner)]
    /// # struct Ticket { id: i64, price: i64, version: i64 }
    /// use versioned_core::etag::ETag;
    /// use versioned_core::version::Token;
    ///
    /// assert_eq!(ETag::from(Token::Number(7)).version::<Ticket>(), Some(7));
    /// assert_eq!(ETag::from(Token::Micros(7)).version::<Ticket>(), None);
    /// ```
    pub fn version<M: Versioned>(&self) -> Option<M::Version> {
        version_of::<M>(self.0)
    }
}

fn version_of<M: Versioned>(tag: Token) -> Option<M::Version> {
    M::Version::from_token(tag).filter(|version| version.token() == tag)
}

/// Converts the version that a conflict found, for a response that tells the client the current
/// tag.
///
/// ```
/// # use versioned_core::Conflict;
/// use versioned_core::etag::ETag;
///
/// fn current(conflict: &Conflict) -> Option<ETag> {
///     conflict.found().map(ETag::from)
/// }
/// ```
impl From<Token> for ETag {
    fn from(version: Token) -> Self {
        Self(version)
    }
}

impl fmt::Display for ETag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", grammar::text(self.0))
    }
}

impl From<ETag> for HeaderValue {
    fn from(tag: ETag) -> Self {
        match Self::try_from(tag.to_string()) {
            Ok(value) => value,
            Err(_) => unreachable!("a tag has only letters, digits, `-`, `.` and quotes"),
        }
    }
}

/// The header `If-Match`: the versions that a client is willing to change.
///
/// Tags are compared strongly, as RFC 9110 specifies for this header. A weak tag (`W/"7"`) never
/// matches, and neither does a tag that is not a version of this crate.
///
/// ```
/// use http::{HeaderMap, HeaderValue, header};
/// use versioned_core::etag::IfMatch;
///
/// let mut headers = HeaderMap::new();
/// assert_eq!(IfMatch::from_headers(&headers)?, None);
/// headers.insert(header::IF_MATCH, HeaderValue::from_static("\"7\", \"8\""));
/// assert!(IfMatch::from_headers(&headers)?.is_some());
/// # Ok::<_, versioned_core::etag::Malformed>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IfMatch(Tags);

impl IfMatch {
    /// Reads the header. Several lines form one list. Returns `None` if the client sent none.
    ///
    /// ```
    /// use http::{HeaderMap, HeaderValue, header};
    /// use versioned_core::etag::IfMatch;
    ///
    /// let mut headers = HeaderMap::new();
    /// headers.insert(header::IF_MATCH, HeaderValue::from_static("7"));
    /// let malformed = IfMatch::from_headers(&headers).unwrap_err();
    /// assert_eq!(malformed.to_string(), "if-match is malformed at byte 0: expected a quoted tag or `*`, found `7`");
    /// ```
    ///
    /// # Errors
    ///
    /// Returns [`Malformed`] if the header is neither `*` nor a list of entity tags.
    pub fn from_headers(headers: &HeaderMap) -> Result<Option<Self>, Malformed> {
        Ok(read(headers, &IF_MATCH, Tags::parse)?.map(Self))
    }

    /// Reads the header of a request that requires it.
    ///
    /// ```
    /// use http::{HeaderMap, StatusCode};
    /// use versioned_core::etag::IfMatch;
    ///
    /// let refused = IfMatch::required(&HeaderMap::new()).unwrap_err();
    /// assert_eq!(refused.status(), StatusCode::PRECONDITION_REQUIRED);
    /// ```
    ///
    /// # Errors
    ///
    /// Returns [`Precondition::Missing`] (428) if there is no header, and
    /// [`Precondition::Malformed`] (400) if it cannot be read.
    pub fn required(headers: &HeaderMap) -> Result<Self, Precondition> {
        Self::from_headers(headers)?.ok_or(Precondition::Missing)
    }

    /// Checks that a loaded record is at a version that the client sent. `*` matches every version.
    /// The `save` that follows is guarded as usual, so no write can come in between.
    ///
    /// ```
    /// # use diesel::prelude::*;
    /// # use versioned_core::prelude::*;
    /// # diesel::table! { tickets { id -> BigInt, price -> BigInt, version -> BigInt, } }
    /// # #[derive(Clone, Queryable, Selectable, Versioned)]
    /// # #[diesel(table_name = tickets)]
    /// # #[versioned(owner)]
    /// # struct Ticket { id: i64, price: i64, version: i64 }
    /// use http::{HeaderMap, HeaderValue, StatusCode, header};
    /// use versioned_core::etag::IfMatch;
    ///
    /// let mut headers = HeaderMap::new();
    /// headers.insert(header::IF_MATCH, HeaderValue::from_static("\"7\""));
    /// let if_match = IfMatch::required(&headers)?;
    /// assert!(if_match.check(&Ticket { id: 1, price: 20, version: 7 }).is_ok());
    /// let refused = if_match.check(&Ticket { id: 1, price: 20, version: 8 }).unwrap_err();
    /// assert_eq!(refused.status(), StatusCode::PRECONDITION_FAILED);
    /// # Ok::<_, versioned_core::etag::Precondition>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Returns [`Precondition::Failed`] (412) with the current tag of the record if no tag matches.
    pub fn check<R: Tagged>(&self, record: &R) -> Result<(), Precondition> {
        let current = record.token();
        if self
            .0
            .strong()
            .is_none_or(|mut tags| tags.any(|tag| tag == current))
        {
            Ok(())
        } else {
            Err(Precondition::Failed(ETag(current)))
        }
    }

    /// Returns the single version of `M` that the client sent, for
    /// [`Ticket::at(id, version)`](crate::prelude::OwnerDsl::at), which needs no load. Returns
    /// `None` if the client sent no version of `M`, several, or `*`. In that case load the record
    /// and [`check`](IfMatch::check) it.
    ///
    /// ```
    /// # use diesel::prelude::*;
    /// # use versioned_core::prelude::*;
    /// # diesel::table! { tickets { id -> BigInt, price -> BigInt, version -> BigInt, } }
    /// # #[derive(Clone, Queryable, Selectable, Versioned)]
    /// # #[diesel(table_name = tickets)]
    /// # #[versioned(owner)]
    /// # struct Ticket { id: i64, price: i64, version: i64 }
    /// use http::{HeaderMap, HeaderValue, header};
    /// use versioned_core::etag::IfMatch;
    ///
    /// let mut headers = HeaderMap::new();
    /// headers.insert(header::IF_MATCH, HeaderValue::from_static("\"7\""));
    /// assert_eq!(IfMatch::required(&headers)?.version::<Ticket>(), Some(7));
    /// headers.insert(header::IF_MATCH, HeaderValue::from_static("*"));
    /// assert_eq!(IfMatch::required(&headers)?.version::<Ticket>(), None);
    /// # Ok::<_, versioned_core::etag::Precondition>(())
    /// ```
    pub fn version<M: Versioned>(&self) -> Option<M::Version> {
        let mut versions = self.0.strong()?.filter_map(version_of::<M>);
        let first = versions.next()?;
        versions.all(|other| other == first).then_some(first)
    }

    /// Returns the status of a failed write that this header was sent with. It is the same as
    /// [`status`], except 412 for a record at another version than the client sent.
    ///
    /// ```
    /// use http::{HeaderMap, HeaderValue, StatusCode, header};
    /// use versioned_core::etag::IfMatch;
    ///
    /// let mut headers = HeaderMap::new();
    /// headers.insert(header::IF_MATCH, HeaderValue::from_static("\"7\""));
    /// let error = versioned_core::Error::NotFound { table: "tickets", id: "7".into() };
    /// assert_eq!(IfMatch::required(&headers)?.status(&error), StatusCode::NOT_FOUND);
    /// # Ok::<_, versioned_core::etag::Precondition>(())
    /// ```
    pub fn status(&self, error: &Error) -> StatusCode {
        if self.0 != Tags::Any && status::is_stale(error) {
            StatusCode::PRECONDITION_FAILED
        } else {
            status(error)
        }
    }
}

/// The header `If-None-Match` of a GET: the versions that a client already has.
///
/// Tags are compared weakly, as RFC 9110 specifies for this header. A weak tag matches like a
/// strong one, because caches and proxies weaken tags.
///
/// ```
/// # use diesel::prelude::*;
/// # use versioned_core::prelude::*;
/// # diesel::table! { tickets { id -> BigInt, price -> BigInt, version -> BigInt, } }
/// # #[derive(Clone, Queryable, Selectable, Versioned)]
/// # #[diesel(table_name = tickets)]
/// # #[versioned(owner)]
/// # struct Ticket { id: i64, price: i64, version: i64 }
/// use http::{HeaderMap, HeaderValue, header};
/// use versioned_core::etag::IfNoneMatch;
///
/// let mut headers = HeaderMap::new();
/// headers.insert(header::IF_NONE_MATCH, HeaderValue::from_static("W/\"7\""));
/// let known = IfNoneMatch::from_headers(&headers)?.expect("the client sent it");
/// assert!(known.matches(&Ticket { id: 1, price: 20, version: 7 })); // 304 Not Modified
/// assert!(!known.matches(&Ticket { id: 1, price: 20, version: 8 })); // 200, with the ticket
/// # Ok::<_, versioned_core::etag::Malformed>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IfNoneMatch(Tags);

impl IfNoneMatch {
    /// Reads the header. Several lines form one list. Returns `None` if the client sent none.
    ///
    /// ```
    /// use http::HeaderMap;
    /// use versioned_core::etag::IfNoneMatch;
    ///
    /// assert_eq!(IfNoneMatch::from_headers(&HeaderMap::new())?, None);
    /// # Ok::<_, versioned_core::etag::Malformed>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Returns [`Malformed`] if the header is neither `*` nor a list of entity tags.
    pub fn from_headers(headers: &HeaderMap) -> Result<Option<Self>, Malformed> {
        Ok(read(headers, &IF_NONE_MATCH, Tags::parse)?.map(Self))
    }

    /// Returns whether the client has this version of the record. If so, respond to its GET with
    /// 304. `*` matches every version.
    ///
    /// ```
    /// # use versioned_core::Versioned;
    /// use versioned_core::etag::IfNoneMatch;
    ///
    /// fn is_known<M: Versioned>(if_none_match: Option<&IfNoneMatch>, model: &M) -> bool {
    ///     if_none_match.is_some_and(|known| known.matches(model))
    /// }
    /// ```
    pub fn matches<R: Tagged>(&self, record: &R) -> bool {
        let current = record.token();
        self.0
            .all()
            .is_none_or(|mut tags| tags.any(|tag| tag == current))
    }
}

fn read<T>(
    headers: &HeaderMap,
    name: &HeaderName,
    parse: fn(&[u8]) -> Result<T, Fault>,
) -> Result<Option<T>, Malformed> {
    let mut lines = headers.get_all(name).iter();
    let Some(first) = lines.next() else {
        return Ok(None);
    };
    let mut value = first.as_bytes().to_vec();
    for line in lines {
        value.extend_from_slice(b", ");
        value.extend_from_slice(line.as_bytes());
    }
    parse(&value)
        .map(Some)
        .map_err(|fault| Malformed::new(name, fault))
}

#[cfg(test)]
mod tests;
