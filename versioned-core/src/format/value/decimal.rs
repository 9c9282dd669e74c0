//! Decimals and whole numbers as bytes and as text.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

const LENIENT: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);

/// The longest number, in bytes. The conversion takes quadratic time.
const LONGEST: usize = 4096;

/// The largest scale. PostgreSQL's numbers have at most 16,383 digits after the point.
const LARGEST_SCALE: u64 = 20_000;

/// Decodes base64 of either alphabet, with or without padding.
pub(in crate::format) fn base64(text: &str) -> Option<Vec<u8>> {
    STANDARD
        .decode(text)
        .or_else(|_| URL_SAFE.decode(text))
        .ok()
}

/// Returns the text of a decimal: a number in two's complement, the highest byte first, divided by
/// ten to the power of the scale.
pub(in crate::format) fn decimal(unscaled: &[u8], scale: i64) -> Option<String> {
    if unscaled.is_empty() || unscaled.len() > LONGEST || scale.unsigned_abs() > LARGEST_SCALE {
        return None;
    }
    let is_negative = unscaled.first().is_some_and(|byte| byte & 0x80 != 0);
    let mut digits = digits(magnitude(unscaled, is_negative));
    let places = usize::try_from(scale.unsigned_abs()).ok()?;
    if scale < 0 && digits != "0" {
        digits.push_str(&"0".repeat(places));
    }
    if scale > 0 {
        if digits.len() <= places {
            digits.insert_str(0, &"0".repeat(places + 1 - digits.len()));
        }
        digits.insert(digits.len() - places, '.');
    }
    if is_negative {
        digits.insert(0, '-');
    }
    Some(digits)
}

fn magnitude(bytes: &[u8], is_negative: bool) -> Vec<u8> {
    if !is_negative {
        return bytes.to_vec();
    }
    let mut magnitude: Vec<u8> = bytes.iter().map(|byte| !byte).collect();
    for byte in magnitude.iter_mut().rev() {
        let (sum, is_carried) = byte.overflowing_add(1);
        *byte = sum;
        if !is_carried {
            break;
        }
    }
    magnitude
}

/// Returns the decimal digits of a number without a sign.
fn digits(mut number: Vec<u8>) -> String {
    const GROUP: u64 = 1_000_000_000;
    let mut groups = Vec::new();
    while number.iter().any(|byte| *byte != 0) {
        let mut rest = 0;
        for byte in &mut number {
            let value = (rest << 8) | u64::from(*byte);
            *byte = u8::try_from(value / GROUP).unwrap_or(u8::MAX);
            rest = value % GROUP;
        }
        groups.push(rest);
        let zeros = number.iter().take_while(|byte| **byte == 0).count();
        number.drain(..zeros);
    }
    let mut groups = groups.into_iter().rev();
    let first = groups.next().unwrap_or(0).to_string();
    let rest = groups.map(|group| format!("{group:09}"));
    [first].into_iter().chain(rest).collect()
}

/// Returns whether the text is a decimal, possibly with an exponent.
pub(super) fn is_decimal(text: &str) -> bool {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (digits, exponent) = match digits.split_once(['e', 'E']) {
        Some((digits, exponent)) => (digits, Some(exponent)),
        None => (digits, None),
    };
    let exponent = exponent.map(|text| text.strip_prefix(['-', '+']).unwrap_or(text));
    let (whole, fraction) = match digits.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (digits, None),
    };
    is_digits(whole) && fraction.is_none_or(is_digits) && exponent.is_none_or(is_digits)
}

pub(super) fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_in_bytes_are_exact() {
        for (bytes, scale, text) in [
            (&[0x04, 0xe2][..], 2, "12.50"),
            (&[0x0a], 2, "0.10"),
            (&[0x00], 2, "0.00"),
            (&[0x00], -3, "0"),
            (&[0x05], 0, "5"),
            (&[0x05], -3, "5000"),
            (&[0xff], 0, "-1"),
            (&[0xff], 2, "-0.01"),
            (&[0x80], 0, "-128"),
            (&[0x00, 0xff], 0, "255"),
            (&[0x80, 0, 0, 0, 0, 0, 0, 0], 0, "-9223372036854775808"),
            (&[0x7f; 16], 0, "169473963133173273960190490760135540607"),
            (&[0x01, 0, 0, 0, 0, 0, 0, 0, 0], 9, "18446744073.709551616"),
        ] {
            assert_eq!(decimal(bytes, scale).as_deref(), Some(text));
        }
        let billions = 1_000_000_000_000_000_007_u64.to_be_bytes();
        assert_eq!(decimal(&billions, 0).unwrap(), "1000000000000000007");
    }

    #[test]
    fn a_decimal_without_bytes_or_with_a_huge_scale_is_none() {
        assert_eq!(decimal(&[], 0), None);
        assert_eq!(decimal(&[1], i64::MIN), None);
        assert_eq!(decimal(&[1], 20_001), None);
        assert_eq!(decimal(&[1; 5000], 0), None);
    }

    #[test]
    fn base64_of_either_alphabet_is_decoded() {
        for text in ["+/8=", "+/8", "-_8=", "-_8"] {
            assert_eq!(base64(text), Some(vec![0xfb, 0xff]), "{text}");
        }
        assert_eq!(base64("a b"), None);
        assert_eq!(base64("+_8="), None);
    }

    #[test]
    fn decimals_are_told_from_other_text() {
        for text in ["0", "-1", "+1.50", "1e3", "1.5E-3", "007"] {
            assert!(is_decimal(text), "{text}");
        }
        for text in [
            "", "-", ".5", "1.", "1e", "NaN", "1,5", " 1", "0x1", "inf", "--1",
        ] {
            assert!(!is_decimal(text), "{text}");
        }
    }
}
