//! Kubernetes quantities (`250m`, `64Mi`), as far as two of them must be compared.

/// The number that a quantity stands for; `None` where it is none. Grammar: apimachinery `pkg/api/resource/quantity.go`.
pub fn parse(text: &str) -> Option<f64> {
    const SUFFIXES: [(&str, f64); 14] = [
        ("Ki", 1024.0),
        ("Mi", 1_048_576.0),
        ("Gi", 1_073_741_824.0),
        ("Ti", 1_099_511_627_776.0),
        ("Pi", 1_125_899_906_842_624.0),
        ("Ei", 1_152_921_504_606_846_976.0),
        ("n", 1e-9),
        ("u", 1e-6),
        ("m", 1e-3),
        ("k", 1e3),
        ("M", 1e6),
        ("G", 1e9),
        ("T", 1e12),
        ("P", 1e15),
    ];
    let (digits, factor) = SUFFIXES
        .iter()
        .find_map(|(suffix, factor)| Some((text.strip_suffix(suffix)?, *factor)))
        // `5E` is exa; an exponent (`5e3`) is the number's own.
        .or_else(|| Some((text.strip_suffix('E')?, 1e18)))
        .unwrap_or((text, 1.0));
    let is_number = digits.starts_with(|first: char| first.is_ascii_digit() || first == '.');
    let number: f64 = digits.parse().ok().filter(|_| is_number)?;
    (number.is_finite()).then_some(number * factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_quantity_is_none() {
        for text in ["", "m", "-1", "inf", "NaN", "1 Gi", "1GiB", "[redacted]"] {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn quantities_compare_by_their_value() {
        for (less, more) in [
            ("0", "1m"),
            ("999m", "1"),
            ("1", "64"),
            ("40Mi", "41943041"),
            ("1G", "1Gi"),
            ("1e3", "1001"),
            ("5P", "1E"),
            ("1.5Gi", "2Gi"),
        ] {
            assert!(parse(less).unwrap() < parse(more).unwrap(), "{less} {more}");
        }
    }
}
