//! Ripcord answers Prometheus alerts about broken Kubernetes rollouts: it finds the workload, gathers proof, decides whether the newest
//! revision is to blame, does what the policy allows (undo the rollout, pin a known-good image), verifies, tells the story, and stands
//! aside when it is not sure.
//!
//! # The flow
//! One direction, one module a stage; no stage can be called without the former's type.
//!
//! ```text
//! Alertmanager
//!      | POST /api/v1/alerts
//!   intake ---------> AlertSeen          a hint, nothing it says is believed
//!      |
//!   engine ---------> Incident           durable before the 2xx; from here on only the record counts
//!      |
//!   evidence -------> Evidence           Prometheus, live API, Events, previous logs: Known, Absent or Unavailable
//!   diagnosis ------> Diagnosis          pure: one entry for each failing container
//!   remedy ---------> Plan | Refusal     pure: what exactly would be written
//!   decision -------> Verdict            pure: every guard with its numbers; Authorized<Plan> is made only here
//!   action ---------> Applied            rehearse (in any mode), apply (the one conditional patch)
//!   verify ---------> Judgement          pure: recovered, not yet, failed, unknown
//!      |
//!   record, notify    the story: status, timeline, Events, metrics
//! ```
//!
//! # The code map
//! | module | what is in it | to add one … |
//! |---|---|---|
//! | [`domain`] | the nouns, without input or output | |
//! | [`config`] | the file, valid by construction | key: `raw`, `validate`, `report` |
//! | [`intake`] | routes, limits, Alertmanager's payload | |
//! | [`evidence`] | one source a file | source: a file, a field of `Evidence`, a row in `diagnosis::facts` |
//! | [`diagnosis`] | one family of causes a file | cause: a judge in its family's file, an arm of `domain::template::changes`, a section of the runbook |
//! | [`remedy`] | one remedy a file | remedy: a file and a line in `remedy::ALL` |
//! | [`decision`] | one guard a file | guard: a file, a `Reason`, a line in `guards::ORDER` |
//! | [`action`] | the only writer to workloads | |
//! | [`verify`] | the judge, and the last questions | |
//! | [`record`] | the Incident resource and its store | |
//! | [`notify`] | one notifier a file | notifier: a file, called from `engine::tell` |
//! | [`engine`] | the state machine of an incident, its driver, all tasks | |
//! | [`platform`] | the adapters: Kubernetes, Prometheus, the probe, the clock | |
//! | [`sim`] | a simulated cluster behind the same clients, for `demo` and tests | fault of a program, image, node or request: `sim::controllers`, `sim::trouble`, `sim::Interference` |
//! | [`planted`] | bugs that only tests can switch on | switch: a variant, a line at its place, a row in `tests/simulation/bugs.rs` |
//! | [`telemetry`] | one struct an event: log line and metric together | |
//! | [`cli`] | one command a file; only it prints | command: a file and a variant; a check of `check --live`: see `cli::check` |
//!
//! # Invariants
//! - The import rules are a test (`tests/architecture.rs`): `domain` imports nothing of ours, the pure stages only `domain`.
//! - Only [`platform::clock`] reads a clock; every decision takes `now`.
//! - Only [`engine`] spawns tasks, and a task that dies ends the process.
//! - Nothing is written to a workload before its plan is in the record, by compare-and-swap, and every guard has passed again after that.
//! - A write is one JSON Patch with `test` on uid and resource version; it is never re-sent blindly.
//! - Unknown is not empty: a source that does not answer never looks like a healthy one.
//! - No template is ever stored, and no API server's error text is ever logged or stored: both carry whole objects.

pub mod action;
pub mod cli;
pub mod config;
pub mod decision;
pub mod diagnosis;
pub mod domain;
pub mod engine;
pub mod evidence;
pub mod intake;
pub mod notify;
pub mod planted;
pub mod platform;
pub mod record;
pub mod remedy;
pub mod sim;
pub mod telemetry;
pub mod verify;
