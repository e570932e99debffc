//! The controllers and the kubelet: they run once a second, one after the other and again until nothing changes.

mod deployment;
mod kubelet;
mod programs;
mod recorder;
mod registry;
mod replica_set;

pub(crate) use kubelet::Kubelet;
pub use programs::{Behaviour, Program};
pub(crate) use programs::Programs;
pub(crate) use recorder::Recorder;
pub use registry::{Pull, Registry};

use super::State;

/// A rollout settles in a handful of rounds; more mean that two controllers undo each other's work.
const MOST_ROUNDS: usize = 50;

/// Lets everybody work until nobody has anything left to do at this moment.
pub(crate) fn settle(state: &mut State) {
    for _ in 0..MOST_ROUNDS {
        let before = state.api.store.version();
        deployment::sync_all(&mut state.api.store, &mut state.recorder);
        replica_set::sync_all(&mut state.api.store, &mut state.recorder);
        kubelet::sync_all(state);
        if state.api.store.version() == before {
            return;
        }
    }
}
