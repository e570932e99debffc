//! Telling people, one notifier a file. A notifier never decides, and a failing one never holds an action up.

pub mod events;
