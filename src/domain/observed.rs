//! Unknown is not empty: a failed question must never look like a healthy answer.

use serde::{Deserialize, Serialize};

/// What became of one question to the outside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Observed<T> {
    /// The source answered, with this.
    Known(T),
    /// The source answered: there is none.
    Absent,
    /// The source did not answer, or not in a way that can be used; the text says why, for people.
    Unavailable(String),
}

impl<T> Observed<T> {
    /// The value, where there is one.
    pub fn known(&self) -> Option<&T> {
        match self {
            Self::Known(value) => Some(value),
            Self::Absent | Self::Unavailable(_) => None,
        }
    }

    /// Why the source could not answer, where it could not.
    pub fn unavailable(&self) -> Option<&str> {
        match self {
            Self::Unavailable(why) => Some(why),
            Self::Known(_) | Self::Absent => None,
        }
    }

    /// The same answer about something derived from the value.
    pub fn map<U>(self, derive: impl FnOnce(T) -> U) -> Observed<U> {
        match self {
            Self::Known(value) => Observed::Known(derive(value)),
            Self::Absent => Observed::Absent,
            Self::Unavailable(why) => Observed::Unavailable(why),
        }
    }

    /// The same answer, borrowed.
    pub fn as_ref(&self) -> Observed<&T> {
        match self {
            Self::Known(value) => Observed::Known(value),
            Self::Absent => Observed::Absent,
            Self::Unavailable(why) => Observed::Unavailable(why.clone()),
        }
    }
}
