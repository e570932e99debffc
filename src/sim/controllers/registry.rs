//! The image registries of the simulated world, and containerd's words for their failures (1.6.20, as captured in `tests/fixtures/faults`).

use crate::domain::image::ImageRef;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// What happens when an image is pulled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pull {
    /// It arrives.
    Exists,
    /// The registry answers that there is none.
    NotFound,
    /// 401: no or wrong credentials.
    Unauthorized,
    /// 403: not for this account, or there is no such repository.
    Forbidden,
    /// 429.
    RateLimited,
    /// 500.
    InternalError,
    /// 503.
    Unavailable,
    /// Nobody listens at its address.
    Refused,
    /// Its name leads nowhere.
    NoSuchHost,
    /// There is an image, but none for the node's platform.
    WrongPlatform,
    /// Neither it nor a refusal arrives: the pull hangs for as long as this is so.
    Hangs,
}

/// What becomes of a pull.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Pulled {
    Arrives,
    Hangs,
    /// In the runtime's words.
    Fails(String),
}

/// What each image and each registry does. An image that was never named does not exist.
#[derive(Clone, Debug, Default)]
pub struct Registry {
    images: BTreeMap<String, Pull>,
    hosts: BTreeMap<String, Pull>,
}

impl Registry {
    /// Says what happens when this image is pulled, as a manifest names it.
    pub fn set(&mut self, image: &str, pull: Pull) {
        self.images.insert(image.to_owned(), pull);
    }

    /// Says what every pull from a registry (`ghcr.io`) meets; `Exists` = its images are as they were set.
    pub fn set_host(&mut self, host: &str, pull: Pull) {
        self.hosts.insert(host.to_owned(), pull);
    }

    /// Tries to pull.
    pub(crate) fn pull(&self, reference: &Reference) -> Pulled {
        let outage = self.hosts.get(&reference.host).copied();
        let outage = outage.filter(|pull| *pull != Pull::Exists);
        let own = self.images.get(&reference.written).copied();
        match outage.or(own).unwrap_or(Pull::NotFound) {
            Pull::Exists => Pulled::Arrives,
            Pull::Hangs => Pulled::Hangs,
            failure => Pulled::Fails(words(failure, reference)),
        }
    }
}

/// An image reference, taken apart and made whole as containerd does.
#[derive(Clone, Debug)]
pub(crate) struct Reference {
    written: String,
    /// With registry and tag.
    pub(crate) whole: String,
    host: String,
    path: String,
    tag: String,
}

impl Reference {
    /// Takes a reference apart.
    ///
    /// # Errors
    /// The kubelet's words for one that is none.
    pub(crate) fn parse(written: &str) -> Result<Self, String> {
        let parsed = ImageRef::parse(written).map_err(|_| {
            let problem = match repository_with_capitals(written) {
                Some(path) => format!("repository name ({path}) must be lowercase"),
                None => "invalid reference format".to_owned(),
            };
            let problem = problem
                .strip_prefix("invalid reference format")
                .map_or_else(|| format!("invalid reference format: {problem}"), |_| problem.clone());
            format!("Failed to apply default image tag \"{written}\": couldn't parse image name \"{written}\": {problem}")
        })?;
        let (host, path) = parsed.repository().split_once('/').unwrap_or_default();
        let tag = parsed.digest().or(parsed.tag()).unwrap_or("latest");
        let separator = if parsed.digest().is_some() { '@' } else { ':' };
        Ok(Self {
            written: written.to_owned(),
            whole: format!("{}{separator}{tag}", parsed.repository()),
            host: host.to_owned(),
            path: path.to_owned(),
            tag: tag.to_owned(),
        })
    }

    /// `repository@sha256:…`, as the runtime reports what runs.
    pub(crate) fn image_id(&self) -> String {
        let digest = data_encoding::HEXLOWER.encode(&Sha256::digest(self.whole.as_bytes()));
        format!("{}/{}@sha256:{digest}", self.host, self.path)
    }
}

fn repository_with_capitals(written: &str) -> Option<String> {
    let (_, path) = written.split_once('/')?;
    let path = path.split([':', '@']).next()?;
    path.chars()
        .any(|letter| letter.is_ascii_uppercase())
        .then(|| path.to_owned())
}

fn words(failure: Pull, reference: &Reference) -> String {
    let Reference {
        whole,
        host,
        path,
        tag,
        ..
    } = reference;
    let resolve = format!(
        "failed to pull and unpack image \"{whole}\": failed to resolve reference \"{whole}\": "
    );
    let status = |status: &str| {
        format!(
            "{resolve}pulling from host {host} failed with status code [manifests {tag}]: {status}"
        )
    };
    let request = |why: String| {
        format!(
            "{resolve}failed to do request: Head \"https://{host}/v2/{path}/manifests/{tag}\": {why}"
        )
    };
    match failure {
        Pull::Exists | Pull::Hangs => String::new(),
        Pull::NotFound => format!("rpc error: code = NotFound desc = {resolve}{whole}: not found"),
        Pull::Unauthorized => status("401 Unauthorized"),
        Pull::Forbidden => status("403 Forbidden"),
        Pull::RateLimited => status("429 Too Many Requests"),
        Pull::InternalError => status("500 Internal Server Error"),
        Pull::Unavailable => status("503 Service Unavailable"),
        Pull::WrongPlatform => format!(
            "rpc error: code = NotFound desc = failed to pull and unpack image \"{whole}\": no match for platform in manifest: not found"
        ),
        Pull::Refused => request("dial tcp 192.0.2.1:443: connect: connection refused".to_owned()),
        Pull::NoSuchHost => request(format!(
            "dial tcp: lookup {host} on 10.96.0.10:53: no such host"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(registry: &Registry, image: &str) -> String {
        match registry.pull(&Reference::parse(image).unwrap()) {
            Pulled::Fails(words) => words,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_image_that_nobody_named_does_not_exist() {
        let error = failure(&Registry::default(), "ghcr.io/a/web:9");
        assert!(
            error.ends_with("\"ghcr.io/a/web:9\": ghcr.io/a/web:9: not found"),
            "{error}"
        );
    }

    #[test]
    fn an_outage_hides_what_a_registry_has() {
        let mut registry = Registry::default();
        registry.set("ghcr.io/a/web:1", Pull::Exists);
        let reference = Reference::parse("ghcr.io/a/web:1").unwrap();
        assert_eq!(registry.pull(&reference), Pulled::Arrives);
        registry.set_host("ghcr.io", Pull::Refused);
        assert!(failure(&registry, "ghcr.io/a/web:1").ends_with("connection refused"));
        registry.set_host("ghcr.io", Pull::Hangs);
        assert_eq!(registry.pull(&reference), Pulled::Hangs);
        registry.set_host("ghcr.io", Pull::Exists);
        assert_eq!(registry.pull(&reference), Pulled::Arrives);
    }

    #[test]
    fn a_name_that_is_none_is_refused_in_the_kubelets_words() {
        assert_eq!(
            Reference::parse("ghcr.io/Upper/CASE:tag").unwrap_err(),
            "Failed to apply default image tag \"ghcr.io/Upper/CASE:tag\": couldn't parse image name \"ghcr.io/Upper/CASE:tag\": invalid reference format: repository name (Upper/CASE) must be lowercase"
        );
        assert_eq!(
            Reference::parse("redis:7-alpine").unwrap().whole,
            "docker.io/library/redis:7-alpine"
        );
    }
}
