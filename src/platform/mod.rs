//! The adapters to the outside. Only here do `kube::Client` and `reqwest` appear, and only [`clock`] reads a clock.

pub mod clock;
mod http;
pub mod kube;
pub mod probe;
pub mod prometheus;
pub mod web;

/// Told about every call to an outside system, in the one place where each adapter makes its calls.
pub trait CallObserver: Send + Sync {
    /// One call has ended, after that many seconds; `failed` is a short kind from a closed set (it becomes a metric's label), `None` = it was answered.
    fn observed(
        &self,
        dependency: &'static str,
        operation: &'static str,
        seconds: f64,
        failed: Option<&'static str>,
    );
}
