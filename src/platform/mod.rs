//! The adapters to the outside. Only here do `kube::Client` and `reqwest` appear, and only [`clock`] reads a clock.

pub mod clock;
pub mod kube;

/// Sees every call to the outside, with how long it took: telemetry implements it.
pub trait CallObserver: Send + Sync {
    /// One call is over. `failed` is a short, closed word for what went wrong: `timeout`, `refused`, …
    fn observed(
        &self,
        dependency: &'static str,
        operation: &'static str,
        seconds: f64,
        failed: Option<&'static str>,
    );
}
