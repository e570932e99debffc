//! Get and list.

use super::super::json;
use super::call::{Call, Objects};
use super::failure::Failure;
use super::resources::INCIDENTS;
use super::selector::Selection;
use super::{ApiState, events};
use data_encoding::BASE64URL_NOPAD;
use serde_json::{Value, json};

/// An object as this path shows it.
pub(super) fn shown(objects: &Objects, object: &Value) -> Value {
    if objects.newer_events {
        events::newer(object)
    } else {
        object.clone()
    }
}

/// The object that a path names, as it is stored.
pub(super) fn live<'a>(
    api: &'a ApiState,
    objects: &Objects,
    name: &str,
) -> Result<&'a Value, Failure> {
    let namespace = objects.namespace.as_deref().unwrap_or_default();
    let found = api.store.get(objects.resource, namespace, name);
    found.ok_or_else(|| Failure::not_found(objects.resource, name))
}

pub(super) fn get(api: &ApiState, objects: &Objects, name: &str) -> Result<Value, Failure> {
    Ok(shown(objects, live(api, objects, name)?))
}

pub(super) fn list(api: &ApiState, call: &Call, objects: &Objects) -> Result<Value, Failure> {
    let selection = Selection::of(call, objects)?;
    let version = api.store.version();
    let page = Page::of(call, version)?;
    let mut metadata = json!({"resourceVersion": version.to_string()});
    let mut items = Vec::new();
    let found = api
        .store
        .list(objects.resource, objects.namespace.as_deref());
    let mut found = found.filter(|object| page.is_ahead(object));
    while let Some(object) = found.next() {
        if selection.fits(object) {
            items.push(item(objects, object));
        }
        if items.len() == page.most {
            // Whether those that are left fit is not looked at: the next page may be empty.
            let left = found.count();
            if left > 0 {
                json::set(&mut metadata, "/continue", Page::token(version, object));
                // With a selector the server does not know how many are left.
                if selection.is_everything() {
                    json::set(&mut metadata, "/remainingItemCount", left);
                }
            }
            break;
        }
    }
    Ok(json!({
        "kind": format!("{}List", objects.resource.kind),
        "apiVersion": objects.api_version(),
        "metadata": metadata,
        "items": items,
    }))
}

/// Items of a list of built-in objects come without kind and version; custom resources keep them.
fn item(objects: &Objects, object: &Value) -> Value {
    let mut item = shown(objects, object);
    if objects.resource != INCIDENTS {
        json::remove(&mut item, "/apiVersion");
        json::remove(&mut item, "/kind");
    }
    item
}

/// Which part of a list is asked for.
struct Page {
    most: usize,
    /// Namespace and name of the last object of the page before.
    after: Option<(String, String)>,
}

impl Page {
    fn of(call: &Call, version: u64) -> Result<Self, Failure> {
        let most = match call.parameter("limit") {
            "" | "0" => usize::MAX,
            limit => limit
                .parse()
                .map_err(|_| Failure::bad_request(format!("limit: Invalid value: \"{limit}\"")))?,
        };
        let token = call.parameter("continue");
        if token.is_empty() {
            return Ok(Self { most, after: None });
        }
        let read = BASE64URL_NOPAD.decode(token.as_bytes()).ok();
        let read =
            read.and_then(|text| serde_json::from_slice::<(u64, String, String)>(&text).ok());
        let Some((of_version, namespace, name)) = read else {
            let message = "invalid continue token: continue key is not valid";
            return Err(Failure::bad_request(message));
        };
        // The real one goes on with the list as it was, until that version is forgotten. Here it is forgotten with the next change.
        if of_version != version {
            return Err(Failure::expired(
                "The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter.",
            ));
        }
        Ok(Self {
            most,
            after: Some((namespace, name)),
        })
    }

    fn token(version: u64, last: &Value) -> String {
        let namespace = json::text(last, "/metadata/namespace");
        let name = json::text(last, "/metadata/name");
        BASE64URL_NOPAD.encode(json!([version, namespace, name]).to_string().as_bytes())
    }

    fn is_ahead(&self, object: &Value) -> bool {
        self.after.as_ref().is_none_or(|(namespace, name)| {
            let own = (
                json::text(object, "/metadata/namespace"),
                json::text(object, "/metadata/name"),
            );
            own > (namespace, name)
        })
    }
}
