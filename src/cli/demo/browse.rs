//! The incidents of the simulated cluster over HTTP, as `kubectl get incidents` shows a real one's.
//!
//! | route | answers |
//! |---|---|
//! | `GET /demo/incidents` | the table |
//! | `GET /demo/incidents/NAME` | the object as YAML, or 404 |

use super::lab::NAMESPACE;
use crate::domain::time::{human, since};
use crate::sim::World;
use serde_json::Value;
use warp::filters::BoxedFilter;
use warp::http::{Response, StatusCode};
use warp::{Filter as _, Reply as _};

/// The columns of `deploy/base/crd.yaml`; the age comes last.
const COLUMNS: [(&str, &str); 6] = [
    ("NAME", "/metadata/name"),
    ("WORKLOAD", "/spec/workload/name"),
    ("CAUSE", "/status/cause"),
    ("ACTION", "/status/action"),
    ("PHASE", "/status/phase"),
    ("OUTCOME", "/status/outcome"),
];

/// The routes; what is not theirs is left to others.
pub(super) fn routes(world: &World) -> BoxedFilter<(warp::reply::Response,)> {
    let (all, one) = (world.clone(), world.clone());
    let list = warp::path!("demo" / "incidents")
        .and(warp::get())
        .map(move || reply(StatusCode::OK, table(&all)));
    let get = warp::path!("demo" / "incidents" / String)
        .and(warp::get())
        .map(
            move |name: String| match one.object("Incident", NAMESPACE, &name) {
                Some(object) => reply(
                    StatusCode::OK,
                    serde_saphyr::to_string(&object).unwrap_or_default(),
                ),
                None => reply(
                    StatusCode::NOT_FOUND,
                    "there is no such incident: see /demo/incidents\n".to_owned(),
                ),
            },
        );
    list.or(get).unify().boxed()
}

fn reply(status: StatusCode, body: String) -> warp::reply::Response {
    Response::builder()
        .status(status)
        .header("content-type", "text/plain; charset=utf-8")
        .body(body)
        .map_or_else(
            |_| StatusCode::INTERNAL_SERVER_ERROR.into_response(),
            warp::Reply::into_response,
        )
}

/// Oldest first.
fn table(world: &World) -> String {
    let mut incidents = world.objects("Incident", NAMESPACE);
    incidents.sort_by_key(|one| text(one, "/metadata/creationTimestamp").to_owned());
    let mut rows = vec![row_of(COLUMNS.map(|(head, _)| head.to_owned()), "AGE")];
    for one in &incidents {
        let created = text(one, "/metadata/creationTimestamp").parse();
        let age = created.map(|created| human(since(created, world.clock().now())));
        let cells = COLUMNS.map(|(_, pointer)| text(one, pointer).to_owned());
        rows.push(row_of(cells, &age.unwrap_or_default()));
    }
    aligned(&rows)
}

fn row_of(cells: [String; 6], age: &str) -> Vec<String> {
    cells.into_iter().chain([age.to_owned()]).collect()
}

/// Columns three spaces apart, as kubectl prints them.
fn aligned(rows: &[Vec<String>]) -> String {
    let count = rows.iter().map(Vec::len).max().unwrap_or_default();
    let widths: Vec<usize> = (0..count)
        .map(|column| {
            let cells = rows.iter().filter_map(|row| row.get(column));
            cells.map(String::len).max().unwrap_or_default()
        })
        .collect();
    rows.iter()
        .map(|row| {
            let cells = row.iter().zip(&widths);
            let cells = cells.map(|(cell, width)| format!("{cell:width$}"));
            let line = cells.collect::<Vec<_>>().join("   ");
            line.trim_end().to_owned() + "\n"
        })
        .collect()
}

fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    let text = object.pointer(pointer).and_then(Value::as_str);
    text.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_under_each_other() {
        let row = |cells: [&str; 2]| cells.map(str::to_owned).to_vec();
        assert_eq!(
            aligned(&[row(["NAME", "AGE"]), row(["a-long-name", "3s"])]),
            "NAME          AGE\na-long-name   3s\n"
        );
    }
}
