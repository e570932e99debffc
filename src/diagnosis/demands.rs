//! What a rollout asks for that is not to be had, and whether an older revision asks for less of it.

use super::Examination;
use super::cure::{Answer, ready_pod};
use crate::domain::quantity;
use crate::domain::template;
use crate::domain::workload::Revision;
use serde_json::Value;

/// One thing that is asked too much.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Demand {
    /// The sum over all containers.
    Resource {
        /// Requests or limits.
        side: Side,
        /// `cpu`, `memory`, …
        resource: String,
    },
    /// Rules about nodes, by the pod's fields.
    Fields(&'static [&'static str]),
    /// A number of objects: no template asks for fewer.
    Count(String),
}

impl Demand {
    pub(super) fn resource(side: Side, resource: &str) -> Self {
        Self::Resource {
            side,
            resource: resource.to_owned(),
        }
    }
}

/// What a container asks for: at least, or at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Requests,
    Limits,
}

/// Whether an older revision asks for less of it, and has a pod for which there is room.
pub(super) fn ask(
    demands: &[Demand],
    every: bool,
    older: &Revision,
    examination: &Examination<'_>,
) -> Answer {
    let newest = &examination.newest.template;
    let is_less = |demand: &&Demand| asks_less(demand, newest, &older.template);
    let less = demands.iter().filter(is_less).count();
    let enough = if every {
        less == demands.len()
    } else {
        less > 0
    };
    let (Some(first), true) = (demands.iter().find(is_less), enough) else {
        return Answer::Untold(format!(
            "revision {} does not ask for less of what is not to be had",
            older.name
        ));
    };
    match ready_pod(older, examination) {
        Some(pod) => Answer::Yes(format!(
            "revision {} {}, and {pod} is Ready",
            older.name,
            in_words(first)
        )),
        None => Answer::Untold(format!(
            "revision {} {}, but no pod of it is Ready, so nothing shows that there is room for it",
            older.name,
            in_words(first)
        )),
    }
}

fn in_words(demand: &Demand) -> String {
    match demand {
        Demand::Resource { side, resource } => {
            let most = match side {
                Side::Requests => "",
                Side::Limits => "at most ",
            };
            format!("asks for {most}less {resource}")
        }
        Demand::Fields(fields) => format!("has another {}", fields.join(" or ")),
        Demand::Count(what) => format!("needs fewer {what}"),
    }
}

fn asks_less(demand: &Demand, newest: &Value, older: &Value) -> bool {
    match demand {
        Demand::Resource { side, resource } => {
            match (
                asked(newest, *side, resource),
                asked(older, *side, resource),
            ) {
                (Some(now), Some(before)) => before < now,
                _ => false,
            }
        }
        Demand::Fields(fields) => {
            template::pod_fields(newest, fields) != template::pod_fields(older, fields)
        }
        Demand::Count(_) => false,
    }
}

/// What all containers of a template ask for together, init containers too (near enough to compare two revisions). A limit without a
/// request is the request as well (Kubernetes `pkg/apis/core/v1/defaults.go`). `None` where some number can't be read.
fn asked(template: &Value, side: Side, resource: &str) -> Option<f64> {
    template::containers(template)
        .map(|container| {
            let of = |side: &str| container.get("resources")?.get(side)?.get(resource);
            let amount = match side {
                Side::Requests => of("requests").or_else(|| of("limits")),
                Side::Limits => of("limits"),
            };
            match amount {
                None => Some(0.0),
                Some(Value::Number(number)) => number.as_f64(),
                Some(amount) => quantity::parse(amount.as_str()?),
            }
        })
        .sum()
}
