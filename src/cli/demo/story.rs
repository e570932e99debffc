//! Plays the incidents on the simulated cluster and keeps what came of them. Nothing here decides anything: what is told is read from the
//! cluster's objects afterwards.

use super::DemoError;
use super::alertmanager::{Delivered, Firing, Rule};
use super::daemon::{Daemon, USER_AGENT};
use super::lab::{self, NAMESPACE};
use super::script::Chapter;
use crate::domain::incident::{IncidentStatus, Phase};
use crate::record::crd::Incident;
use crate::record::store;
use crate::remedy::diff::diff;
use crate::sim::{Pull, World, Write};
use jiff::Timestamp;
use serde_json::Value;
use std::collections::BTreeSet;
use std::time::Duration;

/// The kubelet pulls again after 5 minutes at the latest, and an incident whose symptom is gone is closed after ten.
const MOST_SECONDS: usize = 45 * 60;
/// How long people need to see that the registry is down, and to bring it back.
const OUTAGE: Duration = Duration::from_secs(60);
/// How long a workload that a person has put right is left alone.
const A_MINUTE: Duration = Duration::from_secs(60);

/// What came of one incident.
pub(super) struct Told {
    /// What it is about.
    pub(super) title: &'static str,
    /// The command that a person typed.
    pub(super) command: &'static str,
    /// When.
    pub(super) changed_at: Timestamp,
    /// The Deployment.
    pub(super) deployment: String,
    /// What the command changed in its template.
    pub(super) change: String,
    /// The alert.
    pub(super) delivered: Delivered,
    /// When the registry was gone, and when it was back.
    pub(super) outage: Option<(Timestamp, Timestamp)>,
    /// The incident when it was first held, where it was.
    pub(super) held: Option<Incident>,
    /// The incident at its end.
    pub(super) incident: Incident,
    /// The same, as the API server stores it.
    pub(super) object: Value,
    /// The Deployment at the incident's end.
    pub(super) after: Value,
    /// The requests of the daemon that would change a workload, rehearsals and refused ones too.
    pub(super) writes: Vec<Write>,
    /// Whether a person had to put the workload right afterwards.
    pub(super) by_hand: bool,
}

/// Who plays it.
pub(super) struct Story {
    /// The cluster.
    pub(super) world: World,
    /// The daemon.
    pub(super) daemon: Daemon,
    /// Whether the daemon may write.
    pub(super) dry_run: bool,
}

impl Story {
    /// Plays one incident from the change that broke it to its end.
    pub(super) async fn play(&self, chapter: Chapter) -> Result<Told, DemoError> {
        let world = &self.world;
        world.advance(chapter.quiet).await;
        let writes_before = world.write_log().writes().len();
        let incidents_before = self.names();
        let gone = chapter.registry_down.then(|| self.registry(Pull::Refused));
        let deployment = text(&chapter.manifest, "/metadata/name").to_owned();
        let template = self.template(&deployment);
        let changed_at = world.clock().now();
        self.apply(&chapter.manifest)?;
        let change = diff(&template, &self.template(&deployment));
        let firing = chapter.rule.fires(world, &deployment).await?;
        let delivered = firing.deliver(&self.daemon.routes, world).await?;
        let mut held = None;
        let mut outage = None;
        if let Some(gone) = gone {
            held = Some(self.until(&incidents_before, Phase::Held).await?.0);
            world.advance(OUTAGE).await;
            outage = Some((gone, self.registry(Pull::Exists)));
        }
        let (incident, object) = self.until(&incidents_before, Phase::Closed).await?;
        let after = world.object("Deployment", NAMESPACE, &deployment);
        let by_hand = self.dry_run && !chapter.registry_down;
        if by_hand {
            self.apply(&chapter.good)?;
            world.advance(A_MINUTE).await;
        }
        let log = world.write_log();
        let ours = log.writes().iter().skip(writes_before);
        let ours = ours.filter(|write| write.user_agent == USER_AGENT && write.verb == "PATCH");
        Ok(Told {
            title: chapter.title,
            command: chapter.command,
            changed_at,
            deployment,
            change,
            delivered,
            outage,
            held,
            incident,
            object,
            after: after.unwrap_or_default(),
            writes: ours.cloned().collect(),
            by_hand,
        })
    }

    /// Breaks redis once more and leaves it so; the alert about it, which nobody posts.
    pub(super) async fn leave_one_broken(&self) -> Result<Firing, DemoError> {
        let manifest = lab::redis_with_a_typo()?;
        self.apply(&manifest)?;
        let deployment = text(&manifest, "/metadata/name");
        Rule::PodWaiting.fires(&self.world, deployment).await
    }

    /// Lets time pass until the incident that is not among the former ones is in a phase, or over.
    async fn until(
        &self,
        former: &BTreeSet<String>,
        wanted: Phase,
    ) -> Result<(Incident, Value), DemoError> {
        for _ in 0..MOST_SECONDS {
            self.world.advance(Duration::from_secs(1)).await;
            let incidents = self.world.objects("Incident", NAMESPACE);
            let mut new = incidents.into_iter();
            let new = new.find(|one| !former.contains(text(one, "/metadata/name")));
            let Some(object) = new else { continue };
            let incident: Incident =
                serde_json::from_value(object.clone()).map_err(DemoError::Object)?;
            let phase = store::phase(&incident);
            if phase == Some(wanted) || phase == Some(Phase::Closed) {
                return Ok((incident, object));
            }
        }
        Err(DemoError::NoEnd(wanted))
    }

    fn apply(&self, manifest: &Value) -> Result<(), DemoError> {
        let applied = self.world.apply(manifest);
        applied.map(drop).map_err(DemoError::Refused)
    }

    fn registry(&self, pull: Pull) -> Timestamp {
        self.world
            .registry(|registry| registry.set_host(lab::REGISTRY, pull));
        self.world.clock().now()
    }

    fn template(&self, deployment: &str) -> Value {
        let object = self.world.object("Deployment", NAMESPACE, deployment);
        let template = object
            .as_ref()
            .and_then(|object| object.pointer("/spec/template"));
        template.cloned().unwrap_or_default()
    }

    fn names(&self) -> BTreeSet<String> {
        let incidents = self.world.objects("Incident", NAMESPACE);
        let names = incidents.iter().map(|one| text(one, "/metadata/name"));
        names.map(str::to_owned).collect()
    }
}

fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    let text = object.pointer(pointer).and_then(Value::as_str);
    text.unwrap_or_default()
}

impl Told {
    /// The incident as it was decided: where it was held, what came later changes nothing about that.
    pub(super) fn decided(&self) -> IncidentStatus {
        let seen = self.held.as_ref().unwrap_or(&self.incident);
        seen.status.clone().unwrap_or_default()
    }

    /// When it ended.
    pub(super) fn closed_at(&self) -> Timestamp {
        let status = self.incident.status.as_ref();
        let closed = status.and_then(|status| status.closed_at);
        closed.unwrap_or(self.delivered.at)
    }

    /// The daemon's writes to workloads that were accepted and stored.
    pub(super) fn stored(&self) -> impl Iterator<Item = &Write> {
        let writes = self.writes.iter();
        writes.filter(|write| write.accepted() && !write.dry_run)
    }
}
