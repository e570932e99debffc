//! What lies between the processes and the API server: it delays, loses, repeats the past, and writes down what each process has seen.

use super::dice::Dice;
use super::story::{FAULTS_END, Fault, Reach, Story};
use super::trace::Trace;
use super::truth::hash_of;
use jiff::Timestamp;
use ripcord::platform::clock::Clock;
use ripcord::sim::{After, Before, Call, Interference};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::sync::Notify;

/// What leaves a writer in doubt.
const LOSSES: [Fault; 4] = [
    Fault::BlackHole,
    Fault::TimeoutBefore,
    Fault::TimeoutAfter,
    Fault::ServerError,
];
/// How much older than the story says a stale answer may be, in seconds: a cache lags behind, it does not stand still.
const LAG: i64 = 10;
/// Longer than any client waits.
const NEVER: Duration = Duration::from_secs(1_000_000);
/// An API server gives a request up after a minute (`--request-timeout`).
const LONGEST_ON_THE_WAY: u64 = 60;

/// A question whose answer a process needs before it may write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Question {
    Workload,
    Revisions,
    Pods,
    Namespace,
    Incidents,
    Rehearsal,
}

/// The last answer that a process got to a question.
#[derive(Clone, Debug)]
pub(crate) struct Heard {
    pub(crate) at: Timestamp,
    pub(crate) good: bool,
    /// For pods: the template hashes of those that were seen failing.
    pub(crate) failing: BTreeSet<String>,
}

/// A write to a workload as it left a process.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    pub(crate) at: Timestamp,
    pub(crate) process: String,
    pub(crate) path: String,
    pub(crate) body: Value,
    /// What the process had heard until then, by question and what it was asked about: a name, or a selector.
    pub(crate) heard: BTreeMap<(Question, String), Heard>,
    /// The action ids whose intent an answer had shown to it.
    pub(crate) intents: BTreeSet<String>,
    /// The status that came back; `None` = none did.
    pub(crate) answer: Option<u16>,
}

#[derive(Default)]
struct State {
    armed: bool,
    requests: u64,
    dead: BTreeSet<String>,
    /// Which process is held up, and until when.
    frozen: Option<(String, Timestamp)>,
    heard: BTreeMap<String, BTreeMap<(Question, String), Heard>>,
    intents: BTreeMap<String, BTreeSet<String>>,
    sent: Vec<Sent>,
    failing: BTreeMap<String, Vec<Timestamp>>,
    past: BTreeMap<String, VecDeque<(Timestamp, u16, Value)>>,
    fresh: Option<(u16, Value)>,
    met: BTreeSet<Fault>,
    suspended: bool,
}

/// The network of one story.
pub(crate) struct Network {
    story: Story,
    clock: Clock,
    broken_at: Timestamp,
    trace: Trace,
    dice: Mutex<Dice>,
    state: Mutex<State>,
    /// The machine of the processes is to sleep now.
    pub(crate) sleep: Notify,
    /// What people do once the story's request is answered.
    people: Mutex<Option<People>>,
}

/// Something that people do, once.
type People = Box<dyn FnOnce() + Send>;

impl Network {
    pub(crate) fn new(story: &Story, clock: Clock, trace: Trace) -> Arc<Self> {
        Arc::new(Self {
            story: story.clone(),
            clock,
            broken_at: clock.now(),
            trace,
            dice: Mutex::new(Dice::new(story.seed, 2)),
            state: Mutex::default(),
            sleep: Notify::new(),
            people: Mutex::default(),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Seconds since the rollout broke.
    pub(crate) fn second(&self) -> u64 {
        let since = self.clock.now().duration_since(self.broken_at).as_secs();
        u64::try_from(since).unwrap_or(0)
    }

    /// From now on requests are counted: an alert is there.
    pub(crate) fn arm(&self) {
        self.state().armed = true;
    }

    pub(crate) fn met(&self, fault: Fault) {
        self.state().met.insert(fault);
    }

    pub(crate) fn all_met(&self) -> BTreeSet<Fault> {
        self.state().met.clone()
    }

    pub(crate) fn sent(&self) -> Vec<Sent> {
        self.state().sent.clone()
    }

    /// When a process was told that a pod of a template fails, by the template's hash.
    pub(crate) fn failing(&self) -> BTreeMap<String, Vec<Timestamp>> {
        self.state().failing.clone()
    }

    /// The processes that have died, of which nobody has heard yet.
    pub(crate) fn is_dead(&self, process: &str) -> bool {
        self.state().dead.contains(process)
    }

    /// Has people act once the story's request is answered; `None` = they don't any more.
    pub(crate) fn once_answered(&self, people: Option<People>) {
        *self.people.lock().unwrap() = people;
    }

    fn let_people_act(&self) {
        let is_now = {
            let state = self.state();
            state.armed && state.requests >= self.story.at_request && self.second() < FAULTS_END
        };
        if is_now && let Some(people) = self.people.lock().unwrap().take() {
            people();
        }
    }

    /// Nothing that it asks from now on is heard.
    pub(crate) fn bury(&self, process: &str) {
        self.state().dead.insert(process.to_owned());
    }

    fn note(&self, call: &Call, what: &str) {
        self.trace.tell(|| {
            format!(
                "{} {} {}: {what}",
                process_of(call).unwrap_or_default(),
                call.method,
                call.path
            )
        });
    }

    /// Whether this is the request at which the processes die, or sleep.
    fn is_fatal(&self, state: &State) -> bool {
        self.second() < FAULTS_END && self.is_counted(state)
    }

    fn reaches(&self, call: &Call, fault: Fault) -> bool {
        match self.story.reach {
            Reach::All => true,
            Reach::WorkloadWrites => is_real_patch(call) || !LOSSES.contains(&fault),
            // What is only read meets no conflict.
            Reach::Reading(_) if fault == Fault::Conflict => true,
            Reach::Reading(path) => call.method == "GET" && call.path.ends_with(path),
        }
    }

    fn counts(&self, call: &Call, state: &State) -> bool {
        let begun = state.requests > 0 || !self.story.from_intent;
        state.armed && (begun || intent_in(&call.body).is_some())
    }

    fn is_counted(&self, state: &State) -> bool {
        state.requests == self.story.at_request
            || self
                .story
                .second_crash_at
                .is_some_and(|more| state.requests == self.story.at_request + more)
    }

    fn dies(&self, call: &Call, state: &mut State) -> Before {
        self.note(call, "killed");
        state.met.insert(Fault::Crash);
        state.dead.insert(process_of(call).unwrap_or_default());
        Before::Delay(NEVER)
    }

    /// The faults that depend on time alone, in a fixed order; at most one happens to a request.
    fn by_window(&self, call: &Call) -> Option<(Fault, Before)> {
        let second = self.second();
        let dice = &mut self.dice.lock().unwrap();
        let changes = call.method != "GET";
        let fault = [
            Fault::BlackHole,
            Fault::TimeoutBefore,
            Fault::Conflict,
            Fault::Throttled,
            Fault::ServerError,
            Fault::StaleReads,
        ]
        .into_iter()
        .find(|fault| {
            self.story.has(*fault, second)
                && (changes || *fault != Fault::Conflict)
                && (!changes || *fault != Fault::StaleReads)
                && self.reaches(call, *fault)
                && dice.chance(self.story.density)
        })?;
        let status = |code: u16, reason: &str, details: Value| {
            Before::Answer(
                code,
                json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": reason,
                    "message": "the simulated API server can't do it now", "details": details}),
            )
        };
        let before = match fault {
            Fault::BlackHole => Before::Delay(NEVER),
            Fault::TimeoutBefore => {
                Before::Strand(Duration::from_secs(dice.between(11, LONGEST_ON_THE_WAY)))
            }
            Fault::Conflict => status(409, "Conflict", json!({})),
            Fault::Throttled => status(
                429,
                "TooManyRequests",
                json!({"retryAfterSeconds": dice.between(1, 300)}),
            ),
            Fault::ServerError => status(500, "InternalError", json!({})),
            Fault::StaleReads => {
                let (code, body) = self.answered_before(call)?;
                Before::Answer(code, body)
            }
            _ => return None,
        };
        Some((fault, before))
    }

    fn answered_before(&self, call: &Call) -> Option<(u16, Value)> {
        let staleness = i64::try_from(self.story.staleness).unwrap();
        let now = self.clock.now();
        let state = self.state();
        let answers = state.past.get(&question_of(call))?;
        let old = |(at, _, _): &&(Timestamp, u16, Value)| {
            let age = now.duration_since(*at).as_secs();
            (staleness..=staleness + LAG).contains(&age)
        };
        let (_, code, body) = answers.iter().rev().find(old)?;
        Some((*code, body.clone()))
    }

    fn remember(&self, call: &Call, status: u16, body: &Value, state: &mut State) {
        if self.story.drew(Fault::StaleReads) && call.method == "GET" {
            let answers = state.past.entry(question_of(call)).or_default();
            answers.push_back((self.clock.now(), status, body.clone()));
            if answers.len() > 20 {
                answers.pop_front();
            }
        }
    }

    /// Writes down what a process hears.
    fn hear(&self, call: &Call, status: u16, body: &Value) {
        let Some(process) = process_of(call) else {
            return;
        };
        let mut state = self.state();
        if is_real_patch(call)
            && let Some(sent) = state
                .sent
                .iter_mut()
                .rev()
                .find(|sent| sent.body == call.body)
        {
            sent.answer = Some(status);
        }
        if let Some(action) = intent_in(body) {
            state
                .intents
                .entry(process.clone())
                .or_default()
                .insert(action);
        }
        if let Some(question) = asked(call) {
            let heard = Heard {
                at: self.clock.now(),
                good: status < 300,
                failing: if question.0 == Question::Pods {
                    failing_hashes(body)
                } else {
                    BTreeSet::new()
                },
            };
            let now = self.clock.now();
            for hash in &heard.failing {
                let times = state.failing.entry(hash.clone()).or_default();
                times.push(now);
            }
            state
                .heard
                .entry(process)
                .or_default()
                .insert(question, heard);
        }
    }
}

impl Interference for Network {
    fn before(&self, call: &Call) -> Before {
        let Some(process) = process_of(call) else {
            return Before::Proceed;
        };
        {
            let mut state = self.state();
            if state.dead.contains(&process) {
                return Before::Delay(NEVER);
            }
            if self.counts(call, &state) {
                state.requests += 1;
                if self.story.drew(Fault::Crash) && !self.story.carried_out && self.is_fatal(&state)
                {
                    return self.dies(call, &mut state);
                }
            }
            if is_real_patch(call) {
                let sent = Sent {
                    at: call.sent_at,
                    process: process.clone(),
                    path: call.path.clone(),
                    body: call.body.clone(),
                    heard: state.heard.get(&process).cloned().unwrap_or_default(),
                    intents: state.intents.get(&process).cloned().unwrap_or_default(),
                    answer: None,
                };
                state.sent.push(sent);
            }
            if state.armed
                && self.story.drew(Fault::Frozen)
                && state.requests == self.story.at_request
                && self.second() < FAULTS_END
            {
                let pause =
                    jiff::SignedDuration::from_secs(i64::try_from(self.story.pause).unwrap());
                let until = self.clock.now().checked_add(pause).unwrap();
                state.frozen = Some((process.clone(), until));
                state.met.insert(Fault::Frozen);
            }
            if let Some((frozen, until)) = &state.frozen
                && *until > self.clock.now()
                && *frozen == process
            {
                self.note(call, "held up");
                return Before::Delay(self.clock.until(*until));
            }
        }
        let Some((fault, before)) = self.by_window(call) else {
            return Before::Proceed;
        };
        self.note(call, &format!("{fault:?}"));
        self.met(fault);
        if let Before::Answer(status, body) = &before {
            self.hear(call, *status, body);
        }
        before
    }

    fn answered(&self, call: &Call, status: u16, body: &Value) {
        if process_of(call).is_some() {
            let mut state = self.state();
            self.remember(call, status, body, &mut state);
            state.fresh = Some((status, body.clone()));
            drop(state);
            self.let_people_act();
        }
    }

    fn after(&self, call: &Call, status: u16) -> After {
        if process_of(call).is_none() {
            return After::Deliver;
        }
        let fresh = {
            let mut state = self.state();
            if state.armed
                && self.story.drew(Fault::Crash)
                && self.story.carried_out
                && self.is_fatal(&state)
            {
                self.dies(call, &mut state);
                return After::Delay(NEVER);
            }
            if state.armed
                && self.story.drew(Fault::Suspended)
                && !state.suspended
                && state.requests >= self.story.at_request
                && self.second() < FAULTS_END
            {
                state.suspended = true;
                state.met.insert(Fault::Suspended);
                self.note(call, "the machine sleeps");
                self.sleep.notify_one();
            }
            state.fresh.take()
        };
        if self.story.has(Fault::TimeoutAfter, self.second())
            && self.reaches(call, Fault::TimeoutAfter)
            && self.dice.lock().unwrap().chance(self.story.density)
        {
            self.note(call, &format!("{status}, and its answer is lost"));
            self.met(Fault::TimeoutAfter);
            return if self.story.variant.is_multiple_of(2) {
                After::Lose
            } else {
                After::Delay(Duration::from_secs(11))
            };
        }
        if let Some((status, body)) = fresh {
            self.hear(call, status, &body);
        }
        if call.is_write() || status >= 300 {
            self.note(call, &status.to_string());
        }
        After::Deliver
    }
}

/// `p1` of `ripcord/p1`; nobody else is interfered with.
pub(crate) fn process_of(call: &Call) -> Option<String> {
    call.user_agent.strip_prefix("ripcord/").map(str::to_owned)
}

fn question_of(call: &Call) -> String {
    format!("{} {:?}", call.path, call.query)
}

fn is_real_patch(call: &Call) -> bool {
    call.method == "PATCH" && !call.dry_run()
}

/// Which question it is, where it is one that a write depends on, and about what.
fn asked(call: &Call) -> Option<(Question, String)> {
    let parts: Vec<&str> = call.path.trim_matches('/').split('/').collect();
    let selector = || call.query.get("labelSelector").cloned().unwrap_or_default();
    Some(match (call.method.as_str(), parts.as_slice()) {
        ("PATCH", [.., "deployments", name]) if call.dry_run() => {
            (Question::Rehearsal, (*name).to_owned())
        }
        ("GET", [.., "deployments", name]) => (Question::Workload, (*name).to_owned()),
        ("GET", [.., "replicasets"]) => (Question::Revisions, selector()),
        ("GET", [.., "pods"]) => (Question::Pods, selector()),
        ("GET", [.., "namespaces", name]) => (Question::Namespace, (*name).to_owned()),
        ("GET", [.., "incidents"]) => (Question::Incidents, selector()),
        _ => return None,
    })
}

/// The action id of an incident that is about to act.
pub(crate) fn intent_in(body: &Value) -> Option<String> {
    let acting = body.pointer("/status/phase").and_then(Value::as_str) == Some("Acting");
    let action = body
        .pointer("/status/plan/actionId")
        .and_then(Value::as_str);
    action.filter(|_| acting).map(str::to_owned)
}

/// The template hashes of those pods of a list that can't start, or ended with an error. Written from the Kubernetes API, not from the daemon.
fn failing_hashes(list: &Value) -> BTreeSet<String> {
    let items = list.get("items").and_then(Value::as_array);
    let failing = items.into_iter().flatten().filter(|pod| is_failing(pod));
    failing.map(hash_of).collect()
}

/// The reasons for which a container waits that are no part of a usual start.
const FAILING: [&str; 5] = [
    "CrashLoopBackOff",
    "ErrImagePull",
    "ImagePullBackOff",
    "InvalidImageName",
    "RunContainerError",
];

pub(crate) fn is_failing(pod: &Value) -> bool {
    let statuses = pod
        .pointer("/status/containerStatuses")
        .and_then(Value::as_array);
    statuses.into_iter().flatten().any(|status| {
        let reason = status
            .pointer("/state/waiting/reason")
            .and_then(Value::as_str);
        let code = |state: &str| {
            let code = status.pointer(&format!("/{state}/terminated/exitCode"));
            code.and_then(Value::as_i64).unwrap_or(0)
        };
        reason.is_some_and(|reason| FAILING.contains(&reason))
            || code("state") != 0
            || code("lastState") != 0
    })
}
