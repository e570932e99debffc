//! Answers that say no, and their headers.

use super::*;
use http::Request;
use http_body_util::BodyExt as _;

/// A request's status, headers and text.
async fn send(world: &World, request: Request<Vec<u8>>) -> (u16, http::HeaderMap, String) {
    let request = request.map(kube::client::Body::from);
    let answer = world.client("test/1").send(request).await.unwrap();
    let (parts, body) = answer.into_parts();
    let text = body.collect().await.unwrap().to_bytes();
    let text = String::from_utf8(text.to_vec()).unwrap();
    (parts.status.as_u16(), parts.headers, text)
}

fn request(method: &str, path: &str, body: &Value) -> Request<Vec<u8>> {
    let kind = if method == "PATCH" {
        "application/json-patch+json"
    } else {
        "application/json"
    };
    Request::builder()
        .method(method)
        .uri(path)
        .header("content-type", kind)
        .body(body.to_string().into_bytes())
        .unwrap()
}

const WEB: &str = "/apis/apps/v1/namespaces/lab30/deployments/web";

/// What the server says to a strict patch.
pub(super) async fn text_of(world: &World, patch: &Value) -> String {
    let path = format!("{WEB}?fieldValidation=Strict");
    send(world, request("PATCH", &path, patch)).await.2
}

struct Throttled;

impl Interference for Throttled {
    fn before(&self, _: &Call) -> Before {
        Before::Answer(
            429,
            json!({"kind": "Status", "code": 429, "reason": "TooManyRequests", "message": "", "details": {"retryAfterSeconds": 7}}),
        )
    }
}

#[tokio::test(start_paused = true)]
async fn who_is_throttled_is_told_for_how_long() {
    let (world, _) = world().await;
    world.interfere(Some(Arc::new(Throttled)));
    let (status, headers, _) = send(&world, request("GET", WEB, &Value::Null)).await;
    assert_eq!(
        (status, &headers["retry-after"]),
        (429, &"7".parse().unwrap())
    );
}

#[tokio::test(start_paused = true)]
async fn an_option_that_is_misspelt_does_not_become_a_write() {
    let (world, _) = world().await;
    let before = world.object("Deployment", "lab30", "web");
    let patch = json!([{"op": "replace", "path": "/spec/replicas", "value": 3}]);
    for option in ["dryRun=all", "dryRun=true", "fieldValidation=strict"] {
        let request = request("PATCH", &format!("{WEB}?{option}"), &patch);
        assert_eq!(send(&world, request).await.0, 422, "{option}");
    }
    assert_eq!(world.object("Deployment", "lab30", "web"), before);
}

#[tokio::test(start_paused = true)]
async fn what_is_not_modelled_is_refused() {
    let (world, _) = world().await;
    for (method, path, status) in [
        ("DELETE", "/api/v1/namespaces/lab30", 405),
        ("DELETE", "/api/v1/namespaces/lab30/pods", 405),
        ("PUT", "/api/v1/namespaces/lab30/pods", 405),
        ("POST", "/api/v1/namespaces/lab30/pods/web/eviction", 404),
        ("GET", "/api/v1/namespaces/lab30/configmaps/a/status", 404),
        ("GET", "/apis/apps/v1/namespaces/lab30/statefulsets", 404),
    ] {
        let found = send(&world, request(method, path, &Value::Null)).await.0;
        assert_eq!(found, status, "{method} {path}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_name_that_is_none_is_refused() {
    let (world, _) = world().await;
    let path = "/api/v1/namespaces/lab30/configmaps";
    for name in ["", "A", "a_b", "-a", "a-", "a..b"] {
        let body = json!({"metadata": {"name": name}});
        let answer = send(&world, request("POST", path, &body)).await;
        assert_eq!(answer.0, 422, "{name}");
    }
    let body = json!({"metadata": {"generateName": "a-"}});
    let (status, _, text) = send(&world, request("POST", path, &body)).await;
    assert_eq!(status, 201);
    assert!(text.contains("\"name\":\"a-"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_deployment_that_goes_takes_along_what_it_owns() {
    let (world, _) = world().await;
    let dry = json!({"dryRun": ["All"]});
    assert_eq!(send(&world, request("DELETE", WEB, &dry)).await.0, 200);
    assert!(world.object("Deployment", "lab30", "web").is_some());
    assert_eq!(
        send(&world, request("DELETE", WEB, &Value::Null)).await.0,
        200
    );
    world.advance(Duration::from_secs(40)).await;
    for kind in ["Deployment", "ReplicaSet", "Pod"] {
        assert_eq!(world.objects(kind, "lab30"), Vec::<Value>::new(), "{kind}");
    }
    let log = world.write_log();
    let deletions = log.writes().iter().filter(|write| write.verb == "DELETE");
    let dry: Vec<bool> = deletions.map(|write| write.dry_run).collect();
    assert_eq!(dry, [true, false]);
}
