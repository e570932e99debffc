//! Ripcord answers Prometheus alerts about broken Kubernetes rollouts.

pub mod config;
pub mod domain;
pub mod evidence;
pub mod notify;
pub mod platform;
pub mod record;
