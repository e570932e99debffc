//! The safety that no case may give up, whatever it expects.

use super::daemon::RIPCORD;
use super::judge::{incidents, list, text};
use super::stage::Stage;
use super::words;
use ripcord::sim::{Write, WriteLog};
use serde_json::Value;

/// The requests that change workloads, with their places in the log; dry runs or those that count.
pub(crate) fn patches(log: &WriteLog, dry_run: bool) -> impl Iterator<Item = (usize, &Write)> {
    let ours = move |write: &Write| {
        write.user_agent == RIPCORD
            && write.path.contains("/deployments/")
            && write.dry_run == dry_run
    };
    log.writes()
        .iter()
        .enumerate()
        .filter(move |(_, write)| ours(write))
}

/// What was broken.
pub(crate) fn broken(stage: &Stage, log: &WriteLog) -> Vec<String> {
    let mut broken: Vec<String> = log
        .writes()
        .iter()
        .filter(|write| write.user_agent == RIPCORD && !may_be(write))
        .map(|write| format!("Ripcord wrote what it never may: {write}"))
        .collect();
    for (place, patch) in patches(log, false) {
        if !has_conditions(patch) {
            broken.push(format!("a write without its conditions: {patch}"));
        }
        if !log.writes()[..place]
            .iter()
            .any(|write| is_intent(write, patch))
        {
            broken.push(format!("a write before its plan was recorded: {patch}"));
        }
    }
    for incident in incidents(stage) {
        let guards: Vec<&str> = list(&incident, "/status/verdict/guards")
            .iter()
            .map(|guard| text(guard, "/guard"))
            .collect();
        if !guards.is_empty() && !guards.iter().copied().eq(words::guards()) {
            let what = "other guards than those that cases may name";
            broken.push(format!("{what}: {guards:?}"));
        }
    }
    broken
}

/// Its own record, what it tells, the patches, and the question what it may.
fn may_be(write: &Write) -> bool {
    ["/incidents", "/events", "accessreviews"]
        .iter()
        .any(|part| write.path.contains(part))
        || (write.verb == "PATCH" && write.path.contains("/deployments/"))
}

fn operations(patch: &Write) -> &[Value] {
    patch.body.as_array().map_or(&[], Vec::as_slice)
}

fn has_conditions(patch: &Write) -> bool {
    ["/metadata/uid", "/metadata/resourceVersion"]
        .iter()
        .all(|path| {
            operations(patch)
                .iter()
                .any(|operation| operation["op"] == "test" && operation["path"] == *path)
        })
}

/// Whether a write records the very plan that a patch carries out.
fn is_intent(write: &Write, patch: &Write) -> bool {
    let action = operations(patch)
        .iter()
        .find(|operation| operation["path"] == "/metadata/annotations/ripcord.dev~1action")
        .map_or(&Value::Null, |operation| &operation["value"]);
    write.verb == "PUT"
        && write.accepted()
        && write.body["status"]["phase"] == "Acting"
        && write.body["status"]["plan"]["actionId"] == *action
        && !action.is_null()
}
