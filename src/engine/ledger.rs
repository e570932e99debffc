//! The alerts that are known, by fingerprint and start: Alertmanager posts the same ones again and again, and most need no look at the
//! cluster. Only a memory: what it has forgotten, or never knew, the Incidents themselves say.

use crate::domain::alert::AlertKey;
use crate::domain::identity::IncidentName;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

/// 20,000 alerts of about 200 bytes are 4 MB: more than a large cluster has firing at a time.
const LIMIT: usize = 20_000;

/// What is known of an alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Known {
    /// It is recorded in this incident.
    Recorded(IncidentName),
    /// It has resolved: a firing one of the same start is late, not new.
    Resolved,
}

/// The ledger; a clone is the same one.
#[derive(Clone, Debug, Default)]
pub(super) struct Ledger {
    entries: Arc<Mutex<Entries>>,
}

#[derive(Debug, Default)]
struct Entries {
    known: BTreeMap<AlertKey, Known>,
    order: VecDeque<AlertKey>,
}

impl Ledger {
    /// What is known of an alert.
    pub(super) fn get(&self, key: &AlertKey) -> Option<Known> {
        self.lock().known.get(key).cloned()
    }

    /// Remembers it; the oldest are forgotten first.
    pub(super) fn put(&self, key: AlertKey, known: Known) {
        let mut entries = self.lock();
        if entries.known.insert(key.clone(), known).is_none() {
            entries.order.push_back(key);
        }
        while entries.order.len() > LIMIT {
            if let Some(oldest) = entries.order.pop_front() {
                entries.known.remove(&oldest);
            }
        }
    }

    /// Forgets the alerts of an incident.
    pub(super) fn forget(&self, incident: &IncidentName) {
        let mut entries = self.lock();
        entries
            .known
            .retain(|_, known| *known != Known::Recorded(incident.clone()));
        let Entries { known, order } = &mut *entries;
        order.retain(|key| known.contains_key(key));
    }

    /// Forgets the alerts of incidents that are not there any more: somebody deleted them, and the alerts that still fire are news.
    pub(super) fn keep_only(&self, incidents: &BTreeSet<IncidentName>) {
        let mut entries = self.lock();
        entries.known.retain(|_, known| match known {
            Known::Recorded(incident) => incidents.contains(incident),
            Known::Resolved => true,
        });
        let Entries { known, order } = &mut *entries;
        order.retain(|key| known.contains_key(key));
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::identity::Fingerprint;
    use jiff::Timestamp;

    fn key(number: usize) -> AlertKey {
        AlertKey {
            fingerprint: Fingerprint::new(number.to_string()),
            starts_at: Timestamp::UNIX_EPOCH,
        }
    }

    #[test]
    fn it_never_grows_past_its_limit_and_forgets_the_oldest() {
        let ledger = Ledger::default();
        for number in 0..=LIMIT {
            ledger.put(key(number), Known::Resolved);
        }
        assert_eq!(ledger.get(&key(0)), None);
        assert_eq!(ledger.get(&key(LIMIT)), Some(Known::Resolved));
        assert_eq!(ledger.lock().known.len(), LIMIT);
    }

    #[test]
    fn alerts_of_a_forgotten_incident_are_new_again() {
        let ledger = Ledger::default();
        ledger.put(key(1), Known::Recorded(IncidentName::new("a")));
        ledger.put(key(2), Known::Recorded(IncidentName::new("b")));
        ledger.forget(&IncidentName::new("a"));
        assert_eq!(ledger.get(&key(1)), None);
        assert!(ledger.get(&key(2)).is_some());
        assert_eq!(ledger.lock().order.len(), 1);
    }

    #[test]
    fn alerts_of_a_deleted_incident_are_new_again_and_tombstones_stay() {
        let ledger = Ledger::default();
        ledger.put(key(1), Known::Recorded(IncidentName::new("deleted")));
        ledger.put(key(2), Known::Recorded(IncidentName::new("there")));
        ledger.put(key(3), Known::Resolved);
        ledger.keep_only(&BTreeSet::from([IncidentName::new("there")]));
        assert_eq!(ledger.get(&key(1)), None);
        assert!(ledger.get(&key(2)).is_some() && ledger.get(&key(3)).is_some());
    }
}
