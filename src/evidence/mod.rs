//! What was observed: one source a file. Every answer is kept as [`crate::domain::observed::Observed`]: a source that fails never
//! looks like one that found nothing.

pub mod events;
pub mod history;
pub mod live;
pub mod logs;
pub mod pods;
pub mod prometheus;
pub mod revisions;
