//! The conductor: alerts in, one driver for each open incident, everything that is spawned.
//!
//! ```text
//! intake -> Incident (durable) -> news -> tasks -> driver: turn -> gather -> step (pure) -> save -> effects
//! ```

mod acting;
mod aggregate;
mod board;
mod context;
mod driver;
mod explain;
mod gather;
mod health;
mod intake;
mod known;
mod ledger;
mod operations;
mod quiet;
mod resolve;
pub mod step;
mod tasks;
mod tell;
mod watching;

pub use context::{Context, Parts, PrometheusFactory};
pub use explain::{Explained, Unexplained, explain};
pub use intake::Intake;
pub use operations::{Reloader, ServerOperations};
pub use tasks::{TaskDied, run};
