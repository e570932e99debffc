//! Where all objects are: etcd and the generic registry together. One counter of resource versions for everything, as there.

use super::super::controllers::Quota;
use super::super::json;
use super::failure::Failure;
use super::history::{Change, History};
use super::resources::{EVENTS, INCIDENTS, LEASES, PODS, Resource};
use crate::platform::clock::Clock;
use jiff::Timestamp;
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::ops::Bound;
use std::sync::Arc;
use tokio::sync::watch;

/// What names are made of when they are generated (Kubernetes `k8s.io/apimachinery/pkg/util/rand`): no vowels, so no words.
const NAME_LETTERS: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";

/// Where the count of resource versions begins: a cluster is never new, and what came before is forgotten.
const FIRST_VERSION: u64 = 1_000;

/// The objects of one resource, by namespace (empty for those that are in none) and name.
type Objects = BTreeMap<String, BTreeMap<String, Arc<Value>>>;

/// The objects.
pub(crate) struct Store {
    clock: Clock,
    version: u64,
    /// Like the version, but of what controllers and kubelets work on alone.
    moved: u64,
    made: u64,
    /// By plural.
    objects: BTreeMap<&'static str, Objects>,
    history: History,
    /// What the pods of each namespace may ask for.
    pub(crate) quotas: BTreeMap<String, Quota>,
    /// Tells watches that there is something new.
    changed: watch::Sender<u64>,
}

fn namespace_of(object: &Value) -> &str {
    json::text(object, "/metadata/namespace")
}

fn name_of(object: &Value) -> &str {
    json::text(object, "/metadata/name")
}

impl Store {
    pub(crate) fn new(clock: Clock) -> Self {
        Self {
            clock,
            version: FIRST_VERSION,
            moved: 0,
            made: 0,
            objects: BTreeMap::new(),
            quotas: BTreeMap::new(),
            history: History::since(FIRST_VERSION),
            changed: watch::Sender::new(FIRST_VERSION),
        }
    }

    pub(crate) fn history(&self) -> &History {
        &self.history
    }

    /// Forgets what has changed so far.
    pub(crate) fn forget_history(&mut self) {
        self.history.forget(self.version);
        self.wake_watches();
    }

    /// Shows every change's version.
    pub(crate) fn versions(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// Lets everybody who watches look again.
    pub(crate) fn wake_watches(&self) {
        self.changed.send_replace(self.version);
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

    /// Moves with every change of something that controllers or kubelets may have to answer: most writes are of none such.
    pub(crate) fn moved(&self) -> u64 {
        self.moved
    }

    fn move_on(&mut self, resource: &Resource) {
        self.version += 1;
        if ![EVENTS, INCIDENTS, LEASES].contains(&resource) {
            self.moved += 1;
        }
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
        self.shared(resource, namespace, name)
            .map(|object| &**object)
    }

    fn shared(&self, resource: &Resource, namespace: &str, name: &str) -> Option<&Arc<Value>> {
        self.objects.get(resource.plural)?.get(namespace)?.get(name)
    }

    /// All objects of a resource in order of their namespaces and names; `None` = in all namespaces.
    pub(crate) fn list<'a>(
        &'a self,
        resource: &'static Resource,
        namespace: Option<&'a str>,
    ) -> impl Iterator<Item = &'a Value> {
        self.shared_list(resource, namespace)
            .map(|object| &**object)
    }

    fn shared_list<'a>(
        &'a self,
        resource: &'static Resource,
        namespace: Option<&'a str>,
    ) -> impl Iterator<Item = &'a Arc<Value>> {
        let range = match namespace {
            Some(namespace) => (Bound::Included(namespace), Bound::Included(namespace)),
            None => (Bound::Unbounded, Bound::Unbounded),
        };
        let objects = self.objects.get(resource.plural);
        objects
            .into_iter()
            .flat_map(move |objects| objects.range::<str, _>(range))
            .flat_map(|(_, objects)| objects.values())
    }

    /// Those objects of a resource, in all namespaces, that somebody has to work on: kept while the store changes.
    pub(crate) fn pick(
        &self,
        resource: &'static Resource,
        concerned: impl Fn(&Value) -> bool,
    ) -> Vec<Arc<Value>> {
        let all = self.shared_list(resource, None);
        all.filter(|object| concerned(object)).cloned().collect()
    }

    /// The objects that one object controls, oldest first.
    pub(crate) fn controlled_by(
        &self,
        resource: &'static Resource,
        namespace: &str,
        uid: &str,
    ) -> Vec<Arc<Value>> {
        let mut found: Vec<Arc<Value>> = self
            .shared_list(resource, Some(namespace))
            .filter(|object| json::owner_uid(object) == uid)
            .cloned()
            .collect();
        // Times are kept in whole seconds of UTC: as texts they have the order of the times.
        let age = |object: &Arc<Value>| {
            let part = |pointer| json::text(object, pointer).to_owned();
            (part("/metadata/creationTimestamp"), part("/metadata/name"))
        };
        found.sort_by_cached_key(age);
        found
    }

    /// What a new object becomes: server-side metadata is filled in.
    pub(crate) fn prepare(
        &mut self,
        resource: &'static Resource,
        mut object: Value,
    ) -> Result<Value, Failure> {
        let name = name_of(&object);
        if self.get(resource, namespace_of(&object), name).is_some() {
            return Err(Failure::already_exists(resource, name));
        }
        json::set(&mut object, "/apiVersion", resource.api_version());
        json::set(&mut object, "/kind", resource.kind);
        let uid = self.fresh_uid();
        json::set(&mut object, "/metadata/uid", uid);
        json::set(&mut object, "/metadata/creationTimestamp", self.stamp());
        if resource.has_generation() {
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
    ) -> Result<Arc<Value>, Failure> {
        let object = self.prepare(resource, object)?;
        Ok(self.put(resource, object))
    }

    /// Stores an object as it is and gives it the next resource version; one that has not changed keeps its own, as in etcd's registry.
    pub(crate) fn put(
        &mut self,
        resource: &'static Resource,
        object: impl Into<Arc<Value>>,
    ) -> Arc<Value> {
        let mut object = object.into();
        let live = self.shared(resource, namespace_of(&object), name_of(&object));
        let live = live.cloned();
        if let Some(live) = &live {
            if Arc::ptr_eq(live, &object) {
                return object;
            }
            // A pod's spec changes only when it is bound to its node, and that is no new generation.
            if resource.has_generation()
                && resource != PODS
                && json::number(live, "/metadata/generation")
                    == json::number(&object, "/metadata/generation")
                && live.get("spec") != object.get("spec")
            {
                let next = json::number(live, "/metadata/generation") + 1;
                json::set(Arc::make_mut(&mut object), "/metadata/generation", next);
            }
            if *live == object {
                return object;
            }
        }
        self.move_on(resource);
        let version = self.version.to_string();
        json::set(
            Arc::make_mut(&mut object),
            "/metadata/resourceVersion",
            version,
        );
        let namespaces = self.objects.entry(resource.plural).or_default();
        let objects = namespaces
            .entry(namespace_of(&object).to_owned())
            .or_default();
        objects.insert(name_of(&object).to_owned(), Arc::clone(&object));
        self.changed(resource, live, Some(Arc::clone(&object)));
        object
    }

    /// Takes an object away, at once.
    pub(crate) fn delete(
        &mut self,
        resource: &'static Resource,
        namespace: &str,
        name: &str,
    ) -> Option<Arc<Value>> {
        let objects = self.objects.get_mut(resource.plural)?.get_mut(namespace)?;
        let removed = objects.remove(name)?;
        self.move_on(resource);
        self.changed(resource, Some(Arc::clone(&removed)), None);
        Some(removed)
    }

    fn changed(
        &mut self,
        resource: &'static Resource,
        before: Option<Arc<Value>>,
        after: Option<Arc<Value>>,
    ) {
        self.history.note(Change {
            version: self.version,
            resource,
            before,
            after,
        });
        self.wake_watches();
    }
}
