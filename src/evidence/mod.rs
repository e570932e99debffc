//! What was observed: one source a file. Every answer is kept as [`crate::domain::observed::Observed`]: a source that fails never
//! looks like one that found nothing.

pub mod events;
mod field_managers;
pub mod history;
pub mod live;
pub mod logs;
pub mod owners;
pub mod pods;
pub mod prometheus;
pub mod revisions;
pub mod surroundings;
