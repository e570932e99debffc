//! Ripcord answers Prometheus alerts about broken Kubernetes rollouts.

pub mod domain;
pub mod evidence;
pub mod platform;
pub mod notify;
pub mod record;
