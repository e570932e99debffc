//! The Incident custom resource: its shape, its names, and compare-and-swap on it. Kubernetes is the only store.

pub mod crd;
pub mod name;
pub mod schema;
pub mod store;
