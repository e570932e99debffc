//! Which images ran, by digest: a tag says what was asked for, the runtime's `image_id` what it was.

use super::Unanswered;
use super::answer::Sample;
use super::promql::{LabelNames, Name};
use super::questions::Scope;
use super::tables::{label, same_namespace};
use crate::domain::evidence::RanImage;
use crate::domain::identity::RevisionName;
use crate::domain::image::ImageRef;
use std::collections::BTreeSet;

/// The image ids of all containers that pods of these ReplicaSets had within so many seconds. A pod that two of them owned in that time proves nothing
/// for either, and must not be an error for all.
pub(super) fn question(scope: &Scope<'_>, replicasets: &[Name<'_>], seconds: i64) -> String {
    let LabelNames {
        namespace,
        pod,
        container,
        ..
    } = scope.labels;
    let info = scope
        .metrics("kube_pod_(init_)?container_info")
        .pod_of(pod, replicasets)
        .fixed(r#"image_id!="""#)
        .finish();
    let owners = scope
        .metric("kube_pod_owner")
        .fixed(r#"owner_kind="ReplicaSet",owner_is_controller="true""#)
        .one_of("owner_name", replicasets)
        .finish();
    let pod_key = scope.labels.pod_key();
    let owner = format!("max by ({pod_key},owner_name) (last_over_time({owners}[{seconds}s]))");
    format!(
        "group by ({namespace},owner_name,{container},image_id) (last_over_time({info}[{seconds}s]) * on ({pod_key}) group_left (owner_name) ({owner} and on ({pod_key}) count by ({pod_key}) ({owner}) == 1))"
    )
}

/// The images by digest. An id without one (an image that was built on the node) names nothing that could be pulled.
pub(super) fn images(
    rows: &[Sample],
    scope: &Scope<'_>,
    namespace: Name<'_>,
) -> Result<Vec<RanImage>, Unanswered> {
    let mut images = BTreeSet::new();
    for row in rows {
        same_namespace(&row.labels, scope.labels, namespace)?;
        if let Some(image) = by_digest(label(&row.labels, "image_id")?) {
            images.insert(RanImage {
                revision: RevisionName::new(label(&row.labels, "owner_name")?),
                container: label(&row.labels, scope.labels.container)?.to_owned(),
                image,
            });
        }
    }
    Ok(images.into_iter().collect())
}

/// containerd says `repository@sha256:…`; dockershim put `docker-pullable://` before it.
pub(super) fn by_digest(image_id: &str) -> Option<String> {
    let image = image_id
        .strip_prefix("docker-pullable://")
        .unwrap_or(image_id);
    let parsed = ImageRef::parse(image).ok()?;
    parsed.digest().map(|_| image.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_without_a_digest_and_a_hostile_one_name_no_image() {
        for id in ["", "sha256:abc", "web:1", "web@sha256:zz", "a b@sha256:"] {
            assert_eq!(by_digest(id), None, "{id}");
        }
    }

    #[test]
    fn an_id_with_a_digest_is_an_image_that_can_be_pulled() {
        let image = format!("ghcr.io/x/web@sha256:{}", "a".repeat(64));
        assert_eq!(by_digest(&image), Some(image.clone()));
        assert_eq!(
            by_digest(&format!("docker-pullable://{image}")),
            Some(image)
        );
    }
}
