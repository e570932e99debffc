//! What a container or a volume needs and does not find, in the kubelet's words (`kubelet_pods.go`, makeEnvironmentVariables;
//! `pkg/volume/{configmap,secret,projected}`), and whether a template names it.

use crate::domain::template;
use serde_json::Value;
use std::collections::BTreeSet;

/// Which of the two kinds of configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    ConfigMap,
    Secret,
}

/// What is not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Missing {
    /// A ConfigMap or Secret.
    Object { kind: Kind, name: String },
    /// One key of it, which a variable takes.
    Key {
        kind: Kind,
        name: String,
        key: String,
    },
    /// One key of the ConfigMap or Secret that this volume is made of.
    OfVolume { volume: String, key: String },
}

impl Missing {
    /// What a message says is missing; `None` where it says something else.
    pub(super) fn of(message: &str) -> Option<Self> {
        key(message)
            .or_else(|| object(message))
            .or_else(|| of_volume(message))
    }

    /// Whether a template needs it, in any container or volume.
    pub(super) fn is_named_by(&self, template: &Value) -> bool {
        match self {
            Self::Object { kind, name } => {
                template::containers(template).any(|it| takes_from(it, *kind, name))
                    || volumes(template).any(|volume| is_made_of(volume, *kind, name))
            }
            Self::Key { kind, name, key } => {
                template::containers(template).any(|it| takes_key(it, *kind, name, key))
            }
            Self::OfVolume { volume, key } => {
                volume_named(template, volume).is_some_and(|it| !items(it, key).is_empty())
            }
        }
    }

    /// Whether another template does without it: for a volume's key, whether none of its volumes takes that key of the same object.
    pub(super) fn is_spared_by(&self, newest: &Value, older: &Value) -> bool {
        match self {
            Self::Object { .. } | Self::Key { .. } => !self.is_named_by(older),
            Self::OfVolume { volume, key } => {
                let taken = volume_named(newest, volume).map(|it| items(it, key));
                let takes = |other: &Value| {
                    let others = items(other, key);
                    taken.iter().flatten().any(|object| others.contains(object))
                };
                !volumes(older).any(takes)
            }
        }
    }

    pub(super) fn in_words(&self) -> String {
        match self {
            Self::Object { kind, name } => format!("{} {name}", kind.as_str()),
            Self::Key { kind, name, key } => {
                format!("the key {key} of {} {name}", kind.as_str())
            }
            Self::OfVolume { volume, key } => format!("the key {key} in volume {volume}"),
        }
    }
}

impl Kind {
    fn as_str(self) -> &'static str {
        match self {
            Self::ConfigMap => "ConfigMap",
            Self::Secret => "Secret",
        }
    }

    fn of(word: &str) -> Option<Self> {
        match word.to_lowercase().as_str() {
            "configmap" => Some(Self::ConfigMap),
            "secret" => Some(Self::Secret),
            _ => None,
        }
    }
}

/// `configmap "settings" not found`, with whatever before it.
fn object(message: &str) -> Option<Missing> {
    let (head, _) = message.split_once("\" not found")?;
    let (before, name) = head.rsplit_once('"')?;
    let word = before.trim_end().rsplit([' ', ':']).next()?;
    let is_name = !name.is_empty() && !name.contains([' ', '/']);
    Some(Missing::Object {
        kind: Kind::of(word)?,
        name: is_name.then(|| name.to_owned())?,
    })
}

/// `couldn't find key PORT in ConfigMap shop/settings`.
fn key(message: &str) -> Option<Missing> {
    let (_, rest) = message.split_once("couldn't find key ")?;
    let (key, rest) = rest.split_once(" in ")?;
    let (kind, rest) = rest.split_once(' ')?;
    let (_, name) = rest.split_whitespace().next()?.split_once('/')?;
    Some(Missing::Key {
        kind: Kind::of(kind)?,
        name: name.to_owned(),
        key: key.to_owned(),
    })
}

/// `MountVolume.SetUp failed for volume "s" : references non-existent secret key: tls.crt`.
fn of_volume(message: &str) -> Option<Missing> {
    let (head, tail) = message.split_once("references non-existent ")?;
    let (_, rest) = head.split_once("for volume \"")?;
    let (volume, _) = rest.split_once('"')?;
    let (_, key) = tail.split_once("key: ")?;
    Some(Missing::OfVolume {
        volume: volume.to_owned(),
        key: key.split_whitespace().next()?.to_owned(),
    })
}

/// The ConfigMaps and Secrets of which a volume takes this very key, and can't do without.
fn items<'a>(volume: &'a Value, key: &str) -> BTreeSet<(&'static str, &'a str)> {
    let takes = |source: &Value| list(source, "/items").any(|item| text(item, "/key") == Some(key));
    let found = |source: Option<&'a Value>, kind: &'static str, field: &str| {
        let source = source.filter(|it| is_needed(it) && takes(it))?;
        Some((kind, text(source, field)?))
    };
    let own = [
        found(volume.get("configMap"), "ConfigMap", "/name"),
        found(volume.get("secret"), "Secret", "/secretName"),
    ];
    let projected = list(volume, "/projected/sources").flat_map(|source| {
        [
            found(source.get("configMap"), "ConfigMap", "/name"),
            found(source.get("secret"), "Secret", "/name"),
        ]
    });
    own.into_iter().chain(projected).flatten().collect()
}

fn volumes(template: &Value) -> impl Iterator<Item = &Value> {
    let list = template.pointer("/spec/volumes").and_then(Value::as_array);
    list.into_iter().flatten()
}

fn volume_named<'a>(template: &'a Value, name: &str) -> Option<&'a Value> {
    volumes(template).find(|volume| text(volume, "/name") == Some(name))
}

fn text<'a>(value: &'a Value, pointer: &str) -> Option<&'a str> {
    value.pointer(pointer)?.as_str()
}

fn list<'a>(value: &'a Value, pointer: &str) -> impl Iterator<Item = &'a Value> {
    let list = value.pointer(pointer).and_then(Value::as_array);
    list.into_iter().flatten()
}

/// What may be missing is not needed.
fn is_needed(reference: &Value) -> bool {
    reference.get("optional").and_then(Value::as_bool) != Some(true)
}

fn refers(reference: Option<&Value>, field: &str, name: &str) -> bool {
    reference.is_some_and(|it| is_needed(it) && it.get(field).and_then(Value::as_str) == Some(name))
}

fn takes_from(container: &Value, kind: Kind, name: &str) -> bool {
    let (whole, one) = match kind {
        Kind::ConfigMap => ("configMapRef", "/valueFrom/configMapKeyRef"),
        Kind::Secret => ("secretRef", "/valueFrom/secretKeyRef"),
    };
    list(container, "/envFrom").any(|from| refers(from.get(whole), "name", name))
        || list(container, "/env").any(|variable| refers(variable.pointer(one), "name", name))
}

fn takes_key(container: &Value, kind: Kind, name: &str, key: &str) -> bool {
    let one = match kind {
        Kind::ConfigMap => "/valueFrom/configMapKeyRef",
        Kind::Secret => "/valueFrom/secretKeyRef",
    };
    list(container, "/env").any(|variable| {
        let reference = variable.pointer(one);
        refers(reference, "name", name)
            && reference.is_some_and(|reference| text(reference, "/key") == Some(key))
    })
}

fn is_made_of(volume: &Value, kind: Kind, name: &str) -> bool {
    let (field, key) = match kind {
        Kind::ConfigMap => ("configMap", "name"),
        Kind::Secret => ("secret", "secretName"),
    };
    refers(volume.get(field), key, name)
        || list(volume, "/projected/sources").any(|source| refers(source.get(field), "name", name))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]

    use super::*;
    use serde_json::json;

    #[test]
    fn other_words_name_nothing_that_is_missing() {
        for message in [
            "",
            "not found",
            r#"pod "web" not found"#,
            r#"secret "" not found"#,
            "container has runAsNonRoot and image will run as root",
            "failed to sync configmap cache: timed out waiting for the condition",
            "couldn't find key PORT",
        ] {
            assert_eq!(Missing::of(message), None, "{message}");
        }
    }

    #[test]
    fn what_is_missing_is_told_by_kind_name_and_key() {
        let object = |kind, name: &str| Missing::Object {
            kind,
            name: name.to_owned(),
        };
        for (message, missing) in [
            (
                r#"configmap "settings" not found"#,
                object(Kind::ConfigMap, "settings"),
            ),
            (
                r#"MountVolume.SetUp failed for volume "s" : secret "tls" not found"#,
                object(Kind::Secret, "tls"),
            ),
            (
                "couldn't find key PORT in ConfigMap shop/settings",
                Missing::Key {
                    kind: Kind::ConfigMap,
                    name: "settings".into(),
                    key: "PORT".into(),
                },
            ),
            (
                r#"MountVolume.SetUp failed for volume "s" : references non-existent secret key: tls.crt"#,
                Missing::OfVolume {
                    volume: "s".into(),
                    key: "tls.crt".into(),
                },
            ),
        ] {
            assert_eq!(Missing::of(message), Some(missing), "{message}");
        }
    }

    fn template(container: &Value, volumes: &Value) -> Value {
        json!({"spec": {"containers": [container], "volumes": volumes}})
    }

    #[test]
    fn a_key_of_a_volume_is_spared_only_by_a_template_that_does_not_take_it() {
        let missing = Missing::of(
            r#"MountVolume.SetUp failed for volume "s" : references non-existent secret key: tls.crt"#,
        )
        .unwrap();
        let with = |volume: Value| json!({"spec": {"volumes": [volume]}});
        let newest = with(
            json!({"name": "s", "secret": {"secretName": "web", "items": [{"key": "tls.crt", "path": "c"}]}}),
        );
        assert!(missing.is_named_by(&newest));
        for (older, spared) in [
            (newest.clone(), false),
            (
                with(
                    json!({"name": "t", "secret": {"secretName": "web", "defaultMode": 256, "items": [{"key": "tls.crt", "path": "d"}]}}),
                ),
                false,
            ),
            (
                with(
                    json!({"name": "s", "projected": {"sources": [{"secret": {"name": "web", "items": [{"key": "tls.crt"}]}}]}}),
                ),
                false,
            ),
            (
                with(
                    json!({"name": "s", "secret": {"secretName": "web", "items": [{"key": "cert"}]}}),
                ),
                true,
            ),
            (
                with(json!({"name": "s", "secret": {"secretName": "web"}})),
                true,
            ),
            (
                with(
                    json!({"name": "s", "secret": {"secretName": "other", "items": [{"key": "tls.crt"}]}}),
                ),
                true,
            ),
        ] {
            assert_eq!(missing.is_spared_by(&newest, &older), spared, "{older}");
        }
        // Without the items in its own template nobody knows what was meant.
        assert!(!missing.is_named_by(&with(json!({"name": "s", "secret": {"secretName": "web"}}))));
    }

    #[test]
    fn a_template_names_what_it_can_not_do_without() {
        let settings = Missing::of(r#"configmap "settings" not found"#).unwrap();
        let none = json!([]);
        for (container, volumes, named) in [
            (
                json!({"envFrom": [{"configMapRef": {"name": "settings"}}]}),
                &none,
                true,
            ),
            (
                json!({"envFrom": [{"configMapRef": {"name": "settings", "optional": true}}]}),
                &none,
                false,
            ),
            (
                json!({"envFrom": [{"secretRef": {"name": "settings"}}]}),
                &none,
                false,
            ),
            (
                json!({"env": [{"valueFrom": {"configMapKeyRef": {"name": "settings", "key": "A"}}}]}),
                &none,
                true,
            ),
            (
                json!({"env": [{"name": "A", "value": "settings"}]}),
                &none,
                false,
            ),
            (
                json!({}),
                &json!([{"name": "s", "configMap": {"name": "settings"}}]),
                true,
            ),
            (
                json!({}),
                &json!([{"name": "s", "projected": {"sources": [{"configMap": {"name": "settings"}}]}}]),
                true,
            ),
            (
                json!({}),
                &json!([{"name": "settings", "emptyDir": {}}]),
                false,
            ),
        ] {
            let template = template(&container, volumes);
            assert_eq!(settings.is_named_by(&template), named, "{template}");
        }
    }

    #[test]
    fn a_missing_key_is_spared_by_who_takes_another_one() {
        let missing = Missing::of("couldn't find key PORT in Secret shop/settings").unwrap();
        let with = |key: &str| {
            let taken =
                json!({"env": [{"valueFrom": {"secretKeyRef": {"name": "settings", "key": key}}}]});
            template(&taken, &json!([]))
        };
        assert!(missing.is_named_by(&with("PORT")));
        assert!(missing.is_spared_by(&with("PORT"), &with("HOST")));
        assert!(!missing.is_spared_by(&with("PORT"), &with("PORT")));
    }
}
