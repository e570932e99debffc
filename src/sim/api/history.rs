//! What has changed, as far back as it is remembered: what watches are served from.

use super::resources::Resource;
use serde_json::Value;
use std::collections::VecDeque;
use std::sync::Arc;

/// How many changes are remembered. The real server forgets too: its watch cache holds some hundred changes of each resource, and etcd's
/// compaction takes what is older than 5 to 10 minutes.
const MOST_CHANGES: usize = 1_000;

/// One change of one object.
#[derive(Clone)]
pub(crate) struct Change {
    /// The resource version that it made.
    pub(crate) version: u64,
    pub(crate) resource: &'static Resource,
    /// `None` = it was made.
    pub(crate) before: Option<Arc<Value>>,
    /// `None` = it was deleted.
    pub(crate) after: Option<Arc<Value>>,
}

/// The changes, oldest first.
pub(crate) struct History {
    changes: VecDeque<Change>,
    /// Every change after this version is remembered.
    complete_after: u64,
}

impl History {
    /// Nothing has happened since this version.
    pub(crate) fn since(version: u64) -> Self {
        Self {
            changes: VecDeque::new(),
            complete_after: version,
        }
    }

    pub(crate) fn note(&mut self, change: Change) {
        self.changes.push_back(change);
        if self.changes.len() > MOST_CHANGES
            && let Some(forgotten) = self.changes.pop_front()
        {
            self.complete_after = forgotten.version;
        }
    }

    /// Forgets all that happened up to now: etcd's compaction.
    pub(crate) fn forget(&mut self, now: u64) {
        *self = Self::since(now);
    }

    /// The changes after a version.
    ///
    /// # Errors
    /// The oldest version that can be gone on from, when some of them are forgotten.
    pub(crate) fn after(&self, version: u64) -> Result<impl Iterator<Item = &Change>, u64> {
        if version < self.complete_after {
            return Err(self.complete_after);
        }
        let first = self
            .changes
            .partition_point(|change| change.version <= version);
        Ok(self.changes.range(first..))
    }
}

#[cfg(test)]
mod tests {
    use super::super::resources::PODS;
    use super::*;

    fn change(version: u64) -> Change {
        Change {
            version,
            resource: PODS,
            before: None,
            after: None,
        }
    }

    #[test]
    fn what_is_forgotten_can_not_be_gone_on_from() {
        let mut history = History::since(10);
        assert_eq!(history.after(9).err(), Some(10));
        assert_eq!(history.after(10).unwrap().count(), 0);
        for version in 11..=11 + 1_000 {
            history.note(change(version));
        }
        assert_eq!(history.after(10).err(), Some(11));
        assert_eq!(history.after(11).unwrap().count(), 1_000);
        history.forget(2_000);
        assert_eq!(history.after(1_999).err(), Some(2_000));
    }

    #[test]
    fn the_changes_after_a_version_begin_with_the_next_one() {
        let mut history = History::since(10);
        for version in [11, 13, 15] {
            history.note(change(version));
        }
        let versions = |after: u64| -> Vec<u64> {
            let changes = history.after(after).unwrap();
            changes.map(|change| change.version).collect()
        };
        assert_eq!(versions(11), [13, 15]);
        assert_eq!(versions(12), [13, 15]);
        assert_eq!(versions(15), [0_u64; 0]);
    }
}
