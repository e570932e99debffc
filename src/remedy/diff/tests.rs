use super::*;
use serde_json::json;

fn web() -> Value {
    json!({"metadata": {"labels": {"app": "web"}}, "spec": {
        "serviceAccountName": "web",
        "volumes": [{"name": "data", "emptyDir": {}}],
        "initContainers": [{"name": "migrate", "image": "migrate:1"}],
        "containers": [{
            "name": "web", "image": "web:2", "args": ["--listen", ":8080", "--password", "old"],
            "env": [{"name": "LEVEL", "value": "old"}, {"name": "ZONE", "value": "a"}],
            "envFrom": [{"configMapRef": {"name": "web-config"}}],
            "readinessProbe": {"httpGet": {"path": "/health", "port": 8080, "httpHeaders": [{"name": "X-Key", "value": "old"}]}},
            "ports": [{"containerPort": 8080}],
        }],
    }})
}

fn web_with(change: impl FnOnce(&mut Value)) -> Value {
    let mut template = web();
    change(&mut template);
    template
}

#[test]
fn equal_templates_have_no_difference() {
    assert_eq!(diff(&web(), &web()), "");
    assert_eq!(diff(&Value::Null, &Value::Null), "");
}

#[test]
fn an_image_is_one_line_out_and_one_line_in() {
    let planned = web_with(|template| template["spec"]["containers"][0]["image"] = json!("web:1"));
    let shown = diff(&web(), &planned);
    assert!(shown.starts_with("--- now\n+++ planned\n"), "{shown}");
    assert!(
        shown.contains("\n-  image: web:2\n+  image: web:1\n"),
        "{shown}"
    );
    assert!(!shown.contains("other fields"), "{shown}");
}

#[test]
fn no_value_of_a_variable_a_header_or_a_password_is_shown_but_its_change_is() {
    for (path, line) in [
        (
            "/spec/containers/0/env/0/value",
            "+  env LEVEL (value changed)",
        ),
        ("/spec/containers/0/args/3", "[redacted]\"] (value changed)"),
        (
            "/spec/containers/0/readinessProbe/httpGet/httpHeaders/0/value",
            "(value changed)",
        ),
        ("/spec/containers/0/envFrom/0/configMapRef/optional", ""),
    ] {
        let planned = web_with(|template| match template.pointer_mut(path) {
            Some(value) => *value = json!("new"),
            None => {
                template["spec"]["containers"][0]["envFrom"][0]["configMapRef"]["optional"] =
                    json!("new");
            }
        });
        let shown = diff(&web(), &planned);
        assert!(
            shown.contains(line) && shown.contains("(value changed)"),
            "{path}: {shown}"
        );
        assert!(
            !shown.contains("new") && !shown.contains("old"),
            "{path}: {shown}"
        );
    }
}

#[test]
fn what_the_view_leaves_out_is_named_by_its_path() {
    let planned = web_with(|template| {
        template["metadata"]["annotations"] = json!({"kubectl.kubernetes.io/restartedAt": "now"});
        template["spec"]["containers"][0]["securityContext"] = json!({});
        template["spec"]["terminationGracePeriodSeconds"] = json!(5);
    });
    assert_eq!(
        diff(&web(), &planned),
        "… other fields differ (3): metadata.annotations[kubectl.kubernetes.io/restartedAt], \
         spec.containers[web].securityContext, spec.terminationGracePeriodSeconds\n"
    );
}

#[test]
fn a_volume_of_the_same_name_with_other_contents_is_a_change() {
    let planned = web_with(|template| {
        template["spec"]["volumes"][0] = json!({"name": "data", "hostPath": {"path": "/"}});
    });
    let shown = diff(&web(), &planned);
    assert!(
        shown.contains("-volume data\n+volume data (value changed)\n"),
        "{shown}"
    );
}

#[test]
fn a_container_that_comes_or_goes_is_shown_whole() {
    let planned = web_with(|template| template["spec"]["initContainers"] = json!([]));
    let shown = diff(&web(), &planned);
    assert!(
        shown.contains("-init container migrate:\n-  image: migrate:1\n"),
        "{shown}"
    );
}

#[test]
fn variables_of_one_name_are_told_apart_by_their_places() {
    let twice = |last: &str| {
        web_with(|template| {
            template["spec"]["containers"][0]["env"] =
                json!([{"name": "A", "value": "1"}, {"name": "A", "value": last}]);
        })
    };
    assert!(diff(&twice("2"), &twice("3")).contains(" env A (value changed)"));
}

#[test]
fn a_long_difference_is_cut_and_still_names_the_other_fields() {
    let planned = web_with(|template| {
        let many: Vec<Value> = (0..2000)
            .map(|number| json!({"name": format!("V{number}"), "value": ""}))
            .collect();
        template["spec"]["containers"][0]["env"] = json!(many);
        template["spec"]["hostNetwork"] = json!(true);
    });
    let shown = diff(&web(), &planned);
    assert!(shown.len() <= LIMIT, "{}", shown.len());
    assert!(
        shown.ends_with("… other fields differ (1): spec.hostNetwork\n"),
        "{shown}"
    );
}

proptest::proptest! {
    /// Whatever single field changes, a person sees that something does.
    #[test]
    fn no_change_is_hidden(place in 0usize..64, fresh in "[a-z]{1,8}") {
        let template = web();
        let paths: Vec<String> = pointers(&template, "");
        let path = &paths[place % paths.len()];
        let mut planned = template.clone();
        *planned.pointer_mut(path).unwrap() = json!(format!("~{fresh}"));
        proptest::prop_assert_ne!(diff(&template, &planned), "");
    }
}

fn pointers(value: &Value, path: &str) -> Vec<String> {
    match value {
        Value::Object(map) => map
            .iter()
            .flat_map(|(key, value)| pointers(value, &format!("{path}/{key}")))
            .collect(),
        Value::Array(list) => list
            .iter()
            .enumerate()
            .flat_map(|(place, value)| pointers(value, &format!("{path}/{place}")))
            .collect(),
        _ => vec![path.to_owned()],
    }
}
