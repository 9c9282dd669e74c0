//! UUID versions: each one is a new random UUID.

use super::{Token, Version};

/// A random version (v4). It also detects a row that was deleted and re-created under the same key.
/// A counter that restarts at 1 cannot.
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
