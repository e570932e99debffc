//! Whether a written plan has helped. [`mod@judge`] is pure; [`watch`] asks what only the end of the soak needs.

pub mod judge;
pub mod watch;

pub use judge::{Judgement, LastQuestions, Look, begin, judge};
