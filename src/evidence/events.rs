//! Events about pods. They explain; they never decide: they are lost, merged and expire by design.

use crate::domain::evidence::EventFact;
use crate::domain::identity::Uid;
use crate::domain::text;
use jiff::Timestamp;
use serde_json::Value;

/// The events.k8s.io/v1 limit for a note, which core/v1 messages keep to as well.
const MESSAGE_BYTES: usize = 1024;

/// What client-go puts before the message when it merges many alike (`tools/record/events_cache.go`): what follows is the newest one's own.
const COMBINED: &str = "(combined from similar events): ";

/// One Event in either shape of time stamps: the kubelet's (`count`, `lastTimestamp`) or the scheduler's (`eventTime`, `series`).
/// `None` where it has no object or no time at all.
pub fn event(object: &Value) -> Option<EventFact> {
    let field = |pointer: &str| {
        object
            .pointer(pointer)
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    let time = |pointer: &str| field(pointer).parse::<Timestamp>().ok();
    let last_seen = [
        "/series/lastObservedTime",
        "/lastTimestamp",
        "/eventTime",
        "/metadata/creationTimestamp",
    ]
    .into_iter()
    .filter_map(time)
    .max()?;
    let count = ["/series/count", "/count"]
        .into_iter()
        .find_map(|pointer| object.pointer(pointer).and_then(Value::as_i64));
    let regarding = field("/involvedObject/uid");
    (!regarding.is_empty()).then(|| EventFact {
        regarding: Uid::new(regarding),
        regarding_name: text::safe(field("/involvedObject/name"), 253),
        container: container(field("/involvedObject/fieldPath")),
        kind: text::safe(field("/type"), 63),
        reason: text::safe(field("/reason"), 128),
        message: text::safe(unfolded(field("/message")), MESSAGE_BYTES),
        count: count.unwrap_or(1),
        last_seen,
    })
}

fn unfolded(message: &str) -> &str {
    message.strip_prefix(COMBINED).unwrap_or(message)
}

/// All Events, oldest first.
pub fn sorted(objects: &[Value]) -> Vec<EventFact> {
    let mut events: Vec<EventFact> = objects.iter().filter_map(event).collect();
    events.sort_by(|left, right| {
        (left.last_seen, &left.reason, &left.message).cmp(&(
            right.last_seen,
            &right.reason,
            &right.message,
        ))
    });
    events
}

/// `spec.containers{web}` names the container `web` (Kubernetes `pkg/kubelet/container/ref.go`).
fn container(field_path: &str) -> Option<String> {
    let (_, rest) = field_path.split_once('{')?;
    let (name, _) = rest.split_once('}')?;
    Some(name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_event_without_object_or_time_is_no_fact() {
        assert_eq!(event(&json!({"reason": "Failed"})), None);
        assert_eq!(
            event(&json!({"eventTime": "2026-11-23T04:10:29.916150Z"})),
            None
        );
    }

    #[test]
    fn a_merged_event_says_what_its_newest_one_said() {
        let merged = json!({"involvedObject": {"uid": "p"}, "lastTimestamp": "2026-11-23T04:12:07Z", "reason": "Failed",
            "message": "(combined from similar events): Failed to pull image \"web:2\": not found"});
        let message = event(&merged).unwrap().message;
        assert_eq!(message, "Failed to pull image \"web:2\": not found");
    }

    #[test]
    fn both_shapes_of_time_stamps_are_understood() {
        let kubelet = json!({"involvedObject": {"uid": "p", "fieldPath": "spec.initContainers{x}"}, "count": 4,
            "eventTime": null, "lastTimestamp": "2026-11-23T04:12:07Z", "reason": "Failed"});
        let scheduler = json!({"involvedObject": {"uid": "p"}, "lastTimestamp": null,
            "eventTime": "2026-11-23T04:10:29.916150Z", "series": {"count": 7, "lastObservedTime": "2026-11-23T04:20:00Z"}});
        let (kubelet, scheduler) = (event(&kubelet).unwrap(), event(&scheduler).unwrap());
        assert_eq!(
            (kubelet.count, kubelet.container.as_deref()),
            (4, Some("x"))
        );
        assert_eq!((scheduler.count, scheduler.container), (7, None));
        assert_eq!(scheduler.last_seen.to_string(), "2026-11-23T04:20:00Z");
    }

    #[test]
    fn real_events_come_oldest_first_whatever_their_order() {
        let path = format!(
            "{}/tests/fixtures/faults/image-not-found.json",
            env!("CARGO_MANIFEST_DIR")
        );
        let whole: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let mut objects = whole["events"].as_array().unwrap().clone();
        let once = sorted(&objects);
        objects.reverse();
        assert_eq!(sorted(&objects), once);
        assert_eq!(once[0].reason, "Scheduled");
    }
}
