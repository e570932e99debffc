//! Events as client-go's recorder keeps them: one that says the same about the same again is counted, not repeated, and too many that differ in
//! their words alone are combined (`tools/record/events_cache.go`). Some are lost, when a person says so, and all expire.

use super::super::api::resources::EVENTS;
use super::super::api::store::Store;
use super::super::json;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// How long an event is kept after it was last told (kube-apiserver `--event-ttl`).
const KEPT_FOR: SignedDuration = SignedDuration::from_hours(1);

/// So many events about one object that differ in their words alone are combined, when no more than this lies between two of them.
const SIMILAR: usize = 10;
const SIMILAR_WITHIN: SignedDuration = SignedDuration::from_mins(10);

/// Who tells an event.
pub(crate) struct Reporter<'a> {
    pub(crate) component: &'static str,
    /// The node, for kubelets.
    pub(crate) host: &'a str,
}

/// What is told.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    /// Which part of the object: `spec.containers{web}`; empty for events about all of it.
    pub(crate) part: String,
    /// `Normal` or `Warning`.
    pub(crate) kind: &'static str,
    pub(crate) reason: &'static str,
    pub(crate) message: String,
}

impl Told {
    /// About the whole object.
    pub(crate) fn whole(kind: &'static str, reason: &'static str, message: String) -> Self {
        Self {
            part: String::new(),
            kind,
            reason,
            message,
        }
    }
}

/// Remembers which event says what, and which are to be lost.
#[derive(Default)]
pub(crate) struct Recorder {
    names: BTreeMap<[String; 5], String>,
    /// What was said about an object for one reason, and when last.
    similar: BTreeMap<[String; 3], (Timestamp, BTreeSet<String>)>,
    /// How many of the next ones are lost.
    pub(crate) lose_next: u64,
    /// The namespaces whose events are all lost.
    pub(crate) lose_in: BTreeSet<String>,
    /// No event expires before; `None` = not known.
    expires: Option<Timestamp>,
}

impl Recorder {
    /// Tells one thing about an object.
    pub(crate) fn tell(
        &mut self,
        store: &mut Store,
        about: &Value,
        by: &Reporter<'_>,
        told: &Told,
    ) {
        let namespace = namespace_of(about);
        if self.loses(namespace) {
            return;
        }
        let uid = json::text(about, "/metadata/uid").to_owned();
        let combined = self.is_one_of_many(&uid, told, store.now()).then(|| Told {
            message: format!("(combined from similar events): {}", told.message),
            ..told.clone()
        });
        let told = combined.as_ref().unwrap_or(told);
        let key = [
            uid,
            told.part.clone(),
            told.kind.to_owned(),
            told.reason.to_owned(),
            // A combined one shows the last words of all.
            if combined.is_some() {
                String::new()
            } else {
                told.message.clone()
            },
        ];
        let now = store.stamp();
        if let Some(name) = self.names.get(&key)
            && let Some(mut event) = store.get(EVENTS, namespace, name).cloned()
        {
            let count = json::number(&event, "/count") + 1;
            json::set(&mut event, "/count", count);
            json::set(&mut event, "/lastTimestamp", now);
            json::set(&mut event, "/message", told.message.as_str());
            store.put(EVENTS, event);
            return;
        }
        let mut event = base(store, about, told);
        json::set(&mut event, "/count", 1);
        json::set(&mut event, "/eventTime", Value::Null);
        json::set(&mut event, "/firstTimestamp", now.as_str());
        json::set(&mut event, "/lastTimestamp", now);
        json::set(&mut event, "/reportingComponent", by.component);
        json::set(&mut event, "/reportingInstance", by.host);
        json::set(&mut event, "/source", json!({"component": by.component}));
        if !by.host.is_empty() {
            json::set(&mut event, "/source/host", by.host);
        }
        if !told.part.is_empty() {
            json::set(&mut event, "/involvedObject/fieldPath", told.part.as_str());
        }
        let name = json::text(&event, "/metadata/name").to_owned();
        if store.create(EVENTS, event).is_ok() {
            self.names.insert(key, name);
        }
    }

    /// The scheduler's event about a pod: it has the newer shape of time stamps, and is not counted.
    pub(crate) fn tell_of_scheduling(
        &mut self,
        store: &mut Store,
        pod: &Value,
        action: &str,
        told: &Told,
    ) {
        if self.loses(namespace_of(pod)) {
            return;
        }
        let mut event = base(store, pod, told);
        json::set(&mut event, "/action", action);
        json::set(&mut event, "/eventTime", format!("{:.6}", store.now()));
        json::set(&mut event, "/firstTimestamp", Value::Null);
        json::set(&mut event, "/lastTimestamp", Value::Null);
        json::set(&mut event, "/reportingComponent", "default-scheduler");
        json::set(&mut event, "/reportingInstance", "default-scheduler-sim");
        json::set(&mut event, "/source", json!({}));
        let _ = store.create(EVENTS, event);
    }

    /// Whether an event is one too many of its kind. The first nine words that were said keep their own events.
    fn is_one_of_many(&mut self, uid: &str, told: &Told, now: Timestamp) -> bool {
        let key = [uid.to_owned(), told.kind.to_owned(), told.reason.to_owned()];
        let (last, words) = self.similar.entry(key).or_insert((now, BTreeSet::new()));
        if now.duration_since(*last) > SIMILAR_WITHIN {
            words.clear();
        }
        *last = now;
        if words.len() + 1 < SIMILAR || words.contains(&told.message) {
            words.insert(told.message.clone());
            return false;
        }
        true
    }

    fn loses(&mut self, namespace: &str) -> bool {
        if self.lose_next > 0 {
            self.lose_next -= 1;
            return true;
        }
        self.lose_in.contains(namespace)
    }

    /// Takes away the events that were last told too long ago, whoever told them.
    pub(crate) fn expire(&mut self, store: &mut Store) {
        let now = store.now();
        if self.expires.is_some_and(|expires| now < expires) {
            return;
        }
        let expiry = |event: &Value| {
            let told = [
                "/series/lastObservedTime",
                "/lastTimestamp",
                "/eventTime",
                "/metadata/creationTimestamp",
            ];
            let told = told.iter().filter_map(|field| json::time(event, field));
            told.max()?.checked_add(KEPT_FOR).ok()
        };
        let mut gone = Vec::new();
        // What is told from now on lives longer than what is there.
        let mut next = now.checked_add(KEPT_FOR).unwrap_or(now);
        for event in store.list(EVENTS, None) {
            match expiry(event) {
                Some(expiry) if now < expiry => next = next.min(expiry),
                _ => gone.push((
                    namespace_of(event).to_owned(),
                    json::text(event, "/metadata/name").to_owned(),
                )),
            }
        }
        for (namespace, name) in gone {
            store.delete(EVENTS, &namespace, &name);
        }
        self.expires = Some(next);
    }
}

/// Events about cluster-scoped objects are in `default`.
fn namespace_of(about: &Value) -> &str {
    match json::text(about, "/metadata/namespace") {
        "" => "default",
        namespace => namespace,
    }
}

fn base(store: &mut Store, about: &Value, told: &Told) -> Value {
    let name = json::text(about, "/metadata/name");
    let namespace = namespace_of(about);
    let mut event = json!({
        "metadata": {"name": format!("{name}.{}", store.fresh_hex(16)), "namespace": namespace},
        "involvedObject": {
            "apiVersion": json::text(about, "/apiVersion"),
            "kind": json::text(about, "/kind"),
            "name": name,
            "resourceVersion": json::text(about, "/metadata/resourceVersion"),
            "uid": json::text(about, "/metadata/uid"),
        },
        "reason": told.reason,
        "message": told.message,
        "type": told.kind,
    });
    let own = json::text(about, "/metadata/namespace");
    if !own.is_empty() {
        json::set(&mut event, "/involvedObject/namespace", own);
    }
    event
}
