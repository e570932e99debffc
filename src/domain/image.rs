//! Image references: `[registry/]repository[:tag][@digest]`.

use std::fmt;

/// A parsed reference. Grammar: distribution/reference, as far as a policy needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageRef {
    text: String,
    repository: String,
    tag: Option<String>,
    digest: Option<String>,
}

/// Why a text is not an image reference.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ImageError {
    /// It is empty.
    #[error("an image reference can't be empty")]
    Empty,
    /// The repository has a character that none may have.
    #[error("`{0}` is not an image repository: lower-case letters, digits and . _ - / only")]
    Repository(String),
    /// The tag is malformed.
    #[error("`{0}` is not an image tag: letters, digits, . _ - and at most 128 of them")]
    Tag(String),
    /// The digest is malformed.
    #[error("`{0}` is not an image digest: it reads sha256: and 64 hexadecimal digits")]
    Digest(String),
}

impl ImageRef {
    /// Parses a reference.
    ///
    /// # Errors
    /// Says which part does not fit the grammar.
    pub fn parse(text: &str) -> Result<Self, ImageError> {
        if text.is_empty() {
            return Err(ImageError::Empty);
        }
        let (name, digest) = match text.split_once('@') {
            Some((name, digest)) => (name, Some(digest)),
            None => (text, None),
        };
        // A colon after the last slash begins the tag; one before it belongs to the registry's port.
        let last_part = name.rfind('/').map_or(0, |slash| slash + 1);
        let tag_at = name
            .char_indices()
            .skip_while(|(index, _)| *index < last_part)
            .find(|(_, character)| *character == ':')
            .map(|(index, _)| index);
        let (repository, tag) = match tag_at.and_then(|index| name.split_at_checked(index)) {
            Some((repository, tag)) => (repository, Some(tag.trim_start_matches(':'))),
            None => (name, None),
        };
        check_repository(repository)?;
        if let Some(tag) = tag {
            check_tag(tag)?;
        }
        if let Some(digest) = digest {
            check_digest(digest)?;
        }
        Ok(Self {
            text: text.to_owned(),
            repository: normalised(repository),
            tag: tag.map(str::to_owned),
            digest: digest.map(str::to_owned),
        })
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The repository with its registry, as containerd normalises it: `redis` is `docker.io/library/redis`.
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// The tag.
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// The digest.
    pub fn digest(&self) -> Option<&str> {
        self.digest.as_deref()
    }
}

impl fmt::Display for ImageRef {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

fn normalised(repository: &str) -> String {
    let host = repository.split_once('/').map(|(host, _)| host);
    match host {
        Some(host) if host.contains(['.', ':']) || host == "localhost" => repository.to_owned(),
        Some(_) => format!("docker.io/{repository}"),
        None => format!("docker.io/library/{repository}"),
    }
}

fn check_repository(repository: &str) -> Result<(), ImageError> {
    let bad = || ImageError::Repository(repository.to_owned());
    let (host, path) = match repository.split_once('/') {
        Some((host, path)) if host.contains(['.', ':']) || host == "localhost" => (host, path),
        _ => ("", repository),
    };
    let host_fits = host
        .chars()
        .all(|character| character.is_ascii_alphanumeric() || ".-:".contains(character));
    let path_fits = path.split('/').all(|part| {
        part.starts_with(|first: char| first.is_ascii_alphanumeric())
            && part.chars().all(|character| {
                character.is_ascii_lowercase()
                    || character.is_ascii_digit()
                    || "._-".contains(character)
            })
    });
    if host_fits && path_fits {
        Ok(())
    } else {
        Err(bad())
    }
}

fn check_tag(tag: &str) -> Result<(), ImageError> {
    let fits = (1..=128).contains(&tag.len())
        && tag.starts_with(|first: char| first.is_ascii_alphanumeric() || first == '_')
        && tag
            .chars()
            .all(|character| character.is_ascii_alphanumeric() || "._-".contains(character));
    if fits {
        Ok(())
    } else {
        Err(ImageError::Tag(tag.to_owned()))
    }
}

fn check_digest(digest: &str) -> Result<(), ImageError> {
    let fits = digest.strip_prefix("sha256:").is_some_and(|hex| {
        hex.len() == 64 && hex.chars().all(|character| character.is_ascii_hexdigit())
    });
    if fits {
        Ok(())
    } else {
        Err(ImageError::Digest(digest.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_what_no_registry_would_take() {
        for text in [
            "",
            "ghcr.io/Upper/case:1",
            "web:",
            "web:bad tag",
            "web@sha256:12",
            ":tag",
            "a//b",
        ] {
            assert!(ImageRef::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn tells_repository_tag_and_digest_apart() {
        let digest = format!("sha256:{}", "a".repeat(64));
        let text = format!("127.0.0.1:5000/team/web:1.2@{digest}");
        let image = ImageRef::parse(&text).unwrap();
        assert_eq!(image.repository(), "127.0.0.1:5000/team/web");
        assert_eq!(image.tag(), Some("1.2"));
        assert_eq!(image.digest(), Some(digest.as_str()));
        assert_eq!(image.as_str(), text);
    }

    #[test]
    fn a_short_name_is_docker_hubs() {
        assert_eq!(
            ImageRef::parse("redis:7-alpine").unwrap().repository(),
            "docker.io/library/redis"
        );
        assert_eq!(
            ImageRef::parse("team/web").unwrap().repository(),
            "docker.io/team/web"
        );
    }
}
