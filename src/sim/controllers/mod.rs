//! The controllers and the kubelet: they work once a second, one after the other and again until nothing
//! changes; a second in which nothing changed and nobody has an appointment costs nothing.

mod deployment;
mod kubelet;
mod nodes;
mod programs;
mod quota;
mod recorder;
mod registry;
mod replica_set;
mod scheduler;

pub(crate) use kubelet::{Kubelet, Secrets, evict};
pub(crate) use nodes::{FIRST as FIRST_NODE, Nodes};
pub(crate) use programs::Programs;
pub use programs::{Behaviour, Program};
pub(crate) use quota::Quota;
pub(crate) use recorder::Recorder;
pub use registry::{Pull, Registry};
pub(crate) use scheduler::Scheduler;

use super::State;
use jiff::Timestamp;

/// A rollout settles in a handful of rounds; more mean that two controllers undo each other's work.
const MOST_ROUNDS: usize = 50;

/// Up to where everybody has worked.
#[derive(Default)]
pub(crate) struct Settled {
    moved: u64,
    /// When a controller has something to do again, should nothing change until then; `None` = never.
    controllers_due: Option<Timestamp>,
    /// The same for the kubelets.
    kubelets_due: Option<Timestamp>,
}

impl Settled {
    /// Has everybody look again, although no object has changed.
    pub(crate) fn stir(&mut self) {
        *self = Self::default();
    }
}

/// Lets everybody work until nobody has anything left to do at this moment. Most of the time only a kubelet looks at a pod that has trouble, and
/// nothing comes of it that a controller would answer.
pub(crate) fn settle(state: &mut State) {
    state.recorder.expire(&mut state.api.store);
    let now = state.api.store.now();
    let is_due = |due: Option<Timestamp>| due.is_some_and(|due| due <= now);
    let quiet = state.settled.moved == state.api.store.moved();
    if quiet && !is_due(state.settled.controllers_due) {
        if !is_due(state.settled.kubelets_due) {
            return;
        }
        kubelet::sync_all(state);
    }
    if state.settled.moved != state.api.store.moved() || is_due(state.settled.controllers_due) {
        work(state);
        let store = &state.api.store;
        let due = [
            deployment::next_due(store),
            replica_set::next_due(store),
            state.nodes.next_due(store),
            state.scheduler.next_due(),
        ];
        state.settled.controllers_due = due.into_iter().flatten().min();
        state.settled.moved = store.moved();
    }
    let is_away = |node: &str| !state.nodes.answers(node);
    state.settled.kubelets_due = state.kubelet.next_due(is_away);
}

fn work(state: &mut State) {
    for _ in 0..MOST_ROUNDS {
        let before = state.api.store.moved();
        let State {
            api,
            recorder,
            nodes,
            scheduler,
            ..
        } = &mut *state;
        let store = &mut api.store;
        nodes::sync_all(nodes, store, recorder);
        deployment::sync_all(store, recorder);
        replica_set::sync_all(store, recorder);
        scheduler::sync_all(scheduler, store, recorder);
        kubelet::sync_all(state);
        if state.api.store.moved() == before {
            return;
        }
    }
}
