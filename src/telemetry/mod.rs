//! What people see of Ripcord while it runs: one struct for each thing that happens ([`events`]), which writes its log line and moves its
//! metric together, so that neither can be forgotten.
//!
//! Labels are closed sets ([`labels`]): no pod name, no alert name, no text from outside ever becomes a label value.

pub mod events;
pub mod labels;
pub mod logging;
pub mod metrics;
mod observer;

pub use metrics::Metrics;
