//! What Alertmanager posts: a body from a real incident, or one made of an alert's name and labels.

use super::shape::{Number, Text, shape};
use super::text::{Mistake, Source};
use super::words;
use jiff::Timestamp;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;

shape!(
    /// `alert:` One alert by its name and labels. The namespace is the case's unless a label says otherwise; null leaves it out.
    AlertShape { status: Text, labels: BTreeMap<String, Option<String>>, times: Number, }
    required { name: Text, }
);

impl AlertShape {
    pub(crate) fn check(&self, source: &Source) -> Result<(), Mistake> {
        if let Some(status) = &self.status {
            words::one_of(source, status, "status of an alert", ["firing", "resolved"])?;
        }
        match &self.times {
            Some(times) if times.value < 1 => Err(source.wrong(
                times.defined,
                format!("{} times is never", times.value),
                "1 or more",
            )),
            _ => Ok(()),
        }
    }
}

/// A body to be posted as it is, but for pods' names: those of a real incident are not those of the simulated cluster.
#[derive(Clone, Debug)]
pub(crate) struct Posted(Value);

impl Posted {
    pub(crate) fn of(source: &Source) -> Result<Self, Mistake> {
        let body: Value = serde_json::from_str(&source.text).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            source.mistake(
                u64::try_from(line).unwrap(),
                u64::try_from(column).unwrap(),
                format!("no JSON: {error}"),
                "the body of Alertmanager's webhook",
            )
        })?;
        if body.get("alerts").is_none_or(|alerts| !alerts.is_array()) {
            let expected = "the body of Alertmanager's webhook, with a list of `alerts`";
            return Err(source.mistake(1, 1, "there are no alerts in it", expected));
        }
        Ok(Self(body))
    }

    /// The body, with the names of pods that are there.
    pub(crate) fn body(&self, pods: Pods<'_>) -> Result<Value, String> {
        let mut body = self.0.clone();
        for alert in body["alerts"].as_array_mut().unwrap() {
            for (_, value) in alert["labels"].as_object_mut().into_iter().flatten() {
                if let Some(text) = value.as_str() {
                    *value = Value::String(named(text, pods)?);
                }
            }
        }
        Ok(body)
    }
}

/// The name and uid of the newest pod of a Deployment.
pub(crate) type Pods<'a> = &'a dyn Fn(&str) -> Option<(String, String)>;

/// `<newest pod of shop>` and `<uid of the newest pod of shop>` as what is there; anything else as it is.
fn named(text: &str, pods: Pods<'_>) -> Result<String, String> {
    let of = |beginning| text.strip_prefix(beginning)?.strip_suffix('>');
    let (deployment, uid) = match (of("<newest pod of "), of("<uid of the newest pod of ")) {
        (Some(deployment), _) => (deployment, false),
        (_, Some(deployment)) => (deployment, true),
        (None, None) => return Ok(text.to_owned()),
    };
    let pod = pods(deployment);
    let pod = pod.ok_or_else(|| format!("Deployment {deployment} has no pod now"))?;
    Ok(if uid { pod.1 } else { pod.0 })
}

/// Alertmanager's memory: since when each alert has been firing. A repetition is the same alert; one that fires after it was resolved is another.
#[derive(Default)]
pub(crate) struct Alertmanager(BTreeMap<String, Timestamp>);

impl Alertmanager {
    /// The body of one delivery.
    pub(crate) fn body(
        &mut self,
        alert: &AlertShape,
        namespace: &str,
        now: Timestamp,
        pods: Pods<'_>,
    ) -> Result<Value, String> {
        let mut labels = BTreeMap::from([
            ("alertname".to_owned(), alert.name.value.clone()),
            ("job".to_owned(), "kube-state-metrics".to_owned()),
            ("namespace".to_owned(), namespace.to_owned()),
            ("severity".to_owned(), "warning".to_owned()),
        ]);
        for (name, value) in alert.labels.iter().flatten() {
            match value {
                Some(value) => labels.insert(name.clone(), named(value, pods)?),
                None => labels.remove(name),
            };
        }
        let digest = Sha256::digest(serde_json::to_vec(&labels).unwrap());
        let fingerprint = data_encoding::HEXLOWER.encode(&digest[..8]);
        let status = alert
            .status
            .as_ref()
            .map_or("firing", |status| &status.value);
        let (starts_at, ends_at) = if status == "resolved" {
            let since = self.0.remove(&fingerprint);
            let since = since.ok_or_else(|| format!("alert {} never fired", alert.name.value))?;
            (since, now.to_string())
        } else {
            let since = *self.0.entry(fingerprint.clone()).or_insert(now);
            (since, "0001-01-01T00:00:00Z".to_owned())
        };
        Ok(json!({
            "receiver": "ripcord", "status": status, "version": "4", "truncatedAlerts": 0, "groupKey": "{}:{}",
            "groupLabels": {"alertname": alert.name.value}, "commonLabels": labels, "commonAnnotations": {},
            "externalURL": "http://127.0.0.1:9093",
            "alerts": [{
                "status": status, "labels": labels, "annotations": {}, "startsAt": starts_at, "endsAt": ends_at,
                "generatorURL": "http://127.0.0.1:9090/graph", "fingerprint": fingerprint,
            }],
        }))
    }
}
