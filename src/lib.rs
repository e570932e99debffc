//! Ripcord answers Prometheus alerts about broken Kubernetes rollouts.

pub mod domain;
pub mod platform;
pub mod evidence;
pub mod record;
