//! `uuid::Uuid`: each version is a new random one.

use super::{Token, Version};

/// A random version (v4): it also catches a row that was deleted and made again under the same key, which a counter
/// that starts at 1 again cannot tell from the row that it knew.
impl Version for uuid::Uuid {
    fn initial() -> Self {
        Self::new_v4()
    }

    fn next(&self) -> Option<Self> {
        Some(Self::new_v4())
    }

    fn token(&self) -> Token {
        Token::Uuid(self.as_u128())
    }

    fn from_token(token: Token) -> Option<Self> {
        match token {
            Token::Uuid(bits) => Some(Self::from_u128(bits)),
            _ => None,
        }
    }
}
