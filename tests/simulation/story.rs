//! What a seed means: which workloads break and which faults come, all drawn before anything happens.

use super::dice::Dice;
use std::collections::BTreeMap;
use std::fmt;

/// Everything that can go wrong beside the broken rollout itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fault {
    /// The process is killed at one of its requests, before or after it is carried out, and started again.
    Crash,
    /// A second process runs beside it.
    TwoInstances,
    /// Everything that one process says and hears is held up for a while.
    Frozen,
    /// The machine of the processes sleeps for a while between an answer and what they make of it: their time jumps.
    Suspended,
    Conflict,
    /// 429, with a long Retry-After.
    Throttled,
    ServerError,
    /// The client gives up; the request is worked on later all the same.
    TimeoutBefore,
    /// The request is worked on; its answer is lost.
    TimeoutAfter,
    /// Requests vanish.
    BlackHole,
    /// Reads are answered from the past.
    StaleReads,
    PrometheusDown,
    PrometheusGap,
    PrometheusSlow,
    PrometheusStale,
    PrometheusLies,
    DeliveryDoubled,
    DeliveryLost,
    DeliveryReordered,
    /// An old delivery comes again, also when all is over.
    DeliveryReplayed,
    PersonDeploys,
    PersonPauses,
    PersonOptsOut,
    /// Somebody's controller applies its source again and again.
    GitOpsReverts,
    /// The workload is deleted and made anew.
    Recreated,
    /// What would be restored fails too.
    TargetFails,
    RegistryTrouble,
    NodeTrouble,
    /// The process comes back with another clock.
    ClockJump,
}

impl Fault {
    pub(crate) const ALL: [Self; 29] = [
        Self::Crash,
        Self::TwoInstances,
        Self::Frozen,
        Self::Suspended,
        Self::Conflict,
        Self::Throttled,
        Self::ServerError,
        Self::TimeoutBefore,
        Self::TimeoutAfter,
        Self::BlackHole,
        Self::StaleReads,
        Self::PrometheusDown,
        Self::PrometheusGap,
        Self::PrometheusSlow,
        Self::PrometheusStale,
        Self::PrometheusLies,
        Self::DeliveryDoubled,
        Self::DeliveryLost,
        Self::DeliveryReordered,
        Self::DeliveryReplayed,
        Self::PersonDeploys,
        Self::PersonPauses,
        Self::PersonOptsOut,
        Self::GitOpsReverts,
        Self::Recreated,
        Self::TargetFails,
        Self::RegistryTrouble,
        Self::NodeTrouble,
        Self::ClockJump,
    ];
}

/// A stretch of time, in seconds after the broken rollout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    pub(crate) from: u64,
    pub(crate) to: u64,
}

impl Window {
    pub(crate) fn holds(self, second: u64) -> bool {
        (self.from..self.to).contains(&second)
    }
}

/// When every fault is over, in seconds after the broken rollout: from here on the incidents must end.
pub(crate) const FAULTS_END: u64 = 300;

/// Which rollout is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Broken {
    /// The lab's second incident: arguments that the program can't be started with.
    Redis,
    /// The lab's first incident: a tag that does not exist.
    Web,
    Both,
    /// Nothing but an alert.
    Nothing,
}

impl Broken {
    pub(crate) fn redis(self) -> bool {
        matches!(self, Self::Redis | Self::Both)
    }

    pub(crate) fn web(self) -> bool {
        matches!(self, Self::Web | Self::Both)
    }
}

/// Which requests the network's faults reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    All,
    /// Those that change a workload: what leaves a writer in doubt.
    WorkloadWrites,
    /// Reading what ends so: one source is away, and all others answer.
    Reading(&'static str),
}

const REACHES: [Reach; 10] = [
    Reach::All,
    Reach::All,
    Reach::All,
    Reach::All,
    Reach::All,
    Reach::WorkloadWrites,
    Reach::WorkloadWrites,
    Reach::WorkloadWrites,
    Reach::Reading("/pods"),
    Reach::Reading("/incidents"),
];

/// A whole story.
#[derive(Clone, Debug)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "each is a thing that happens in the story or does not"
)]
pub(crate) struct Story {
    pub(crate) seed: u64,
    /// `enforce` or `dry-run`.
    pub(crate) mode: &'static str,
    pub(crate) broken: Broken,
    pub(crate) replicas: u64,
    /// `Recreate` takes the old pods away before the new ones are there.
    pub(crate) recreate: bool,
    /// A revision that failed at once lies between the healthy one and the broken one.
    pub(crate) bad_before: bool,
    /// An application outside the configured namespaces breaks too.
    pub(crate) outside: bool,
    pub(crate) faults: BTreeMap<Fault, Window>,
    /// At which request after the first alert the process dies, sleeps, or freezes.
    pub(crate) at_request: u64,
    pub(crate) second_crash_at: Option<u64>,
    /// Whether the fatal request is still carried out.
    pub(crate) carried_out: bool,
    /// For how long it is dead or asleep, in seconds.
    pub(crate) pause: u64,
    /// How far the second or next process's clock is off, in seconds.
    pub(crate) skew: i64,
    /// How old a stale read is, in seconds.
    pub(crate) staleness: u64,
    /// How often a request in a window meets the fault.
    pub(crate) density: f64,
    /// A free choice, for whatever has variants.
    pub(crate) variant: u64,
    /// Whether requests are counted from the first intent on instead of the first alert: then what happens at a request lies in the few that
    /// decide whether, and what, is written.
    pub(crate) from_intent: bool,
    /// Which requests the network's faults reach.
    pub(crate) reach: Reach,
    /// Whether people act right after that same request was answered, before anybody can ask the next: between two effects.
    pub(crate) between_requests: bool,
}

impl Story {
    pub(crate) fn drawn(seed: u64) -> Self {
        let dice = &mut Dice::new(seed, 1);
        let each = if dice.chance(0.25) { 0.05 } else { 0.24 };
        let faults = Fault::ALL
            .into_iter()
            .filter_map(|fault| {
                let drawn = dice.chance(each);
                let from = dice.between(15, 110);
                let to = (from + dice.between(10, 150)).min(FAULTS_END);
                drawn.then_some((fault, Window { from, to }))
            })
            .collect();
        Self {
            seed,
            mode: if dice.chance(0.9) {
                "enforce"
            } else {
                "dry-run"
            },
            broken: dice.pick(&[
                Broken::Redis,
                Broken::Redis,
                Broken::Redis,
                Broken::Web,
                Broken::Web,
                Broken::Both,
                Broken::Nothing,
            ]),
            replicas: dice.between(1, 2),
            recreate: dice.chance(0.3),
            bad_before: dice.chance(0.3),
            outside: dice.chance(0.2),
            faults,
            at_request: dice.between(1, 120),
            second_crash_at: dice.chance(0.3).then(|| dice.between(1, 120)),
            carried_out: dice.chance(0.5),
            pause: dice.pick(&[3, 8, 15, 25, 45, 90]),
            skew: dice.pick(&[-900, -200, -40, -5, 5, 40, 600, 7200]),
            staleness: dice.between(2, 20),
            density: dice.pick(&[0.1, 0.3, 0.7, 1.0]),
            variant: dice.between(0, 1_000),
            between_requests: dice.chance(0.5),
            from_intent: dice.chance(0.4),
            reach: dice.pick(&REACHES),
        }
        .counted_from(dice)
    }

    /// A write is a dozen requests after its intent.
    fn counted_from(self, dice: &mut Dice) -> Self {
        let at_request = if self.from_intent {
            dice.between(1, 14)
        } else {
            self.at_request
        };
        Self { at_request, ..self }
    }

    /// Whether the fault is on at this second.
    pub(crate) fn has(&self, fault: Fault, second: u64) -> bool {
        self.faults
            .get(&fault)
            .is_some_and(|window| window.holds(second))
    }

    /// When the fault begins, where it was drawn.
    pub(crate) fn begin(&self, fault: Fault) -> Option<u64> {
        self.faults.get(&fault).map(|window| window.from)
    }

    pub(crate) fn end(&self, fault: Fault) -> Option<u64> {
        self.faults.get(&fault).map(|window| window.to)
    }

    pub(crate) fn drew(&self, fault: Fault) -> bool {
        self.faults.contains_key(&fault)
    }
}

impl fmt::Display for Story {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            seed,
            mode,
            broken,
            replicas,
            recreate,
            bad_before,
            outside,
            ..
        } = self;
        writeln!(
            formatter,
            "seed {seed}: mode {mode}, broken {broken:?}, {replicas} replicas, recreate {recreate}, bad before {bad_before}, outside {outside}"
        )?;
        for (fault, Window { from, to }) in &self.faults {
            writeln!(formatter, "  {fault:?} from second {from} to {to}")?;
        }
        writeln!(
            formatter,
            "  at request {} (and {:?}, carried out {}), pause {}s, skew {}s, staleness {}s, density {}, variant {}, people between requests {}, from intent {}, reach {:?}",
            self.at_request,
            self.second_crash_at,
            self.carried_out,
            self.pause,
            self.skew,
            self.staleness,
            self.density,
            self.variant,
            self.between_requests,
            self.from_intent,
            self.reach
        )
    }
}
