//! Which texts Kubernetes takes for names: nothing else may reach PromQL, an API path or a log line.
//! Rules: Kubernetes `staging/src/k8s.io/apimachinery/pkg/util/validation/validation.go` (`IsDNS1123Label`, `IsDNS1123Subdomain`).

/// A namespace's name: an RFC 1123 label, at most 63 bytes.
pub(super) fn is_namespace(text: &str) -> bool {
    text.len() <= 63 && is_label(text)
}

/// The name of a pod or a workload: an RFC 1123 subdomain, at most 253 bytes.
pub(super) fn is_object(text: &str) -> bool {
    text.len() <= 253 && text.split('.').all(is_label)
}

/// A uid: a UUID, or for a static pod a hash; at most 63 bytes of `[0-9A-Za-z-]`.
pub(super) fn is_uid(text: &str) -> bool {
    (1..=63).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// A fingerprint of Alertmanager: 16 hexadecimal digits; up to 64, should its hash grow.
pub(super) fn is_fingerprint(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn is_label(text: &str) -> bool {
    let alphanumeric = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    text.as_bytes().first().is_some_and(alphanumeric)
        && text.as_bytes().last().is_some_and(alphanumeric)
        && text.bytes().all(|byte| alphanumeric(&byte) || byte == b'-')
}

/// `alertname`, fit for a log line and a record: no control characters, nothing that turns text around or hides it; at most 256 bytes.
pub(super) fn clean_alert_name(text: &str) -> String {
    const LIMIT: usize = 256;
    const UNNAMED: &str = "(unnamed)";
    let visible: String = text
        .chars()
        .filter(|character| is_plain(*character))
        .collect();
    match visible.trim() {
        "" => UNNAMED.to_owned(),
        name => crate::domain::text::truncate(name, LIMIT),
    }
}

/// Not a control character (C0, C1), a line or paragraph separator, or a format character that hides or reorders text (Unicode 15, section 23.2).
fn is_plain(character: char) -> bool {
    !character.is_control()
        && !matches!(
            character,
            '\u{00AD}'
                | '\u{061C}'
                | '\u{180E}'
                | '\u{200B}'..='\u{200F}'
                | '\u{2028}'..='\u{202E}'
                | '\u{2060}'..='\u{206F}'
                | '\u{FEFF}'
                | '\u{FFF9}'..='\u{FFFB}'
                | '\u{E0000}'..='\u{E007F}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_kubernetes_would_refuse_is_refused() {
        for text in [
            "", "-a", "a-", ".a", "a.", "a..b", "A", "a_b", "a b", "a/b", "a\"b", "a\nb", "a{b}",
            "ä", "..", "a.-b",
        ] {
            assert!(!is_object(text), "{text:?}");
        }
        assert!(!is_object(&"a".repeat(254)));
        assert!(!is_namespace("a.b"));
        assert!(!is_namespace(&"a".repeat(64)));
        assert!(!is_uid("") && !is_uid("a\"b") && !is_uid(&"a".repeat(64)));
        assert!(!is_fingerprint("") && !is_fingerprint("xyz") && !is_fingerprint(&"a".repeat(65)));
    }

    #[test]
    fn real_names_are_taken() {
        for text in ["lab30-web-766bcf59fb-mdtpb", "0", "a.b-c.d", "1password"] {
            assert!(is_object(text), "{text}");
        }
        assert!(is_namespace("lab30"));
        assert!(is_uid("cc63c394-a435-41ff-8723-5118f7b318d7"));
        assert!(is_fingerprint("7fbbdec68edf26a8"));
    }

    #[test]
    fn an_alert_name_can_not_fool_a_terminal() {
        assert_eq!(
            clean_alert_name("Bad\u{1b}[31m\nName\u{202e}"),
            "Bad[31mName"
        );
        assert_eq!(clean_alert_name("\n\u{200b}"), "(unnamed)");
        assert_eq!(clean_alert_name(""), "(unnamed)");
        let long = clean_alert_name(&"ä".repeat(400));
        assert!(long.len() <= 256 && long.ends_with('…'));
    }
}
