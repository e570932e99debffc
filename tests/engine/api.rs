//! A small API server behind the real client: one Deployment with its ReplicaSets and pods, Incidents, resource versions, JSON Patch, a
//! controller that is done at once, and faults by script. It keeps a log of everything that was asked.

use http::{Method, Request, Response};
use http_body_util::{BodyExt, Full};
use jiff::{SignedDuration, Timestamp};
use kube::CustomResourceExt;
use kube::client::Body;
use ripcord::platform::clock::Clock;
use ripcord::record::crd::Incident;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard};
use std::time::Duration;

/// One request, with what became of it.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) operation: &'static str,
    pub(crate) status: u16,
    /// For a patch of the workload: its action id, and the action id of the plan that an Incident in Acting had then.
    pub(crate) action: String,
    pub(crate) intent: Option<String>,
}

/// What happens to a request.
pub(crate) enum Fault {
    /// It is refused.
    Refuse(u16, &'static str),
    /// It is carried out, and the answer is lost.
    LoseAnswer,
    /// It is neither carried out nor answered.
    LoseRequest,
    /// The whole process stands still before the answer arrives (SIGSTOP), while something happens elsewhere.
    Freeze(Duration, fn(&mut State)),
    /// The answer takes so long.
    Slow(Duration),
    /// Something else happens just before.
    First(Box<dyn FnMut(&mut State) + Send>),
}

struct Scripted {
    operation: &'static str,
    /// Only right after this operation; empty = always.
    after: &'static str,
    times: usize,
    fault: Fault,
}

/// The cluster.
pub(crate) struct State {
    version: u64,
    clock: Clock,
    pub(crate) deployment: Value,
    pub(crate) replica_sets: Vec<Value>,
    pub(crate) pods: Vec<Value>,
    pub(crate) namespace_annotations: Value,
    pub(crate) incidents: BTreeMap<String, Value>,
    pub(crate) log: Vec<Asked>,
    /// Images whose pods become ready.
    pub(crate) good_images: Vec<&'static str>,
    script: Vec<Scripted>,
    /// Which request is never answered, by its place in the log, and whether it is carried out.
    pub(crate) halt: Option<(usize, bool)>,
    /// Whether that has happened.
    pub(crate) halted: bool,
}

#[derive(Clone)]
pub(crate) struct Api(Arc<Mutex<State>>);

fn template(image: &str) -> Value {
    json!({"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "web", "image": image}]}})
}

impl Api {
    /// `web:1` was good for half an hour; `web:2` was rolled out two minutes ago and has an invalid image name, if `broken`.
    pub(crate) fn new(clock: Clock, broken: bool) -> Self {
        let mut state = State {
            version: 100,
            clock,
            deployment: json!({
                "apiVersion": "apps/v1", "kind": "Deployment",
                "metadata": {"name": "web", "namespace": "lab30", "uid": "d1", "generation": 1, "resourceVersion": "1",
                    "managedFields": [{"manager": "kubectl-create", "operation": "Update", "apiVersion": "apps/v1", "fieldsType": "FieldsV1",
                        "fieldsV1": {"f:spec": {"f:template": {"f:spec": {"f:containers": {"k:{\"name\":\"web\"}": {"f:image": {}}}}}}}}]},
                "spec": {"replicas": 1, "selector": {"matchLabels": {"app": "web"}}, "template": template("web:1")},
            }),
            replica_sets: Vec::new(),
            pods: Vec::new(),
            namespace_annotations: json!({}),
            incidents: BTreeMap::new(),
            log: Vec::new(),
            good_images: vec!["web:1"],
            script: Vec::new(),
            halt: None,
            halted: false,
        };
        state.reconcile();
        state.deploy("web:2");
        if !broken {
            state.good_images.push("web:2");
            state.pods.clear();
            state.reconcile();
        }
        Self(Arc::new(Mutex::new(state)))
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    pub(crate) fn on(&self, operation: &'static str, times: usize, fault: Fault) {
        self.after("", operation, times, fault);
    }

    pub(crate) fn after(
        &self,
        after: &'static str,
        operation: &'static str,
        times: usize,
        fault: Fault,
    ) {
        self.state().script.push(Scripted {
            operation,
            after,
            times,
            fault,
        });
    }

    pub(crate) fn client(&self) -> kube::Client {
        let api = self.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let api = api.clone();
            async move { Ok::<_, std::convert::Infallible>(api.serve(request).await) }
        });
        kube::Client::new(service, "default")
    }

    async fn serve(&self, request: Request<Body>) -> Response<Full<bytes::Bytes>> {
        let (head, body) = request.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let body: Value = serde_json::from_slice(&body).unwrap_or_default();
        let path = head.uri.path().to_owned();
        let dry = head.uri.query().unwrap_or_default().contains("dryRun=All");
        let operation = operation(&head.method, &path, dry);
        let (mut lose_answer, mut wait, mut freeze, mut refused) = (false, None, None, None);
        {
            let mut state = self.state();
            if let Some((place, carried_out)) = state.halt
                && state.log.len() >= place
            {
                (state.halt, state.halted) = (None, true);
                lose_answer = true;
                if !carried_out {
                    refused = Some((0, ""));
                }
            }
            let last = state.log.last().map_or("", |asked| asked.operation);
            let found = state.script.iter().position(|scripted| {
                scripted.operation == operation
                    && scripted.times > 0
                    && (scripted.after.is_empty() || scripted.after == last)
            });
            if let Some(found) = found {
                let mut scripted = state.script.remove(found);
                scripted.times -= 1;
                match &mut scripted.fault {
                    Fault::Refuse(code, reason) => refused = Some((*code, *reason)),
                    Fault::LoseAnswer => lose_answer = true,
                    Fault::LoseRequest => refused = Some((0, "")),
                    Fault::Freeze(time, happens) => freeze = Some((*time, *happens)),
                    Fault::Slow(time) => wait = Some(*time),
                    Fault::First(happens) => happens(&mut state),
                }
                state.script.insert(found, scripted);
            }
        }
        if let Some(time) = wait {
            tokio::time::sleep(time).await;
        }
        let (status, answer) = match refused {
            Some((code, reason)) => (code, failure(code, reason)),
            None => self
                .state()
                .answer(operation, &path, head.uri.query(), &body, dry),
        };
        self.state().note(operation, status, &body);
        if lose_answer || status == 0 {
            std::future::pending::<()>().await;
        }
        if let Some((time, happens)) = freeze {
            happens(&mut self.state());
            tokio::time::advance(time).await;
        }
        let answer = Full::new(bytes::Bytes::from(answer.to_string()));
        Response::builder().status(status).body(answer).unwrap()
    }

    pub(crate) fn count(&self, operation: &str) -> usize {
        self.asked(operation, |_| true)
    }

    pub(crate) fn accepted(&self, operation: &str) -> usize {
        self.asked(operation, |asked| asked.status < 300)
    }

    fn asked(&self, operation: &str, which: impl Fn(&Asked) -> bool) -> usize {
        let state = self.state();
        let asked = state.log.iter();
        asked
            .filter(|asked| asked.operation == operation && which(asked))
            .count()
    }

    /// What must hold whatever happens: every accepted patch had its intent in a record before it, and no action id was accepted twice.
    pub(crate) fn check_writes(&self) {
        let state = self.state();
        let mut seen = Vec::new();
        for asked in state.log.iter().filter(|asked| asked.operation == "patch") {
            assert_eq!(
                asked.intent.as_ref(),
                Some(&asked.action),
                "no intent before the patch"
            );
            if asked.status < 300 && asked.status != 0 {
                assert!(
                    !seen.contains(&asked.action),
                    "accepted twice: {}",
                    asked.action
                );
                seen.push(asked.action.clone());
            }
        }
    }
}

fn operation(method: &Method, path: &str, dry: bool) -> &'static str {
    let incident = path.contains("/incidents");
    let named = path.ends_with("/deployments/web");
    match method.as_str() {
        "PATCH" if dry => "dry-run",
        "PATCH" => "patch",
        "PUT" => "save incident",
        "POST" if incident => "create incident",
        "POST" if path.contains("/events") => "create event",
        "GET" if named => "get deployment",
        "GET" if path.ends_with("/incidents") => "list incidents",
        "GET" if incident => "get incident",
        "GET" if path.ends_with("/replicasets") => "list replicasets",
        "GET" if path.ends_with("/pods") => "list pods",
        "GET" if path.contains("/pods/") => "get pod",
        "GET" if path.contains("/replicasets/") => "get replicaset",
        "GET" if path.ends_with("/events") => "list events",
        "GET" if path.ends_with("/namespaces/lab30") => "get namespace",
        "GET" if path == "/version" => "get version",
        "GET" if path.starts_with("/openapi") => "read schema",
        _ => "other",
    }
}

fn failure(code: u16, reason: &str) -> Value {
    json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "code": code, "reason": reason,
        "message": "SECRET=hunter2 and a whole object"})
}

impl State {
    fn next_version(&mut self) -> String {
        self.version += 1;
        self.version.to_string()
    }

    /// Somebody, or Ripcord, has another template in mind.
    pub(crate) fn deploy(&mut self, image: &str) {
        self.deployment["spec"]["template"] = template(image);
        self.stored();
    }

    fn stored(&mut self) {
        let generation = self.deployment["metadata"]["generation"].as_i64().unwrap();
        self.deployment["metadata"]["generation"] = (generation + 1).into();
        self.reconcile();
    }

    /// The object's status moves, as it does all the time.
    pub(crate) fn touch(&mut self) {
        self.deployment["metadata"]["resourceVersion"] = self.next_version().into();
    }

    fn reconcile(&mut self) {
        let now = self.clock.now();
        let image = self.image();
        let name = format!("web-{}", image.replace(':', ""));
        let newest = self
            .replica_sets
            .iter()
            .map(|set| revision(set).parse::<i64>().unwrap())
            .max()
            .unwrap_or(0);
        for set in &mut self.replica_sets {
            set["spec"]["replicas"] = 0.into();
        }
        let known = self
            .replica_sets
            .iter_mut()
            .find(|set| set["metadata"]["name"] == name.as_str());
        if let Some(known) = known {
            if revision(known) != newest.to_string() {
                known["metadata"]["annotations"]["deployment.kubernetes.io/revision"] =
                    (newest + 1).to_string().into();
            }
            known["spec"]["replicas"] = 1.into();
        } else {
            let mut labelled = self.deployment["spec"]["template"].clone();
            labelled["metadata"]["labels"]["pod-template-hash"] = name.clone().into();
            self.replica_sets.push(json!({
                "metadata": {"name": name, "namespace": "lab30", "uid": name, "creationTimestamp": ago(now, if newest == 0 { 1860 } else { 60 }),
                    "labels": {"app": "web", "pod-template-hash": name},
                    "annotations": {"deployment.kubernetes.io/revision": (newest + 1).to_string()},
                    "ownerReferences": [{"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "controller": true, "uid": "d1"}]},
                "spec": {"replicas": 1, "template": labelled},
            }));
        }
        let good = self.good_images.contains(&image.as_str());
        let of_it = self
            .pods
            .iter()
            .any(|pod| pod["metadata"]["ownerReferences"][0]["uid"] == name.as_str());
        if !of_it {
            self.pods = vec![pod(&name, &image, good, now)];
        }
        let ready = i64::from(good);
        self.deployment["status"] = json!({"observedGeneration": self.deployment["metadata"]["generation"],
            "replicas": 1, "updatedReplicas": 1, "readyReplicas": ready, "availableReplicas": ready});
        self.touch();
    }

    pub(crate) fn image(&self) -> String {
        let image = self
            .deployment
            .pointer("/spec/template/spec/containers/0/image");
        image.unwrap().as_str().unwrap().to_owned()
    }

    fn note(&mut self, operation: &'static str, status: u16, body: &Value) {
        let action = body
            .as_array()
            .into_iter()
            .flatten()
            .find(|change| change["path"] == "/metadata/annotations/ripcord.dev~1action");
        let action = action.map_or(String::new(), |change| {
            change["value"].as_str().unwrap().to_owned()
        });
        let intent = self
            .incidents
            .values()
            .filter(|incident| incident["status"]["phase"] == "Acting")
            .find_map(|incident| incident["status"]["plan"]["actionId"].as_str())
            .map(str::to_owned);
        self.log.push(Asked {
            operation,
            status,
            action,
            intent,
        });
    }

    fn answer(
        &mut self,
        operation: &str,
        path: &str,
        query: Option<&str>,
        body: &Value,
        dry: bool,
    ) -> (u16, Value) {
        let name = path
            .trim_end_matches("/status")
            .rsplit('/')
            .next()
            .unwrap()
            .to_owned();
        let list =
            |items: Vec<Value>| (200, json!({"kind": "List", "metadata": {}, "items": items}));
        match operation {
            "get version" => (200, json!({"gitVersion": "v1.34.0"})),
            "read schema" => (200, SCHEMA.clone()),
            "get namespace" => (
                200,
                json!({"metadata": {"name": "lab30", "annotations": self.namespace_annotations}}),
            ),
            "get deployment" if self.deployment.is_null() => (404, failure(404, "NotFound")),
            "get deployment" => (200, self.deployment.clone()),
            "list replicasets" => list(self.replica_sets.clone()),
            "list pods" => list(self.pods.clone()),
            "get pod" | "get replicaset" => {
                let all = if operation == "get pod" {
                    &self.pods
                } else {
                    &self.replica_sets
                };
                let mut named = all.iter().filter(|one| one["metadata"]["name"] == *name);
                match named.next() {
                    Some(one) => (200, one.clone()),
                    None => (404, failure(404, "NotFound")),
                }
            }
            "list events" => list(Vec::new()),
            "create event" => (201, body.clone()),
            "list incidents" => {
                let selected = query.unwrap_or_default().contains("labelSelector");
                let labelled =
                    |incident: &&Value| !selected || incident["metadata"]["labels"].is_object();
                list(self.incidents.values().filter(labelled).cloned().collect())
            }
            "get incident" => match self.incidents.get(&name) {
                Some(incident) => (200, incident.clone()),
                None => (404, failure(404, "NotFound")),
            },
            "create incident" => self.create(body),
            "save incident" => self.save(&name, body),
            "patch" | "dry-run" => self.patch(body, dry),
            _ => (404, failure(404, "NotFound")),
        }
    }

    fn create(&mut self, body: &Value) -> (u16, Value) {
        let name = body["metadata"]["name"].as_str().unwrap().to_owned();
        if self.incidents.contains_key(&name) {
            return (409, failure(409, "AlreadyExists"));
        }
        let mut incident = body.clone();
        incident["metadata"]["uid"] = name.clone().into();
        incident["metadata"]["resourceVersion"] = self.next_version().into();
        // A status sent with a creation is dropped.
        incident.as_object_mut().unwrap().remove("status");
        self.incidents.insert(name, incident.clone());
        (201, incident)
    }

    fn save(&mut self, name: &str, body: &Value) -> (u16, Value) {
        let version = self.next_version();
        let Some(incident) = self.incidents.get_mut(name) else {
            return (404, failure(404, "NotFound"));
        };
        if incident["metadata"]["resourceVersion"] != body["metadata"]["resourceVersion"] {
            return (409, failure(409, "Conflict"));
        }
        incident["status"] = body["status"].clone();
        incident["metadata"]["resourceVersion"] = version.into();
        (200, incident.clone())
    }

    fn patch(&mut self, body: &Value, dry: bool) -> (u16, Value) {
        let patch: json_patch::Patch = serde_json::from_value(body.clone()).unwrap();
        let mut patched = self.deployment.clone();
        if json_patch::patch(&mut patched, &patch).is_err() {
            return (422, failure(422, "Invalid"));
        }
        if dry {
            return (200, patched);
        }
        self.deployment = patched;
        self.touch();
        let stored = self.deployment.clone();
        self.stored();
        (200, stored)
    }
}

fn revision(set: &Value) -> String {
    let revision = &set["metadata"]["annotations"]["deployment.kubernetes.io/revision"];
    revision.as_str().unwrap().to_owned()
}

fn ago(now: Timestamp, seconds: i64) -> String {
    let then = now.checked_sub(SignedDuration::from_secs(seconds)).unwrap();
    Timestamp::from_second(then.as_second())
        .unwrap()
        .to_string()
}

fn pod(set: &str, image: &str, good: bool, now: Timestamp) -> Value {
    let state = if good {
        json!({"running": {"startedAt": ago(now, 0)}})
    } else {
        json!({"waiting": {"reason": "InvalidImageName", "message": "couldn't parse image name"}})
    };
    json!({
        "metadata": {"name": format!("{set}-x"), "namespace": "lab30", "uid": format!("{set}-x"), "creationTimestamp": ago(now, 0),
            "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": set, "controller": true, "uid": set}]},
        "spec": {"containers": [{"name": "web", "image": image}]},
        "status": {
            "conditions": [{"type": "Ready", "status": if good { "True" } else { "False" }, "lastTransitionTime": ago(now, 0)}],
            "containerStatuses": [{"name": "web", "image": image, "imageID": "", "ready": good, "restartCount": 0, "state": state}],
        },
    })
}

/// Made once: it is large, and read by every process.
static SCHEMA: LazyLock<Value> = LazyLock::new(|| {
    let crd = serde_json::to_value(Incident::crd()).unwrap();
    let mut schema = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"].clone();
    schema["x-kubernetes-group-version-kind"] =
        json!([{"group": "ripcord.dev", "kind": "Incident", "version": "v1alpha1"}]);
    json!({"components": {"schemas": {"dev.ripcord.v1alpha1.Incident": schema}}})
});
