//! Watches: what has changed since a version, then what changes, until the time is over. One line of JSON for each event, as the real server
//! streams them.

use super::super::{Shared, json, locked};
use super::call::{Call, Objects};
use super::failure::Failure;
use super::history::Change;
use super::selector::Selection;
use super::{ApiState, ConnectionLost, ONE_WAY, read};
use bytes::Bytes;
use futures::Stream;
use hyper::body::Frame;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;
use tower::BoxError;

/// How long a watch lasts that names no time. The real one draws from 30 to 60 minutes.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30 * 60);
/// How often a bookmark tells how far a watch has come (Kubernetes `pkg/storage/cacher`).
const BOOKMARK_EVERY: Duration = Duration::from_secs(60);

/// What is watched.
#[derive(Debug)]
pub(crate) struct Watch {
    objects: Objects,
    selection: Selection,
    /// `None` = begin with what is there.
    after: Option<u64>,
    bookmarks: bool,
    lasts: Duration,
}

/// What a request asks for, where it is a watch.
pub(super) fn asked(call: &Call, objects: Objects) -> Result<Watch, Failure> {
    let selection = Selection::of(call, &objects)?;
    let after = match call.parameter("resourceVersion") {
        "" | "0" => None,
        text => Some(text.parse().map_err(|_| {
            let why = format!(
                "resourceVersion: Invalid value: \"{text}\": strconv.ParseUint: parsing \"{text}\": invalid syntax"
            );
            // Without a reason, and with this code: as the real one answers.
            Failure::new(500, "", why)
        })?),
    };
    let seconds = call.parameter("timeoutSeconds").parse();
    Ok(Watch {
        objects,
        selection,
        after,
        bookmarks: call.parameter("allowWatchBookmarks") == "true",
        lasts: seconds.map_or(DEFAULT_TIMEOUT, Duration::from_secs),
    })
}

/// A watch that is open.
struct Open {
    shared: Shared,
    watch: Watch,
    versions: watch::Receiver<u64>,
    /// Which interruption of all watches ends this one.
    interruptions: u64,
    /// Up to where everything was told; `None` = nothing yet.
    told: Option<u64>,
    ends: Instant,
    next_bookmark: Instant,
}

/// What is to be sent.
enum News {
    Nothing,
    Lines(String),
    /// The last words.
    Last(String),
    /// The connection breaks.
    Broken,
}

/// The answer's body.
pub(super) fn body(
    shared: Shared,
    watch: Watch,
) -> impl Stream<Item = Result<Frame<Bytes>, BoxError>> + Send {
    let (versions, interruptions) = {
        let state = locked(&shared);
        (state.api.store.versions(), state.api.interruptions)
    };
    let now = Instant::now();
    let open = Open {
        shared,
        versions,
        interruptions,
        told: watch.after,
        ends: now + watch.lasts,
        next_bookmark: now + BOOKMARK_EVERY,
        watch,
    };
    futures::stream::unfold(Some(open), |open| async move { next(open?).await })
}

type Sent = (Result<Frame<Bytes>, BoxError>, Option<Open>);

/// The next piece of the body; `None` = it is over.
async fn next(mut open: Open) -> Option<Sent> {
    loop {
        match open.news() {
            News::Nothing => {}
            News::Lines(lines) => return Some((Ok(frame(lines)), Some(open))),
            News::Last(lines) => return Some((Ok(frame(lines)), None)),
            News::Broken => return Some((Err(ConnectionLost.into()), None)),
        }
        tokio::select! {
            biased;
            () = tokio::time::sleep_until(open.ends) => return None,
            // The sender lives as long as the state, which is held here.
            _ = open.versions.changed() => tokio::time::sleep(ONE_WAY).await,
            () = tokio::time::sleep_until(open.next_bookmark), if open.watch.bookmarks => {
                open.next_bookmark += BOOKMARK_EVERY;
                let line = open.bookmark();
                return Some((Ok(frame(line)), Some(open)));
            }
        }
    }
}

fn frame(lines: String) -> Frame<Bytes> {
    Frame::data(Bytes::from(lines))
}

fn line(kind: &str, object: &Value) -> String {
    format!("{}\n", json!({"type": kind, "object": object}))
}

impl Open {
    /// What has happened since the last time.
    fn news(&mut self) -> News {
        self.versions.borrow_and_update();
        let state = locked(&self.shared);
        let api = &state.api;
        if api.interruptions != self.interruptions {
            return News::Broken;
        }
        let now = api.store.version();
        let lines = match self.told {
            None => self.watch.all(api),
            Some(told) => match api.store.history().after(told) {
                Ok(changes) => changes
                    .filter_map(|change| self.watch.told_of(change))
                    .collect(),
                Err(oldest) => {
                    let message = format!("too old resource version: {told} ({oldest})");
                    let status = Failure::expired(message).body();
                    return News::Last(line("ERROR", &status));
                }
            },
        };
        // A version that is still to come is waited for.
        self.told = Some(self.told.map_or(now, |told| told.max(now)));
        if lines.is_empty() {
            News::Nothing
        } else {
            News::Lines(lines)
        }
    }

    fn bookmark(&self) -> String {
        let objects = &self.watch.objects;
        let version = self.told.unwrap_or_default().to_string();
        let object = json!({
            "kind": objects.resource.kind,
            "apiVersion": objects.api_version(),
            "metadata": {"resourceVersion": version},
        });
        line("BOOKMARK", &object)
    }
}

impl Watch {
    /// Everything that is there, as if it had just come.
    fn all(&self, api: &ApiState) -> String {
        let objects = &self.objects;
        api.store
            .list(objects.resource, objects.namespace.as_deref())
            .filter(|object| self.selection.fits(object))
            .map(|object| line("ADDED", &read::shown(objects, object)))
            .collect()
    }

    /// What a change looks like from here: an object that does not fit any more is gone, and one that has begun to is new.
    fn told_of(&self, change: &Change) -> Option<String> {
        if change.resource != self.objects.resource {
            return None;
        }
        let fitting = |object: &Value| self.is_within(object) && self.selection.fits(object);
        let before = change.before.as_deref().filter(|object| fitting(object));
        let after = change.after.as_deref().filter(|object| fitting(object));
        let (kind, object) = match (before, after) {
            (None, None) => return None,
            (None, Some(after)) => ("ADDED", read::shown(&self.objects, after)),
            (Some(_), Some(after)) => ("MODIFIED", read::shown(&self.objects, after)),
            (Some(before), None) => {
                let mut last = read::shown(&self.objects, before);
                let version = change.version.to_string();
                json::set(&mut last, "/metadata/resourceVersion", version);
                ("DELETED", last)
            }
        };
        Some(line(kind, &object))
    }

    fn is_within(&self, object: &Value) -> bool {
        let namespace = self.objects.namespace.as_deref();
        namespace.is_none_or(|namespace| namespace == json::text(object, "/metadata/namespace"))
    }
}
