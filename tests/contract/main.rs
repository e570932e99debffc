//! What Ripcord relies on of a cluster, said once and checked twice: against the simulated cluster (`cargo test`), and against a real API server
//! with its controllers and kubelet (`tests/cluster/run`), where `RIPCORD_CONTRACT_KUBECONFIG` names an administrator's kubeconfig. The same
//! assertions hold on both, so what is proven on the simulation is proven of the real thing as far as this suite reaches.
//!
//! A case gets a [`stage::Stage`] with a namespace of its own and may ask only what both sides can answer. Where the sides differ, the
//! simulation is wrong.
//!
//! On a cluster it needs the Incident CRD, and the images `ghcr.io/vlrrbn/lab30-web-metrics` 0.2.0 and 0.2.1 where its nodes pull from.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods
)]

mod admission;
mod creates;
mod deletes;
mod events;
mod image_pulls;
mod incidents;
mod lists;
mod objects;
mod patches;
mod programs;
mod rollouts;
mod stage;
mod strategies;
mod troubles;
mod updates;
mod watches;
