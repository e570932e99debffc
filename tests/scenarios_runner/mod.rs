//! The runner of `tests/scenarios`: a folder's files -> a case -> the daemon on a simulated cluster -> what differs from what was expected.
//!
//! ```text
//! text, shape, words  -> files that are read with the place of every word, so that a mistake is told with its file, line and column
//! story, expected     -> what a case says: what happens, and what must be true afterwards
//! stage, verbs        -> the simulated cluster with the daemon on it; one function for each thing that can happen
//! judge, safety       -> what is otherwise than expected, and what may never be
//! aloud, table        -> what the incidents say, and the whole corpus in a table, for people
//! ```
//!
//! To add something that can happen: a line in `story::verbs!`, its shape, and an arm in `verbs::act`.

pub(crate) mod aloud;
pub(crate) mod case;
pub(crate) mod daemon;
pub(crate) mod expected;
pub(crate) mod interference;
pub(crate) mod judge;
pub(crate) mod manifest;
mod mistakes;
pub(crate) mod program;
pub(crate) mod safety;
pub(crate) mod shape;
pub(crate) mod stage;
pub(crate) mod story;
pub(crate) mod table;
pub(crate) mod text;
pub(crate) mod verbs;
pub(crate) mod webhook;
pub(crate) mod words;
