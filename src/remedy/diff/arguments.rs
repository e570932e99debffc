//! Command lines without their secrets. Rather too much is left out than too little: a changed value is marked as changed either way.

use super::shown;
use super::view::REDACTED;

/// What the name of a secret contains, in lower case.
const SECRET_WORDS: [&str; 13] = [
    "pass",
    "pwd",
    "secret",
    "token",
    "credential",
    "apikey",
    "api-key",
    "api_key",
    "access-key",
    "access_key",
    "private",
    "authorization",
    "bearer",
];

/// Each argument as it may be shown, in order.
pub(super) fn redacted(arguments: &[&str]) -> Vec<String> {
    let mut value_follows = false;
    arguments
        .iter()
        .map(|argument| {
            if value_follows && !argument.starts_with('-') {
                value_follows = false;
                return REDACTED.to_owned();
            }
            let (safe, follows) = words(argument);
            value_follows = follows;
            shown(&safe)
        })
        .collect()
}

/// What stands in one word.
enum Word {
    /// Nothing to hide.
    Plain(String),
    /// A part of it was taken out.
    Cut(String),
    /// A part of it was taken out, and what was taken out goes on behind it.
    CutAndRest(String),
    /// A flag whose value is the next word.
    Flag(String),
}

/// One argument, which may be a whole shell line; and whether the value of its last flag is the next argument.
fn words(argument: &str) -> (String, bool) {
    let mut safe = String::new();
    let mut value_follows = false;
    for piece in argument.split_inclusive(char::is_whitespace) {
        let body = piece.trim_end();
        let space = piece.get(body.len()..).unwrap_or_default();
        if value_follows && !body.is_empty() && !body.starts_with('-') {
            safe.push_str(REDACTED);
            value_follows = false;
        } else {
            match word(body) {
                Word::Plain(text) | Word::Cut(text) => safe.push_str(&text),
                Word::CutAndRest(text) => {
                    safe.push_str(&text);
                    return (safe, false);
                }
                Word::Flag(text) => {
                    safe.push_str(&text);
                    value_follows = true;
                }
            }
        }
        safe.push_str(space);
    }
    (safe, value_follows)
}

fn word(body: &str) -> Word {
    let body = without_user_info(body);
    let separator = body
        .char_indices()
        .filter(|(_, character)| ['=', ':'].contains(character))
        .find_map(|(place, _)| {
            let (name, value) = body.split_at_checked(place)?;
            is_secret(name).then_some((name, value))
        });
    if let Some((name, value)) = separator {
        let mark = value.get(..1).unwrap_or_default();
        let value = value.get(1..).unwrap_or_default();
        let text = format!("{name}{mark}{REDACTED}");
        // `Authorization: Bearer abc` and `PASSWORD="two words"` go on after the space.
        let quote = value
            .chars()
            .next()
            .filter(|first| ['"', '\''].contains(first));
        let open = quote.is_some_and(|quote| value.len() == 1 || !value.ends_with(quote));
        return if value.is_empty() || open {
            Word::CutAndRest(text)
        } else {
            Word::Cut(text)
        };
    }
    if body.starts_with('-') && is_secret(&body) {
        return Word::Flag(body);
    }
    Word::Plain(body)
}

/// `https://user:password@host` without what stands before the `@`.
fn without_user_info(body: &str) -> String {
    let Some((scheme, rest)) = body.split_once("://") else {
        return body.to_owned();
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    match authority.rsplit_once('@') {
        Some((user, _)) => {
            let rest = rest.get(user.len()..).unwrap_or_default();
            format!("{scheme}://{REDACTED}{rest}")
        }
        None => body.to_owned(),
    }
}

fn is_secret(name: &str) -> bool {
    let name = name.to_lowercase();
    SECRET_WORDS.iter().any(|word| name.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_secret_is_shown() {
        for arguments in [
            &["--password", "hunter2"][..],
            &["--password=hunter2"],
            &["--requirepass", "hunter2"],
            &["sh", "-c", "PASSWORD=hunter2 app --verbose"],
            &["sh", "-c", "app --api-key hunter2 --verbose"],
            &["sh", "-c", "PASSWORD=\"my hunter2\" app"],
            &["curl", "-H", "Authorization: Bearer hunter2"],
            &["{\"user\":\"a\",\"password\":\"hunter2\"}"],
            &["postgres://app:hunter2@db/app?sslmode=off"],
            &["postgres://db/app?user=a&password=hunter2"],
            &["app", "--db-secret=hunter2", "--token:hunter2"],
            &["sh", "-c", "login --token\n hunter2"],
        ] {
            let shown = redacted(arguments).join(" ");
            assert!(!shown.contains("hunter2"), "{arguments:?} shows {shown}");
            assert!(shown.contains(REDACTED), "{arguments:?} shows {shown}");
        }
    }

    #[test]
    fn everything_else_is_shown_as_it_is() {
        let arguments = [
            "9090",
            "--save",
            "60",
            "1",
            "--loglevel",
            "warning",
            "http://host:80/path",
            "a=b",
        ];
        assert_eq!(redacted(&arguments), arguments);
    }

    #[test]
    fn a_flag_without_a_value_hides_no_other_flag() {
        assert_eq!(
            redacted(&["--no-password", "--verbose"]),
            ["--no-password", "--verbose"]
        );
    }
}
