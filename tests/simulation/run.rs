//! One seed, from its story to what the observer says.

use super::alertmanager::{AlertId, Alertmanager, Delivery};
use super::lab::{self, Lab, NAMESPACE};
use super::network::{Network, Sent};
use super::observer;
use super::people::{PEOPLE, People};
use super::process::{Process, post};
use super::story::{FAULTS_END, Fault, Story};
use super::trace::Trace;
use super::truth::Truth;
use jiff::Timestamp;
use ripcord::planted::{self, Bug};
use ripcord::sim::{Interference, Lie, World, WriteLog};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

/// By then every incident must have ended, in seconds after the broken rollout: cooldown, quiet time and two verifications fit in.
const DEADLINE: u64 = FAULTS_END + 2400;
/// After the last fault what is held is looked at twice more: it may be decided again.
const LAST_LOOKS: u64 = 70;
/// For so long after the end nothing may be written.
pub(crate) const QUIET: u64 = 90;

/// A delivery that was answered.
#[derive(Clone, Debug)]
pub(crate) struct Delivered {
    pub(crate) at: Timestamp,
    pub(crate) alerts: Vec<AlertId>,
    pub(crate) status: u16,
    pub(crate) receipt: Value,
}

/// Everything that is known of a run once it is over.
pub(crate) struct Records {
    pub(crate) story: Story,
    pub(crate) broken_at: Timestamp,
    pub(crate) log: WriteLog,
    pub(crate) sent: Vec<Sent>,
    pub(crate) truth: Truth,
    /// Every alert that was posted, answered or not.
    pub(crate) posted: BTreeSet<AlertId>,
    pub(crate) delivered: Vec<Delivered>,
    /// When a process was told that a pod of a template fails, by the template's hash.
    pub(crate) failing: BTreeMap<String, Vec<Timestamp>>,
    /// As they are at the end.
    pub(crate) incidents: Vec<Value>,
    pub(crate) deployments: Vec<Value>,
    pub(crate) live_pods: Vec<Value>,
    pub(crate) namespace: Value,
    /// From when on nothing may be written any more; `None` = the deadline passed first.
    pub(crate) quiet_from: Option<Timestamp>,
    pub(crate) died: Vec<String>,
    pub(crate) met: BTreeSet<Fault>,
    pub(crate) trace: String,
    /// Which pods there are at the end, for a person.
    pub(crate) pods: String,
}

impl Records {
    /// The write log with everything that was sent, as one text.
    pub(crate) fn bytes(&self) -> String {
        let bodies: Vec<String> = self
            .log
            .writes()
            .iter()
            .map(|write| write.body.to_string())
            .collect();
        format!("{}{}", self.log, bodies.join("\n"))
    }

    /// The story, what happened, and where the incidents stand, for a person.
    pub(crate) fn told(&self) -> String {
        let stand = self.incidents.iter().map(|incident| {
            let field = |name: &str| incident["status"][name].as_str().unwrap_or_default();
            let rows = incident["status"]["timeline"].as_array();
            let rows = rows.into_iter().flatten().map(|row| {
                let part = |name: &str| row[name].as_str().unwrap_or_default();
                format!("    {} {}\n", part("at"), part("text"))
            });
            format!(
                "{}: {} {} {}: {}\n{}",
                incident["metadata"]["name"].as_str().unwrap_or_default(),
                field("phase"),
                field("outcome"),
                field("reason"),
                field("message"),
                rows.collect::<String>()
            )
        });
        format!("{}{}{}", self.trace, stand.collect::<String>(), self.pods)
    }

    /// Whether Ripcord changed a workload.
    pub(crate) fn mutated(&self) -> bool {
        self.log
            .writes()
            .iter()
            .any(|write| write.verb == "PATCH" && !write.dry_run && write.accepted())
    }
}

/// Runs a seed and has it judged. The same seed gives the same result.
pub(crate) fn run(seed: u64, bug: Option<Bug>, traced: bool) -> (Records, Vec<String>) {
    planted::plant(bug);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    let records = runtime.block_on(Run::whole(Story::drawn(seed), traced));
    planted::plant(None);
    let violations = observer::judge(&records);
    (records, violations)
}

type Switch = fn(&World, &Story, bool);

/// What is switched on when its window begins, and off when it ends.
const SWITCHED: [(Fault, Switch); 6] = [
    (Fault::NodeTrouble, |world, _, on| {
        if on {
            world.lose_node("lab");
        } else {
            world.find_node("lab");
        }
    }),
    (Fault::PrometheusDown, |world, _, on| {
        world.prometheus_down(on);
    }),
    (Fault::PrometheusGap, |world, _, on| world.scrapes_stop(on)),
    (Fault::PrometheusStale, |world, _, on| {
        world.prometheus_stuck(on);
    }),
    (Fault::PrometheusSlow, |world, story, on| {
        world.prometheus_slow(Duration::from_secs(if on { story.pause } else { 0 }));
    }),
    (Fault::PrometheusLies, |world, story, on| {
        let which = usize::try_from(story.variant).unwrap() % LIES.len();
        world.prometheus_lies(on.then_some(LIES[which]));
    }),
];

const LIES: [Lie; 6] = [
    Lie::AllWell,
    Lie::AllBroken,
    Lie::NothingWaits,
    Lie::Empty,
    Lie::Twice,
    Lie::OldNews,
];

fn pods(world: &World) -> String {
    let mut told = String::new();
    for pod in world.objects("Pod", NAMESPACE) {
        let name = pod["metadata"]["name"].as_str().unwrap_or_default();
        let going = if pod["metadata"]["deletionTimestamp"].is_null() {
            ""
        } else {
            " is going"
        };
        let status = &pod["status"];
        let phase = status["phase"].as_str().unwrap_or_default();
        let state = &status["containerStatuses"][0]["state"];
        writeln!(told, "{name}{going}: {phase} {state}").unwrap();
    }
    told
}

struct Run {
    story: Story,
    lab: Lab,
    network: Arc<Network>,
    trace: Trace,
    people: People,
    alertmanager: Alertmanager,
    processes: Vec<Process>,
    started: u64,
    /// When the next process starts, and how far its clock is off.
    starting: Vec<(u64, i64)>,
    answers: (
        mpsc::UnboundedSender<Answer>,
        mpsc::UnboundedReceiver<Answer>,
    ),
    posted: Vec<(String, Delivery, tokio::task::JoinHandle<()>)>,
    alerts: BTreeSet<AlertId>,
    delivered: Vec<Delivered>,
    truth: Truth,
    died: Vec<String>,
    armed: bool,
    /// The second of the last look.
    last: u64,
}

type Answer = (Delivery, u16, Value);

impl Run {
    async fn whole(story: Story, traced: bool) -> Records {
        let mut truth = Truth::default();
        let lab = lab::healthy(&story, &mut truth).await;
        let clock = lab.world.clock();
        let trace = Trace::new(clock, traced);
        let network = Network::new(&story, clock, trace.clone());
        lab.world
            .interfere(Some(Arc::clone(&network) as Arc<dyn Interference>));
        let broken_at = clock.now();
        let people = People::new(&lab, &story, &network, &trace);
        let mut run = Self {
            people,
            alertmanager: Alertmanager::new(&story),
            starting: vec![(0, 0)],
            answers: mpsc::unbounded_channel(),
            processes: Vec::new(),
            started: 0,
            posted: Vec::new(),
            alerts: BTreeSet::new(),
            delivered: Vec::new(),
            truth,
            died: Vec::new(),
            armed: false,
            last: 0,
            story,
            lab,
            network,
            trace,
        };
        if let Some(at) = run.story.begin(Fault::TwoInstances) {
            run.starting.push((at / 2, 0));
        }
        run.people.wait_for_the_request();
        run.lab.break_rollouts(&run.story);
        let mut quiet_from = run.until_settled().await;
        let (mut settled, mut left) = (run.phases(), QUIET);
        while quiet_from.is_some() && left > 0 {
            run.second().await;
            left -= 1;
            // A registry that is back shows it with the kubelet's next try, minutes later: then what is held goes on.
            let phases = run.phases();
            if phases != settled {
                quiet_from = run.until_settled().await;
                (settled, left) = (run.phases(), QUIET);
            }
        }
        run.network.once_answered(None);
        Records {
            broken_at,
            log: run.lab.world.write_log(),
            sent: run.network.sent(),
            truth: run.truth,
            posted: run.alerts,
            delivered: run.delivered,
            failing: run.network.failing(),
            incidents: run.lab.world.objects("Incident", NAMESPACE),
            deployments: run.lab.world.objects("Deployment", NAMESPACE),
            live_pods: run.lab.world.objects("Pod", NAMESPACE),
            namespace: run.lab.world.object("Namespace", "", NAMESPACE).unwrap(),
            quiet_from,
            died: run.died,
            met: run.network.all_met(),
            pods: pods(&run.lab.world),
            trace: format!("{}{}", run.story, run.trace.text(broken_at)),
            story: run.story,
        }
    }

    async fn until_settled(&mut self) -> Option<Timestamp> {
        // Behind a clock that is slow everything takes that much longer.
        let slow = u64::try_from(-self.story.skew).unwrap_or(0);
        while self.network.second() < DEADLINE + slow {
            self.second().await;
            let second = self.network.second();
            if second > FAULTS_END + LAST_LOOKS
                && second.is_multiple_of(5)
                && !self.alertmanager.is_busy()
                && self.posted.is_empty()
                && self.is_settled()
            {
                return Some(self.lab.world.clock().now());
            }
        }
        None
    }

    /// Where each open incident stands: one that is opened and closed again within a second is no end of another.
    fn phases(&self) -> Vec<String> {
        let incidents = self.lab.world.objects("Incident", NAMESPACE);
        let open = incidents.iter().filter_map(|incident| {
            let phase = incident.pointer("/status/phase")?.as_str()?;
            let name = incident.pointer("/metadata/name")?.as_str()?;
            let reason = incident.pointer("/status/reason")?;
            (phase != "Closed").then(|| format!("{name}: {phase} {reason}"))
        });
        open.collect()
    }

    /// Every incident has ended, or stands aside and says so.
    fn is_settled(&self) -> bool {
        let incidents = self.lab.world.objects("Incident", NAMESPACE);
        incidents.iter().all(|incident| {
            let phase = incident.pointer("/status/phase").and_then(Value::as_str);
            matches!(phase, Some("Closed" | "Held"))
        })
    }

    /// One second of everybody's life.
    async fn second(&mut self) {
        let Self { lab, network, .. } = self;
        tokio::select! {
            biased;
            () = network.sleep.notified() => {
                // The machine wakes up much later: every deadline of the processes has passed at once.
                tokio::time::advance(Duration::from_secs(self.story.pause)).await;
            }
            () = lab.world.advance(Duration::from_secs(1)) => {}
        }
        self.others();
        self.surroundings();
        self.bring_up();
        self.bury();
        self.deliver();
        self.collect();
        self.truth.look(&self.lab.world);
        self.last = self.network.second();
    }

    /// Whether a second has come since the last look: a machine that slept may have jumped over it.
    fn is_now(&self, second: Option<u64>) -> bool {
        second.is_some_and(|second| self.last < second && second <= self.network.second())
    }

    fn others(&mut self) {
        let (story, lab, network) = (&self.story, &self.lab, &self.network);
        let second = network.second();
        let tell = |fault: Fault, what: &str| {
            network.met(fault);
            self.trace.tell(|| format!("{fault:?}: {what}"));
        };
        for fault in PEOPLE {
            if !story.between_requests && self.is_now(story.begin(fault)) {
                self.people.begin(fault);
            }
            if self.is_now(story.end(fault)) {
                self.people.end(fault);
            }
        }
        if story.has(Fault::GitOpsReverts, second) && second / 20 > self.last / 20 {
            tell(Fault::GitOpsReverts, "applies its source");
            lab.gitops_reverts(story);
        }
        if self.is_now(story.begin(Fault::Recreated)) {
            tell(Fault::Recreated, "deleted");
            lab.delete();
        }
        let again = story
            .begin(Fault::Recreated)
            .map(|begin| begin + story.variant % 30 + 1);
        if self.is_now(again) {
            tell(Fault::Recreated, "made anew");
            lab.make_anew(story);
        }
    }

    fn surroundings(&mut self) {
        let (story, lab, network) = (&self.story, &self.lab, &self.network);

        let tell = |fault: Fault, what: &str| {
            network.met(fault);
            self.trace.tell(|| format!("{fault:?}: {what}"));
        };
        if self.is_now(Some(1)) && story.drew(Fault::TargetFails) {
            tell(Fault::TargetFails, "what worked before works no more");
            lab.targets_fail();
        }
        for (fault, away) in [
            (Fault::RegistryTrouble, true),
            (Fault::RegistryTrouble, false),
        ] {
            let begin = if story.variant.is_multiple_of(2) {
                Some(1)
            } else {
                story.begin(fault)
            };
            let now = if away { begin } else { story.end(fault) };
            if story.drew(fault) && self.is_now(now) {
                tell(fault, if away { "away" } else { "back" });
                lab.registry_is_away(away);
            }
        }
        for (fault, switch) in SWITCHED {
            // Both may have come at once where the machine slept over them.
            for (moment, on) in [(story.begin(fault), true), (story.end(fault), false)] {
                if self.is_now(moment) {
                    tell(fault, if on { "begins" } else { "ends" });
                    switch(&lab.world, story, on);
                }
            }
        }
    }

    fn bring_up(&mut self) {
        let second = self.network.second();
        let due: Vec<(u64, i64)> = self
            .starting
            .iter()
            .copied()
            .filter(|(at, _)| *at <= second)
            .collect();
        self.starting.retain(|(at, _)| *at > second);
        for (_, skew) in due {
            self.started += 1;
            let name = format!("p{}", self.started);
            self.trace
                .tell(|| format!("process {name} starts, its clock off by {skew}s"));
            self.processes.push(Process::start(
                &self.lab.world,
                self.story.mode,
                &name,
                skew,
            ));
        }
        if self.is_now(self.story.begin(Fault::ClockJump)) && !self.processes.is_empty() {
            let name = self.processes[0].name.clone();
            self.network.met(Fault::ClockJump);
            self.network.bury(&name);
            self.starting.push((second + 1, self.story.skew));
        }
        if self.is_now(self.story.begin(Fault::TwoInstances)) {
            self.network.met(Fault::TwoInstances);
        }
    }

    fn bury(&mut self) {
        let second = self.network.second();
        let (dead, living): (Vec<Process>, Vec<Process>) = std::mem::take(&mut self.processes)
            .into_iter()
            .partition(|process| self.network.is_dead(&process.name));
        self.processes = living;
        for process in dead {
            for (_, delivery, posting) in self
                .posted
                .extract_if(.., |(name, ..)| *name == process.name)
            {
                posting.abort();
                self.alertmanager.refused(delivery, second);
            }
            if self.starting.is_empty() {
                self.starting.push((second + self.story.pause, 0));
            }
            process.kill();
        }
        for process in &self.processes {
            if process.has_died() && !self.died.contains(&process.name) {
                self.died.push(process.name.clone());
            }
        }
    }

    fn deliver(&mut self) {
        let second = self.network.second();
        let Self {
            alertmanager,
            lab,
            story,
            network,
            ..
        } = self;
        for delivery in alertmanager.due(&lab.world, story, network) {
            let which = usize::try_from(second).unwrap_or(0) % self.processes.len().max(1);
            let Some(process) = self.processes.get(which) else {
                alertmanager.refused(delivery, second);
                continue;
            };
            if !self.armed {
                self.armed = true;
                network.arm();
            }
            self.alerts.extend(delivery.alerts.iter().cloned());
            self.trace
                .tell(|| format!("alerts for {}: {:?}", process.name, delivery.alerts));
            let (routes, body) = (process.webhook(), delivery.body());
            let (sender, sent) = (self.answers.0.clone(), delivery.clone());
            let posting = tokio::spawn(async move {
                let (status, receipt) = post(routes, &body).await;
                let _ = sender.send((sent, status, receipt));
            });
            self.posted.push((process.name.clone(), delivery, posting));
        }
    }

    fn collect(&mut self) {
        let second = self.network.second();
        while let Ok((delivery, status, receipt)) = self.answers.1.try_recv() {
            self.trace
                .tell(|| format!("alerts answered {status} {receipt}"));
            if status >= 500 {
                self.alertmanager.refused(delivery.clone(), second);
            }
            self.delivered.push(Delivered {
                at: self.lab.world.clock().now(),
                alerts: delivery.alerts,
                status,
                receipt,
            });
        }
        self.posted.retain(|(_, _, posting)| !posting.is_finished());
    }
}
