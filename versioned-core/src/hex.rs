//! Bytes as hexadecimal digits.

/// Returns the digits of bytes, in lower case.
#[cfg(feature = "formats")]
pub(crate) fn encode(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from_digit(nibble.into(), 16).unwrap_or('0');
    let pairs = bytes.iter().map(|byte| [byte >> 4, byte & 15]);
    pairs.flatten().map(digit).collect()
}

/// Returns the bytes of digits, two for each.
pub(crate) fn decode(digits: &str) -> Option<Vec<u8>> {
    let digits: Vec<u32> = digits
        .chars()
        .map(|digit| digit.to_digit(16))
        .collect::<Option<_>>()?;
    let byte = |pair: &[u32]| match pair {
        [high, low] => u8::try_from(high * 16 + low).ok(),
        _ => None,
    };
    digits.chunks(2).map(byte).collect()
}

#[cfg(all(test, feature = "formats"))]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_back_from_their_digits() {
        for bytes in [&[][..], &[0], &[0, 16, 255]] {
            assert_eq!(decode(&encode(bytes)).as_deref(), Some(bytes));
        }
        assert_eq!(encode(&[10, 255]), "0aff");
        assert_eq!(decode("0AfF"), Some(vec![10, 255]));
        assert_eq!(decode("0"), None);
        assert_eq!(decode("0g"), None);
    }
}
