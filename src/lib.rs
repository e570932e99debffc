//! Ripcord answers Prometheus alerts about broken Kubernetes rollouts.

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
pub mod platform;
pub mod record;
pub mod remedy;
pub mod telemetry;
pub mod verify;
