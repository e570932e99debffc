#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use super::*;
use proptest::prelude::*;
use std::fmt::Write as _;

/// Every way in which programs write secrets; `{}` is where the canary stands.
const PLANTED: &[&str] = &[
    "Authorization: Bearer {}",
    "authorization=Basic {} rest",
    r#"{"Authorization":"Bearer {}"}"#,
    "Authorization: AWS4-HMAC-SHA256 Credential={}/20260101, SignedHeaders=host, Signature={}",
    "sent bearer {} to the server",
    "Cookie: session={}; csrf={}",
    "password={}",
    "DB_PASSWORD={} DB_HOST=db",
    "REDIS_PASSWD: {}",
    "password: \"{}\"",
    "password = '{}'",
    r#"{"password":"{}","user":"web"}"#,
    r#"{"db":{"clientSecret" : "{}"}}"#,
    r#"{\"token\":\"{}\"}"#,
    r#"{"credentials":{"user": "web", "key": "{}"}}"#,
    "{'api_key': '{}'}",
    "config{Name:web ApiKey:{} Port:1}",
    ":secret_key_base=>\"{}\"",
    "X-Api-Key: {}",
    "aws_secret_access_key={}",
    "AccountKey={};EndpointSuffix=core.windows.net",
    "Server=db;User Id=web;Password={};",
    "Server=db;User Id=web;Pwd={}",
    "host=db user=web password={} sslmode=disable",
    "GET /v1?access_token={}&page=2",
    "GET /v1?page=2&sig={}",
    "redis-server --requirepass {} --port 6379",
    r#"args: ["--requirepass", "{}"]"#,
    "mysql --password {}",
    "requirepass {}",
    "{Name:DB_PASSWORD Value:{} ValueFrom:nil}",
    r#"{"name":"API_TOKEN","value":"{}"}"#,
    "<password>{}</password>",
    "wrong password \"{}\"",
    "postgres://web:{}@db:5432/web",
    "postgres://web:p@{}@db/web",
    "redis://:{}@redis:6379/0",
    "https://{}@github.com/acme/web.git",
    "amqp://web:a/{}@rabbit",
    "web:{}@tcp(db:3306)/web",
    "-----BEGIN RSA PRIVATE KEY----- {} -----END RSA PRIVATE KEY-----",
    "-----BEGIN PRIVATE KEY-----\n{}\n",
    "pass\u{200b}word={}",
    "pass\u{1b}[0mword={}",
    "pass\u{0}word={}",
    "private_key: {}",
    "PASSPHRASE={}",
    "my-private-token : {}",
    "secret/db:password={}",
    "token: [{}]",
    "token: {a: {}}",
];

/// Secrets that must be known by their shape alone.
const SHAPES: &[&str] = &[
    "AKIAIOSFODNN7EXAMPLE",
    "ghp_aB3dE6gH9jK2mN5pQ8sT1vW4yZ7bC0dE3fG6",
    "xoxb-123456789012-abcdefABCDEF",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U",
    "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    "q83vEjRWeJCrze8BI0VniavN7wEjRWeJ",
    "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "d41d8cd98f00b204e9800998ecf8427e",
    "sk-proj1234567890abcdefghij",
    "QWxhZGRpbjpvcGVuIHNlc2FtZSBhbmQgbW9yZQ==",
    "hSnkQvTzLwPbXcRmGdFyJaKe",
];

/// What a diagnosis needs as it is.
const NEEDED: &[&str] = &[
    r#"Failed to pull image "ghcr.io/vlrrbn/lab30-web-metrics:does-not-exist": rpc error: code = NotFound desc = failed to pull and unpack image "ghcr.io/vlrrbn/lab30-web-metrics:does-not-exist": failed to resolve reference "ghcr.io/vlrrbn/lab30-web-metrics:does-not-exist": ghcr.io/vlrrbn/lab30-web-metrics:does-not-exist: not found"#,
    r#"Back-off pulling image "private.example.com:5000/acme/web:1.2": ErrImagePull: not here"#,
    r#"Failed to pull image "acme/token-service": rpc error: code = NotFound desc = no"#,
    "ghcr.io/acme/token-service:nope: not found",
    "acme/secret-manager:v1.2.3",
    "docker.io/library/redis@sha256:10944d13bf0f506e7a8e0b78590efeaf497a6640c3689bd93f740c7361e01d5e",
    "web:1.2@sha256:10944d13bf0f506e7a8e0b78590efeaf497a6640c3689bd93f740c7361e01d5e",
    "docker-pullable://redis@sha256:10944d13bf0f506e7a8e0b78590efeaf497a6640c3689bd93f740c7361e01d5e",
    r#"image "web:3f786850e387550fdab836ed7e6dc881de23001b""#,
    "127.0.0.1:5000/acme/web:3f786850e387550fdab836ed7e6dc881de23001b",
    "containerd://b7f63216019ee56479c6b89c13204855a1946406ab43a3bebea4b0d85b9f0a89",
    "back-off 1m20s restarting failed container=app pod=bad-args-5d79c9d97c-x4hg4_faults(6ff91bfe-1f5e-47fb-9718-f325d926ff4c)",
    "lab30-web-metrics-frontend-6d865f46c5-gr48h",
    "pvc-6ff91bfe-1f5e-47fb-9718-f325d926ff4c",
    r#"MountVolume.SetUp failed for volume "db-secret" : secret "db-secret" not found"#,
    r#"configmap "no-such-config" not found"#,
    "couldn't find key password in Secret faults/db-credentials",
    "failed to authorize: failed to fetch anonymous token: unexpected status from GET request to https://ghcr.io/token: 403 Forbidden",
    "pull access denied, repository does not exist or may require authorization: server message: insufficient_scope: authorization failed",
    "no basic auth credentials",
    "/bin/entrypoint.sh: exec: line 5: 9090: not found",
    r#"Traceback: invalid REDIS_PORT "not-a-number": strconv.Atoi: parsing "not-a-number": invalid syntax"#,
    "at org.springframework.boot.SpringApplicationContextInitializer.run(SpringApplication.java:1234)",
    "/usr/lib/x86_64-linux-gnu/libstdc++.so.6.0.30",
    "/opt/App2/node_modules/express/lib/Router2.js",
    r#"exec: "/no/such/program": stat /no/such/program: no such file or directory: unknown"#,
    "MY_VERY_LONG_ENVIRONMENT_VARIABLE_NAME_2 is not a number",
    "DB_PASSWORD: not set",
    "2026-11-23T04:10:30.123456Z starting",
    r#"failed to do request: Head "https://registry.invalid/v2/web/manifests/1": dial tcp: lookup registry.invalid on 10.96.0.10:53: no such host"#,
];

#[test]
fn a_planted_secret_never_survives() {
    for planted in PLANTED {
        for canary in [
            "canary7Qx",
            "canary-is-long-4711",
            "C4nary.Value_x9Zq2Lm8Rt5Wv1",
        ] {
            let text = planted.replace("{}", canary);
            for text in [text.clone(), format!("{}{text} tail", "word ".repeat(1630))] {
                let safe = safe(&text, 1024 * 1024);
                assert!(!safe.contains(canary), "{text}\n  -> {safe}");
                assert!(!safe.contains("nary"), "{text}\n  -> {safe}");
            }
        }
    }
}

#[test]
fn a_secret_is_known_by_its_shape() {
    for shape in SHAPES {
        for text in [
            (*shape).to_owned(),
            format!("key={shape}, then"),
            format!("got \"{shape}\" there"),
        ] {
            assert!(
                !redact(&text).contains(shape),
                "{text} -> {}",
                redact(&text)
            );
        }
    }
}

#[test]
fn what_a_diagnosis_needs_stays_as_it_is() {
    for needed in NEEDED {
        assert_eq!(safe(needed, 4096), *needed);
    }
}

#[test]
fn every_message_and_log_line_of_the_lab_stays_as_it_is() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/faults");
    for entry in std::fs::read_dir(folder).unwrap() {
        let fault: serde_json::Value =
            serde_json::from_str(&std::fs::read_to_string(entry.unwrap().path()).unwrap()).unwrap();
        let messages = fault["events"]
            .as_array()
            .unwrap()
            .iter()
            .map(|event| event["message"].as_str().unwrap());
        let logs = fault["logs"]
            .as_object()
            .unwrap()
            .values()
            .map(|log| log.as_str().unwrap());
        for text in messages.chain(logs) {
            assert_eq!(safe(text, 4096), text.trim());
        }
    }
}

#[test]
fn the_key_stays_when_its_value_goes() {
    assert_eq!(
        redact("DB_PASSWORD=hunter2 DB_HOST=db"),
        "DB_PASSWORD=[redacted] DB_HOST=db"
    );
    assert_eq!(
        redact(r#"{"password":"a\"b","user":"x"}"#),
        r#"{"password":"[redacted]","user":"x"}"#
    );
    assert_eq!(
        redact("postgres://web:pw@db:5432/x"),
        "postgres://[redacted]@db:5432/x"
    );
}

#[test]
fn a_text_is_cleaned_of_what_can_not_be_seen() {
    for (text, cleaned) in [
        ("\u{1b}[31mred\u{1b}[0m", "red"),
        ("\u{1b}]0;title\u{7}shell", "shell"),
        ("\u{1b}]8;;http://x\u{1b}\\link\u{1b}]8;;\u{1b}\\", "link"),
        ("a\u{1b}(Bb\u{9b}1mc", "abc"),
        ("a\tb\r\nc\u{2028}d", "a b  c d"),
        ("user\u{202e}txt\u{2069}\u{200b}\u{feff}", "usertxt"),
        ("a\u{0}\u{7f}\u{85}b", "a b"),
        (
            "\u{1b}]never ended, all of it stays",
            "never ended, all of it stays",
        ),
        ("\u{1b}", ""),
        ("naïve — 日本語 🚒", "naïve — 日本語 🚒"),
    ] {
        assert_eq!(clean(text), cleaned, "{text:?}");
    }
}

#[test]
fn a_line_of_megabytes_costs_no_more_than_a_page() {
    for piece in [
        "password=x ",
        "a",
        "\"token\":",
        "eyJ.",
        "\u{1b}]",
        "A1b2",
        "user:pw@",
        "-----BEGIN KEY-----",
    ] {
        let safe = safe(&piece.repeat(4 * 1024 * 1024 / piece.len()), 512);
        assert!(safe.len() <= 512, "{piece}");
    }
}

#[test]
fn a_cut_ends_on_a_character_and_says_so() {
    assert_eq!(truncate("äöü", 6), "äöü");
    assert_eq!(truncate("äöüß", 6), "ä…");
}

/// Text made of the pieces that the patterns look for, in any order.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("password".to_owned()),
        Just("token".to_owned()),
        Just("=".to_owned()),
        Just(": ".to_owned()),
        Just("\"".to_owned()),
        Just("\\\"".to_owned()),
        Just("'".to_owned()),
        Just("[redacted]".to_owned()),
        Just("Bearer ".to_owned()),
        Just("Authorization: ".to_owned()),
        Just("https://".to_owned()),
        Just("@".to_owned()),
        Just(" ".to_owned()),
        Just("{".to_owned()),
        Just("}".to_owned()),
        Just("[".to_owned()),
        Just("]".to_owned()),
        Just(",".to_owned()),
        Just("…".to_owned()),
        Just("<private>".to_owned()),
        Just("-----BEGIN KEY-----".to_owned()),
        Just("-----END KEY-----".to_owned()),
        Just("\u{1b}[".to_owned()),
        Just("\\".to_owned()),
        Just("name=".to_owned()),
        Just("value=".to_owned()),
        Just("--".to_owned()),
        Just("sha256:".to_owned()),
        Just("image ".to_owned()),
        "[a-zA-Z0-9/+_-]{1,40}",
        "[a-z0-9.:/-]{1,20}",
        any::<char>().prop_map(String::from),
    ];
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn safe_text_stays_as_it_is(text in pieces(), limit in 0usize..200) {
        let once = safe(&text, limit);
        prop_assert!(once.len() <= limit.max(CUT.len()));
        prop_assert_eq!(safe(&once, limit), once);
    }

    #[test]
    fn any_text_is_survived(text in any::<String>(), limit in any::<usize>()) {
        let safe = safe(&text, limit);
        prop_assert!(!safe.chars().any(char::is_control));
    }

    #[test]
    fn a_planted_secret_never_survives_its_surroundings(
        before in "[ a-z.,;(]{0,20}", planted in prop::sample::select(PLANTED), after in "[ a-z.,;)]{0,20}", limit in 10usize..600,
    ) {
        let mut text = before;
        write!(text, " {} {after}", planted.replace("{}", "CaNaRy7x")).unwrap();
        prop_assert!(!safe(&text, limit).contains("CaNaRy"));
    }
}
