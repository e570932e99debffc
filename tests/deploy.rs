//! What `deploy/` ships: a configuration that this binary takes, and rights that are no wider than it needs.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use ripcord::config::{self, WebhookAuth};
use ripcord::domain::policy::Mode;
use ripcord::platform::kube::{RIGHTS, Right};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::Path;

fn read(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("deploy/base")
        .join(file);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn yaml(file: &str) -> Value {
    serde_saphyr::from_str(&read(file)).unwrap()
}

fn words(value: &Value) -> BTreeSet<String> {
    let words = value.as_array().into_iter().flatten();
    words
        .map(|word| word.as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn the_shipped_configuration_is_a_dry_run_behind_a_token() {
    let config = config::parse(&read("ripcord.yaml"), "ripcord.yaml").unwrap();
    assert_eq!(config.mode, Mode::DryRun);
    assert!(matches!(
        config.webhook_auth,
        WebhookAuth::BearerTokenFile(_)
    ));
    assert!(config.not_enforced.is_empty(), "{:?}", config.not_enforced);
}

#[test]
fn every_namespace_in_scope_has_a_binding() {
    let config = config::parse(&read("ripcord.yaml"), "ripcord.yaml").unwrap();
    for namespace in config.namespaces {
        let binding = yaml(&format!("rolebinding-{namespace}.yaml"));
        assert_eq!(binding["metadata"]["namespace"], namespace.as_str());
        assert_eq!(binding["roleRef"]["name"], "ripcord");
    }
}

/// A configuration is one file, which kustomize can only replace: what an overlay repeats must not drift from the base.
#[test]
fn an_overlay_s_configuration_differs_from_the_base_in_one_key() {
    let cases = [
        ("enforce", "mode", json!("enforce")),
        ("several-namespaces", "namespaces", json!(["lab30", "shop"])),
    ];
    for (overlay, key, value) in cases {
        let mut expected = yaml("ripcord.yaml");
        expected[key] = value;
        let file = format!("../overlays/{overlay}/ripcord.yaml");
        assert_eq!(yaml(&file), expected, "{overlay}");
        let config = config::parse(&read(&file), &file).unwrap();
        assert!(config.not_enforced.is_empty(), "{overlay}");
    }
}

#[test]
fn the_second_namespace_s_binding_is_the_first_one_s_elsewhere() {
    let mut expected = yaml("rolebinding-lab30.yaml");
    expected["metadata"]["namespace"] = json!("shop");
    let shop = yaml("../overlays/several-namespaces/rolebinding-shop.yaml");
    assert_eq!(shop, expected);
}

#[test]
fn the_image_is_of_this_version() {
    let version = env!("CARGO_PKG_VERSION");
    let containerfile = read("../image/Containerfile");
    assert!(containerfile.contains(&format!("ARG VERSION={version}\n")));
    let deployment = yaml("deployment.yaml");
    let image = &deployment["spec"]["template"]["spec"]["containers"][0]["image"];
    assert_eq!(image, &json!(format!("ripcord:{version}")));
}

#[test]
fn no_right_reaches_secrets_or_makes_or_deletes_a_workload() {
    let role = yaml("clusterrole.yaml");
    for rule in role["rules"].as_array().unwrap() {
        let (resources, verbs) = (words(&rule["resources"]), words(&rule["verbs"]));
        for forbidden in ["secrets", "pods/exec", "configmaps", "*"] {
            assert!(!resources.contains(forbidden), "{rule}");
        }
        assert!(!verbs.contains("delete") && !verbs.contains("*"), "{rule}");
        let creates: Vec<_> = resources
            .iter()
            .filter(|_| verbs.contains("create"))
            .collect();
        assert!(
            creates
                .iter()
                .all(|resource| ["events", "incidents"].contains(&resource.as_str())),
            "{rule}"
        );
        let patches: Vec<_> = resources
            .iter()
            .filter(|_| verbs.contains("patch"))
            .collect();
        assert!(
            patches.iter().all(|resource| *resource == "deployments"),
            "{rule}"
        );
    }
}

/// Group, resource and verb of each right that a role's rules give.
fn given(role: &Value) -> BTreeSet<(String, String, String)> {
    let mut given = BTreeSet::new();
    for rule in role["rules"].as_array().unwrap() {
        for group in words(&rule["apiGroups"]) {
            for resource in words(&rule["resources"]) {
                for verb in words(&rule["verbs"]) {
                    given.insert((group.clone(), resource.clone(), verb));
                }
            }
        }
    }
    given
}

#[test]
fn the_role_gives_what_check_asks_for_and_nothing_else() {
    let needed: BTreeSet<(String, String, String)> = RIGHTS
        .iter()
        .map(|right| {
            let Right {
                group,
                resource,
                verb,
                why: _,
            } = right;
            (
                (*group).to_owned(),
                (*resource).to_owned(),
                (*verb).to_owned(),
            )
        })
        .collect();
    assert_eq!(needed.len(), RIGHTS.len());
    assert_eq!(given(&yaml("clusterrole.yaml")), needed);
}

/// The README's table: a resource in its first column (with its group, where another one has the same name), the verbs in its second.
#[test]
fn the_readme_s_table_of_rights_is_the_role_s() {
    let mut needed: Vec<(String, Vec<&str>)> = Vec::new();
    for right in &RIGHTS {
        let resource = if right.group == "events.k8s.io" {
            format!("{}/{}", right.group, right.resource)
        } else {
            right.resource.to_owned()
        };
        match needed.last_mut() {
            Some((last, verbs)) if *last == resource => verbs.push(right.verb),
            _ => needed.push((resource, vec![right.verb])),
        }
    }
    let readme = read("../../README.md");
    for (resource, verbs) in needed {
        let row = format!("| `{resource}` | {} |", verbs.join(", "));
        assert!(readme.contains(&row), "the README lacks {row}");
    }
}

#[test]
fn the_pod_is_restricted_and_there_is_one_of_it() {
    let deployment = yaml("deployment.yaml");
    let spec = &deployment["spec"];
    assert_eq!(
        (&spec["replicas"], &spec["strategy"]["type"]),
        (&1.into(), &"Recreate".into())
    );
    let pod = &spec["template"]["spec"];
    assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
    let container = &pod["containers"][0]["securityContext"];
    assert_eq!(container["readOnlyRootFilesystem"], true);
    assert_eq!(container["allowPrivilegeEscalation"], false);
    assert_eq!(
        words(&container["capabilities"]["drop"]),
        BTreeSet::from(["ALL".to_owned()])
    );
}
