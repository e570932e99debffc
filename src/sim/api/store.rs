//! Where all objects are: etcd and the generic registry together. One counter of resource versions for everything, as there.

use super::super::json;
use super::failure::Failure;
use super::resources::Resource;
use crate::platform::clock::Clock;
use jiff::Timestamp;
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// What names are made of when they are generated (Kubernetes `k8s.io/apimachinery/pkg/util/rand`): no vowels, so no words.
const NAME_LETTERS: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";

/// Resource, namespace (empty for cluster-scoped objects), name.
type Key = (&'static str, String, String);

/// The objects.
pub(crate) struct Store {
    clock: Clock,
    version: u64,
    made: u64,
    objects: BTreeMap<Key, Value>,
}

fn key(resource: &Resource, namespace: &str, name: &str) -> Key {
    (resource.plural, namespace.to_owned(), name.to_owned())
}

fn key_of(resource: &Resource, object: &Value) -> Key {
    key(
        resource,
        json::text(object, "/metadata/namespace"),
        json::text(object, "/metadata/name"),
    )
}

impl Store {
    pub(crate) fn new(clock: Clock) -> Self {
        Self {
            clock,
            version: 0,
            made: 0,
            objects: BTreeMap::new(),
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The time as objects carry it: without fractions.
    pub(crate) fn stamp(&self) -> String {
        crate::domain::time::whole_seconds(self.now()).to_string()
    }

    /// Moves with every change of anything.
    pub(crate) fn version(&self) -> u64 {
        self.version
    }

    /// So many hexadecimal digits that nobody got before, the same in every run.
    pub(crate) fn fresh_hex(&mut self, digits: usize) -> String {
        self.made += 1;
        let mut hex = String::new();
        for byte in Sha256::digest(self.made.to_be_bytes()) {
            let _ = write!(hex, "{byte:02x}");
        }
        hex.chars().take(digits).collect()
    }

    /// Five letters for a generated name.
    pub(crate) fn fresh_suffix(&mut self) -> String {
        self.made += 1;
        Sha256::digest(self.made.to_be_bytes())
            .iter()
            .take(5)
            .filter_map(|byte| NAME_LETTERS.get(usize::from(*byte) % NAME_LETTERS.len()))
            .map(|letter| char::from(*letter))
            .collect()
    }

    fn fresh_uid(&mut self) -> String {
        let hex = self.fresh_hex(32);
        let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default().to_owned();
        let parts = [
            part(0, 8),
            part(8, 12),
            part(12, 16),
            part(16, 20),
            part(20, 32),
        ];
        parts.join("-")
    }

    pub(crate) fn get(&self, resource: &Resource, namespace: &str, name: &str) -> Option<&Value> {
        self.objects.get(&key(resource, namespace, name))
    }

    /// All objects of a resource in order of their names; `None` = in all namespaces.
    pub(crate) fn list<'a>(
        &'a self,
        resource: &'static Resource,
        namespace: Option<&'a str>,
    ) -> impl Iterator<Item = &'a Value> {
        let first = key(resource, namespace.unwrap_or_default(), "");
        self.objects
            .range(first..)
            .take_while(move |((plural, within, _), _)| {
                *plural == resource.plural && namespace.is_none_or(|namespace| within == namespace)
            })
            .map(|(_, object)| object)
    }

    /// The objects that one object controls, oldest first.
    pub(crate) fn controlled_by(
        &self,
        resource: &'static Resource,
        namespace: &str,
        uid: &str,
    ) -> Vec<Value> {
        let mut found: Vec<Value> = self
            .list(resource, Some(namespace))
            .filter(|object| json::owner_uid(object) == uid)
            .cloned()
            .collect();
        found.sort_by_key(|object| {
            (
                json::time(object, "/metadata/creationTimestamp"),
                json::text(object, "/metadata/name").to_owned(),
            )
        });
        found
    }

    /// What a new object becomes: server-side metadata is filled in.
    pub(crate) fn prepare(
        &mut self,
        resource: &'static Resource,
        mut object: Value,
    ) -> Result<Value, Failure> {
        let key = key_of(resource, &object);
        if self.objects.contains_key(&key) {
            return Err(Failure::already_exists(resource, &key.2));
        }
        json::set(&mut object, "/apiVersion", resource.api_version());
        json::set(&mut object, "/kind", resource.kind);
        let uid = self.fresh_uid();
        json::set(&mut object, "/metadata/uid", uid);
        json::set(&mut object, "/metadata/creationTimestamp", self.stamp());
        if object.get("spec").is_some() {
            json::set(&mut object, "/metadata/generation", 1);
        }
        json::remove(&mut object, "/metadata/resourceVersion");
        Ok(object)
    }

    /// Makes an object.
    pub(crate) fn create(
        &mut self,
        resource: &'static Resource,
        object: Value,
    ) -> Result<Value, Failure> {
        let object = self.prepare(resource, object)?;
        Ok(self.put(resource, object))
    }

    /// Stores an object as it is and gives it the next resource version; one that has not changed keeps its own, as in etcd's registry.
    pub(crate) fn put(&mut self, resource: &'static Resource, mut object: Value) -> Value {
        let key = key_of(resource, &object);
        if let Some(live) = self.objects.get(&key) {
            if live.get("spec") != object.get("spec")
                && json::number(live, "/metadata/generation")
                    == json::number(&object, "/metadata/generation")
            {
                let next = json::number(live, "/metadata/generation") + 1;
                json::set(&mut object, "/metadata/generation", next);
            }
            if *live == object {
                return object;
            }
        }
        self.version += 1;
        json::set(
            &mut object,
            "/metadata/resourceVersion",
            self.version.to_string(),
        );
        self.objects.insert(key, object.clone());
        object
    }

    /// Takes an object away, at once.
    pub(crate) fn delete(
        &mut self,
        resource: &Resource,
        namespace: &str,
        name: &str,
    ) -> Option<Value> {
        let removed = self.objects.remove(&key(resource, namespace, name));
        if removed.is_some() {
            self.version += 1;
        }
        removed
    }
}
