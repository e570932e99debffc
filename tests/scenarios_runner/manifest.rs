//! Manifests as `kubectl apply` takes them, or as `kubectl get -o yaml` shows them.

use super::shape::{self, Text};
use super::text::{Document, Mistake, Source};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Secret};
use serde::Deserialize;
use serde_json::Value;

/// What a live object has and a manifest has not.
const MACHINE_MADE: [&str; 7] = [
    "creationTimestamp",
    "deletionTimestamp",
    "generation",
    "managedFields",
    "resourceVersion",
    "selfLink",
    "uid",
];

/// One object to be applied.
#[derive(Clone, Debug)]
pub(crate) struct Manifest {
    pub(crate) kind: String,
    pub(crate) object: Value,
    /// Where it begins, for what the API server says against it.
    pub(crate) line: u64,
}

/// The key that tells manifests from a story.
#[derive(Debug, Deserialize)]
pub(crate) struct Header {
    pub(crate) kind: Text,
}

impl Manifest {
    /// All manifests of a file.
    pub(crate) fn all_of(source: &Source) -> Result<Vec<Self>, Mistake> {
        let documents = source.documents();
        documents
            .iter()
            .map(|document| {
                let header: Header = shape::read(source, document)?;
                Self::of(source, document, &header)
            })
            .collect()
    }

    /// One manifest. The API server refuses fields that it does not know, and so do we.
    pub(crate) fn of(
        source: &Source,
        document: &Document,
        header: &Header,
    ) -> Result<Self, Mistake> {
        let kind = header.kind.value.as_str();
        let mut object: Value = shape::read(source, document)?;
        tidy(&mut object);
        let known = match kind {
            "Deployment" => typed::<Deployment>(source, document, &object)?,
            "Namespace" => typed::<Namespace>(source, document, &object)?,
            "ConfigMap" => typed::<ConfigMap>(source, document, &object)?,
            "Secret" => typed::<Secret>(source, document, &object)?,
            _ => {
                let what = format!("a `{kind}` can't be in a case");
                let expected = "kind: Deployment, ConfigMap, Secret, Namespace or Story";
                return Err(source.wrong(header.kind.defined, what, expected));
            }
        };
        let whole = ["/metadata/name", "/metadata/namespace"];
        let needed = if kind == "Namespace" { 1 } else { 2 };
        for path in whole.iter().take(needed) {
            if object.pointer(path).and_then(Value::as_str).is_none() {
                let what = format!("this {kind} has no `{}`", path[1..].replace('/', "."));
                return Err(source.wrong(header.kind.defined, what, "a name, as in a manifest"));
            }
        }
        if let Some(field) = unknown(&object, &known, "") {
            let (line, column) = place_of(document, &field);
            let what = format!("unknown field `{field}` of a {kind}");
            return Err(source.mistake(line, column, what, "a field that the API server knows"));
        }
        Ok(Self {
            kind: kind.to_owned(),
            object,
            line: header.kind.defined.line(),
        })
    }

    pub(crate) fn name(&self) -> &str {
        self.text("/metadata/name")
    }

    pub(crate) fn namespace(&self) -> &str {
        match self.kind.as_str() {
            "Namespace" => self.name(),
            _ => self.text("/metadata/namespace"),
        }
    }

    fn text(&self, path: &str) -> &str {
        self.object.pointer(path).and_then(Value::as_str).unwrap()
    }
}

/// Takes away what only a live object has, and writes quantities as the typed structs read them: `cpu: 1` is right too.
fn tidy(object: &mut Value) {
    let fields = object.as_object_mut();
    if let Some(fields) = fields {
        fields.remove("status");
        if let Some(metadata) = fields.get_mut("metadata").and_then(Value::as_object_mut) {
            metadata.retain(|key, _| !MACHINE_MADE.contains(&key.as_str()));
            if let Some(annotations) = metadata
                .get_mut("annotations")
                .and_then(Value::as_object_mut)
            {
                let ours = |key: &str| {
                    key.starts_with("deployment.kubernetes.io/")
                        || key == "kubectl.kubernetes.io/last-applied-configuration"
                };
                annotations.retain(|key, _| !ours(key));
            }
        }
    }
    quantities(object);
}

fn quantities(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (key, field) in fields.iter_mut() {
                if ["limits", "requests"].contains(&key.as_str()) {
                    for quantity in field.as_object_mut().into_iter().flatten() {
                        if quantity.1.is_number() {
                            *quantity.1 = Value::String(quantity.1.to_string());
                        }
                    }
                } else {
                    quantities(field);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(quantities),
        _ => {}
    }
}

/// The object as the typed struct understands it.
fn typed<T: serde::de::DeserializeOwned + serde::Serialize>(
    source: &Source,
    document: &Document,
    object: &Value,
) -> Result<Value, Mistake> {
    match serde_json::from_value::<T>(object.clone()) {
        Ok(typed) => Ok(serde_json::to_value(typed).unwrap()),
        // Once more from the text: the reader knows the place.
        Err(error) => Err(match shape::read::<T>(source, document) {
            Err(mistake) => mistake,
            Ok(_) => source.mistake(
                u64::try_from(document.line).unwrap(),
                1,
                error.to_string(),
                "what the API server would take",
            ),
        }),
    }
}

/// The path of the first field that the typed struct did not keep.
fn unknown(object: &Value, known: &Value, path: &str) -> Option<String> {
    match (object, known) {
        (Value::Object(fields), Value::Object(kept)) => fields.iter().find_map(|(key, value)| {
            let path = format!("{path}{}{key}", if path.is_empty() { "" } else { "." });
            match kept.get(key) {
                Some(kept) => unknown(value, kept, &path),
                // Left out as empty: that is no loss.
                None if is_empty(value) => None,
                None => Some(path),
            }
        }),
        (Value::Array(items), Value::Array(kept)) => items
            .iter()
            .zip(kept)
            .enumerate()
            .find_map(|(index, (item, kept))| unknown(item, kept, &format!("{path}[{index}]"))),
        _ => None,
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        _ => false,
    }
}

/// Where a field stands: the first line of the document with its key.
fn place_of(document: &Document, path: &str) -> (u64, u64) {
    let key = path.rsplit('.').next().unwrap_or(path);
    let with_key = |line: &str| {
        let at = line.find(&format!("{key}:"))?;
        let before = line.as_bytes().get(at.wrapping_sub(1)).copied();
        let begins = before.is_none_or(|byte| b" {,-\"'".contains(&byte));
        begins.then_some(at + 1)
    };
    (1..)
        .zip(document.text.lines())
        .find_map(|(number, line)| Some((number, u64::try_from(with_key(line)?).unwrap())))
        .unwrap_or((u64::try_from(document.line).unwrap(), 1))
}
