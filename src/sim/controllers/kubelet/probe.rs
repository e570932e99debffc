//! Probes (Kubernetes `pkg/kubelet/prober`): asked once a period, but only for as long as an answer can change anything. While all is well and
//! stays well nobody has to look.

use super::super::super::json;
use super::super::programs::Behaviour;
use super::container::later;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

/// What a probe is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Startup,
    Readiness,
    Liveness,
}

impl Kind {
    /// As events name it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Startup => "Startup",
            Self::Readiness => "Readiness",
            Self::Liveness => "Liveness",
        }
    }
}

/// When, in seconds after its start, a program answers which probe.
#[derive(Clone, Copy, Debug)]
pub(super) struct Health {
    listens: (i64, i64),
    ready: (i64, i64),
    /// With which code it ends when it is stopped.
    pub(super) stops_with: i64,
}

impl Health {
    pub(super) fn of(behaviour: &Behaviour) -> Self {
        let whole = |from: i64| Self {
            listens: (from, i64::MAX),
            ready: (from, i64::MAX),
            stops_with: 143,
        };
        match behaviour {
            Behaviour::Serves { ready_after } => whole(*ready_after),
            Behaviour::Ails {
                ready_after,
                unready_after,
                deaf_after,
                stops_with,
            } => {
                let deaf = deaf_after.unwrap_or(i64::MAX);
                Self {
                    listens: (0, deaf),
                    ready: (
                        ready_after.unwrap_or(i64::MAX),
                        unready_after.unwrap_or(i64::MAX).min(deaf),
                    ),
                    stops_with: *stops_with,
                }
            }
            Behaviour::Exits { .. } | Behaviour::OutOfMemory { .. } | Behaviour::NoSuchProgram => {
                whole(0)
            }
        }
    }

    fn span(&self, kind: Kind) -> (i64, i64) {
        match kind {
            Kind::Readiness => self.ready,
            Kind::Startup | Kind::Liveness => self.listens,
        }
    }

    fn answers(&self, kind: Kind, second: i64) -> bool {
        let (from, until) = self.span(kind);
        (from..until).contains(&second)
    }
}

/// One probe of one running container.
#[derive(Clone, Debug)]
pub(super) struct Probe {
    pub(super) kind: Kind,
    delay: i64,
    period: i64,
    wanted: i64,
    allowed: i64,
    successes: i64,
    failures: i64,
    /// What it says: of a readiness or startup probe, at first no.
    pub(super) passes: bool,
    /// When it is next asked in earnest; `None` = its answer stays.
    pub(super) next: Option<Timestamp>,
}

/// What came of asking.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Fine,
    /// It failed; `last` = as often as it may.
    Failed {
        last: bool,
    },
}

impl Probe {
    /// The probes of a container that starts now. While a startup probe has not succeeded the others wait.
    pub(super) fn all_of(spec: &Value, since: Timestamp) -> Vec<Self> {
        let has_startup = spec.get("startupProbe").is_some();
        [
            ("/startupProbe", Kind::Startup),
            ("/readinessProbe", Kind::Readiness),
            ("/livenessProbe", Kind::Liveness),
        ]
        .into_iter()
        .filter_map(|(field, kind)| {
            let probe = spec.pointer(field)?;
            let number = |field: &str| json::number(probe, field);
            let mut probe = Self {
                kind,
                delay: number("/initialDelaySeconds"),
                period: number("/periodSeconds").max(1),
                wanted: number("/successThreshold").max(1),
                allowed: number("/failureThreshold").max(1),
                successes: 0,
                failures: 0,
                passes: kind == Kind::Liveness,
                next: None,
            };
            if kind == Kind::Startup || !has_startup {
                probe.begin(since, since);
            }
            Some(probe)
        })
        .collect()
    }

    /// It is asked from now on; a second after the start at the earliest.
    pub(super) fn begin(&mut self, since: Timestamp, now: Timestamp) {
        let first = later(since, SignedDuration::from_secs(self.delay));
        self.next = Some(first.max(later(now, SignedDuration::from_secs(1))));
    }

    /// Asks the program that has run since then.
    pub(super) fn ask(&mut self, health: &Health, since: Timestamp, at: Timestamp) -> Verdict {
        let second = at.duration_since(since).as_secs();
        let soon = Some(later(at, SignedDuration::from_secs(self.period)));
        if health.answers(self.kind, second) {
            self.failures = 0;
            self.successes += 1;
            self.passes |= self.successes >= self.wanted;
            self.next = if !self.passes {
                soon
            } else if self.kind == Kind::Startup {
                None
            } else {
                self.first_after_change(health, second, at)
            };
            return Verdict::Fine;
        }
        self.successes = 0;
        self.failures += 1;
        self.next = soon;
        let last = self.failures >= self.allowed;
        if last {
            self.passes = false;
        }
        Verdict::Failed { last }
    }

    /// The first time that it is asked after its answer has changed.
    fn first_after_change(&self, health: &Health, second: i64, at: Timestamp) -> Option<Timestamp> {
        let (_, until) = health.span(self.kind);
        if until == i64::MAX {
            return None;
        }
        let periods = (until - second + self.period - 1) / self.period;
        Some(later(at, SignedDuration::from_secs(periods * self.period)))
    }
}

/// What the kubelet says of a probe that failed, of a program that listens or does not.
pub(super) fn words(spec: &Value, kind: Kind, listens: bool, address: &str) -> String {
    let field = match kind {
        Kind::Startup => "/startupProbe",
        Kind::Readiness => "/readinessProbe",
        Kind::Liveness => "/livenessProbe",
    };
    let probe = spec.pointer(field).unwrap_or(&Value::Null);
    let port = |pointer: &str| match probe.pointer(pointer) {
        Some(Value::String(name)) => name.clone(),
        Some(number) => number.to_string(),
        None => String::new(),
    };
    let out = if probe.pointer("/httpGet").is_some() {
        let port = port("/httpGet/port");
        let path = json::text(probe, "/httpGet/path");
        if listens {
            "HTTP probe failed with statuscode: 503".to_owned()
        } else {
            format!(
                "Get \"http://{address}:{port}{path}\": dial tcp {address}:{port}: connect: connection refused"
            )
        }
    } else if probe.pointer("/tcpSocket").is_some() {
        let port = port("/tcpSocket/port");
        format!("dial tcp {address}:{port}: connect: connection refused")
    } else {
        String::new()
    };
    format!("{} probe failed: {out}", kind.name())
}

impl Health {
    /// Whether anybody listens so many seconds after the start.
    pub(super) fn listens(&self, second: i64) -> bool {
        self.answers(Kind::Liveness, second)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    /// What a probe says at each time that it is asked, up to then.
    fn told(spec: &Value, behaviour: &Behaviour, until: i64) -> Vec<(i64, bool)> {
        let health = Health::of(behaviour);
        let mut probe = Probe::all_of(spec, at(0)).remove(0);
        let mut told = Vec::new();
        while let Some(next) = probe.next.filter(|next| *next <= at(until)) {
            probe.ask(&health, at(0), next);
            told.push((next.as_second(), probe.passes));
        }
        told
    }

    #[test]
    fn a_healthy_program_is_asked_once() {
        let spec = json!({"livenessProbe": {"periodSeconds": 5}});
        let serves = Behaviour::Serves { ready_after: 0 };
        assert_eq!(told(&spec, &serves, 1000), [(1, true)]);
    }

    #[test]
    fn readiness_is_lost_after_so_many_failures() {
        let spec = json!({"readinessProbe": {"initialDelaySeconds": 5, "periodSeconds": 10, "failureThreshold": 3}});
        assert_eq!(
            told(&spec, &Behaviour::loses_readiness(60), 90),
            [(5, true), (65, true), (75, true), (85, false)]
        );
        assert_eq!(
            told(&spec, &Behaviour::never_ready(), 30),
            [(5, false), (15, false), (25, false)]
        );
    }

    #[test]
    fn a_slow_start_fails_until_it_is_over() {
        let spec = json!({"startupProbe": {"periodSeconds": 10, "failureThreshold": 3}});
        let serves = Behaviour::Serves { ready_after: 15 };
        assert_eq!(
            told(&spec, &serves, 100),
            [(1, false), (11, false), (21, true)]
        );
    }
}
