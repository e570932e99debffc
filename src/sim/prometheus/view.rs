//! What Prometheus believes at one moment: its scrapes, or a lie about them.

use super::scrapes::{ContainerSample, Scrape, Scrapes, Sizes};
use jiff::{SignedDuration, Timestamp};

/// How far an instant selector looks back for a series that nobody has declared stale (Prometheus `--query.lookback-delta`).
const LOOK_BACK: SignedDuration = SignedDuration::from_mins(5);
/// How old the last scrape may be for the source to count as up (`platform::prometheus::questions`).
const UP_WINDOW: SignedDuration = SignedDuration::from_secs(150);

/// In which way Prometheus answers readily, and wrongly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lie {
    /// Everything was well all along: nothing waits or ever restarted, and every replica that was asked for was ready.
    AllWell,
    /// Everything was broken all along: every container waits in `CrashLoopBackOff`, and nothing was ever ready.
    AllBroken,
    /// Nothing waits; the rest is true.
    NothingWaits,
    /// Every answer is empty, and yet its source is up, as it says: another cluster's Prometheus, or a wrong matcher.
    Empty,
    /// Two sources speak about everything.
    Twice,
    /// All answers are those of the moment at which the lie began, for good, its source being up among them: a cache in front of it.
    OldNews,
}

/// The scrapes, as they are believed now.
pub(super) struct View<'a> {
    scrapes: &'a Scrapes,
    pub(super) now: Timestamp,
    lie: Option<Lie>,
}

impl<'a> View<'a> {
    pub(super) fn new(scrapes: &'a Scrapes, now: Timestamp) -> Self {
        match scrapes.lie {
            Some((Lie::OldNews, since)) => Self {
                scrapes,
                now: since,
                lie: None,
            },
            lie => Self {
                scrapes,
                now,
                lie: lie.map(|(lie, _)| lie),
            },
        }
    }

    pub(super) fn two_sources(&self) -> bool {
        self.lie == Some(Lie::Twice)
    }

    /// The scrapes that brought something, after one time and up to another, none of them from the future.
    pub(super) fn between(
        &self,
        after: Timestamp,
        to: Timestamp,
    ) -> impl DoubleEndedIterator<Item = (Timestamp, &'a Scrape)> + use<'a> {
        let believed = self.lie != Some(Lie::Empty);
        let scrapes = self.scrapes.between(after, to.min(self.now));
        scrapes
            .filter(move |_| believed)
            .filter_map(|(at, scrape)| Some((at, scrape?)))
    }

    /// The last scrape that brought something, in a time that ends then (`last_over_time` steps over markers of staleness).
    pub(super) fn last(&self, within: SignedDuration, to: Timestamp) -> Option<&'a Scrape> {
        let after = to.checked_sub(within).ok()?;
        Some(self.between(after, to).next_back()?.1)
    }

    /// What an instant selector sees: the last scrape, as long as nobody scraped in vain since.
    pub(super) fn instant(&self) -> Option<&'a Scrape> {
        if self.lie == Some(Lie::Empty) {
            return None;
        }
        let after = self.now.checked_sub(LOOK_BACK).ok()?;
        self.scrapes.between(after, self.now).next_back()?.1
    }

    pub(super) fn is_up(&self) -> bool {
        let after = self.now.checked_sub(UP_WINDOW).unwrap_or(self.now);
        let newest = self.scrapes.between(after, self.now).next_back();
        newest.is_some_and(|(_, scrape)| scrape.is_some())
    }

    pub(super) fn container(&self, sample: &ContainerSample) -> ContainerSample {
        let mut believed = sample.clone();
        match self.lie {
            Some(Lie::AllWell) => {
                believed.restarts = 0;
                believed.waiting.clear();
                believed.last_terminated = None;
            }
            Some(Lie::AllBroken) => {
                believed.waiting = "CrashLoopBackOff".to_owned();
                believed.last_terminated = Some(("Error".to_owned(), 1));
            }
            Some(Lie::NothingWaits) => believed.waiting.clear(),
            Some(Lie::Empty | Lie::Twice | Lie::OldNews) | None => {}
        }
        believed
    }

    pub(super) fn sizes(&self, sizes: Sizes) -> Sizes {
        let have = match self.lie {
            Some(Lie::AllWell) => sizes.wanted,
            Some(Lie::AllBroken) => 0,
            _ => sizes.have,
        };
        Sizes { have, ..sizes }
    }
}
