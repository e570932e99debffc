//! What people do in the middle of it: at a second of the story, or between two requests of a process.

use super::lab::Lab;
use super::network::Network;
use super::story::{Fault, Story};
use super::trace::Trace;
use std::sync::Arc;

/// What they change for a while, and change back.
pub(crate) const PEOPLE: [Fault; 3] = [
    Fault::PersonDeploys,
    Fault::PersonPauses,
    Fault::PersonOptsOut,
];

/// The people of one story; a clone is the same ones.
#[derive(Clone)]
pub(crate) struct People {
    lab: Lab,
    story: Story,
    network: Arc<Network>,
    trace: Trace,
}

impl People {
    pub(crate) fn new(lab: &Lab, story: &Story, network: &Arc<Network>, trace: &Trace) -> Self {
        Self {
            lab: lab.clone(),
            story: story.clone(),
            network: Arc::clone(network),
            trace: trace.clone(),
        }
    }

    /// Has them act between two requests, where the story says so; otherwise they act when their second comes.
    pub(crate) fn wait_for_the_request(&self) {
        if !self.story.between_requests {
            return;
        }
        let people = self.clone();
        self.network.once_answered(Some(Box::new(move || {
            for fault in PEOPLE {
                let second = people.network.second();
                // Who comes after the end would never change it back.
                if people.story.end(fault).is_some_and(|end| second < end) {
                    people.begin(fault);
                }
            }
        })));
    }

    fn tell(&self, fault: Fault, what: &str) {
        self.network.met(fault);
        self.trace.tell(|| format!("{fault:?}: {what}"));
    }

    pub(crate) fn begin(&self, fault: Fault) {
        match fault {
            Fault::PersonDeploys => {
                let works = self.story.variant.is_multiple_of(2);
                let what = if works {
                    "a version that works"
                } else {
                    "another one that fails"
                };
                self.tell(fault, what);
                self.lab.person_deploys(works);
            }
            Fault::PersonPauses => {
                self.tell(fault, "paused");
                self.lab.person_pauses(true);
            }
            Fault::PersonOptsOut => {
                self.tell(fault, "out");
                self.lab.person_opts_out(true, self.by_namespace());
            }
            _ => {}
        }
    }

    pub(crate) fn end(&self, fault: Fault) {
        match fault {
            Fault::PersonPauses => {
                self.tell(fault, "resumed");
                self.lab.person_pauses(false);
            }
            Fault::PersonOptsOut => {
                self.tell(fault, "in");
                self.lab.person_opts_out(false, self.by_namespace());
            }
            _ => {}
        }
    }

    fn by_namespace(&self) -> bool {
        self.story.variant.is_multiple_of(3)
    }
}
