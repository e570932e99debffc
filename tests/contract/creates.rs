//! Making objects.

use super::objects::{GOOD, deployment, name};
use super::stage::hold;
use serde_json::json;

#[test]
fn what_is_there_can_not_be_made_again() {
    hold(async |stage| {
        let first = stage.make_map("a", "x").await;
        let path = stage.config_maps();
        let again = stage
            .send("POST", &path, &json!({"metadata": {"name": "a"}}))
            .await;
        assert_eq!(again.refused(), (409, "AlreadyExists"));
        assert_eq!(again.message(), "configmaps \"a\" already exists");
        assert_eq!(stage.get(&(path + "/a")).await.ok(), first);
    });
}

#[test]
fn nothing_is_made_where_there_is_no_namespace() {
    hold(async |stage| {
        let answer = stage
            .send(
                "POST",
                "/api/v1/namespaces/contract-none/configmaps",
                &json!({"metadata": {"name": "a"}}),
            )
            .await;
        assert_eq!(answer.refused(), (404, "NotFound"));
        assert_eq!(
            answer.body["details"],
            json!({"name": "contract-none", "kind": "namespaces"})
        );
        let elsewhere = json!({"metadata": {"name": "a", "namespace": "default"}});
        let answer = stage.send("POST", &stage.config_maps(), &elsewhere).await;
        assert_eq!(answer.refused(), (400, "BadRequest"));
    });
}

#[test]
fn what_is_not_served_is_not_found() {
    hold(async |stage| {
        for path in [
            "/apis/contract.example/v1/things".to_owned(),
            "/apis/apps/v2/deployments".to_owned(),
            stage.path("/apis/apps/v1", "things"),
            stage.path("/api/v1", "configmaps") + "/a/status",
        ] {
            assert_eq!(stage.get(&path).await.code, 404, "{path}");
        }
    });
}

#[test]
fn a_strict_create_with_an_unknown_field_is_refused_with_its_name() {
    hold(async |stage| {
        let mut web = deployment(GOOD);
        web["spec"]["replica"] = json!(1);
        let path = stage.deployments() + "?fieldValidation=Strict";
        let answer = stage.send("POST", &path, &web).await;
        assert_eq!(answer.refused(), (400, "BadRequest"));
        assert_eq!(
            answer.message(),
            "Deployment in version \"v1\" cannot be handled as a Deployment: strict decoding error: unknown field \"spec.replica\""
        );
        assert_eq!(stage.get(&stage.web()).await.refused(), (404, "NotFound"));
        // Who does not ask for strictness loses the field.
        let path = stage.deployments() + "?dryRun=All";
        let made = stage.send("POST", &path, &web).await.ok();
        assert!(made["spec"].get("replica").is_none());
    });
}

#[test]
fn an_option_that_does_not_exist_is_invalid() {
    hold(async |stage| {
        for option in ["dryRun=all", "fieldValidation=strict"] {
            let path = format!("{}?{option}", stage.config_maps());
            let answer = stage
                .send("POST", &path, &json!({"metadata": {"name": "a"}}))
                .await;
            assert_eq!(answer.refused(), (422, "Invalid"), "{option}");
        }
        assert_eq!(stage.get(&(stage.config_maps() + "/a")).await.code, 404);
    });
}

#[test]
fn an_object_must_have_a_name_and_fit_its_kind() {
    hold(async |stage| {
        for (body, refusal) in [
            (json!({"metadata": {}}), (422, "Invalid")),
            (json!({"metadata": {"name": "A_b"}}), (422, "Invalid")),
            (
                json!({"kind": "Secret", "apiVersion": "v1", "metadata": {"name": "a"}}),
                (400, "BadRequest"),
            ),
            (
                json!({"metadata": {"name": "a"}, "data": {"key": 1}}),
                (400, "BadRequest"),
            ),
        ] {
            let answer = stage.send("POST", &stage.config_maps(), &body).await;
            assert_eq!(answer.refused(), refusal, "{body}");
        }
        let mut web = deployment(GOOD);
        web["spec"]["template"]["metadata"]["labels"] = json!({"app": "other"});
        let answer = stage.send("POST", &stage.deployments(), &web).await;
        assert_eq!(answer.refused(), (422, "Invalid"));
        assert_eq!(answer.body["details"]["kind"], "Deployment");
    });
}

#[test]
fn a_rehearsed_create_answers_what_would_be_stored_and_stores_nothing() {
    hold(async |stage| {
        let path = stage.deployments() + "?dryRun=All&fieldValidation=Strict";
        let answer = stage.send("POST", &path, &deployment(GOOD)).await;
        assert_eq!(answer.code, 201);
        let would = answer.ok();
        assert_eq!(name(&would), "web");
        assert_eq!(would["metadata"]["generation"], 1);
        assert!(would["metadata"].get("resourceVersion").is_none());
        assert!(would["metadata"]["uid"].is_string());
        assert_eq!(stage.get(&stage.web()).await.refused(), (404, "NotFound"));
    });
}

#[test]
fn what_a_deployment_leaves_out_is_filled_in() {
    hold(async |stage| {
        let sparse = json!({
            "metadata": {"name": "web"},
            "spec": {"selector": {"matchLabels": {"app": "web"}}, "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {"containers": [
                    {"name": "a", "image": GOOD, "ports": [{"containerPort": 8080}], "readinessProbe": {"httpGet": {"path": "/", "port": 8080}}},
                    {"name": "b", "image": "web"},
                ]},
            }},
        });
        let path = stage.deployments() + "?dryRun=All";
        let made = stage.send("POST", &path, &sparse).await.ok();
        assert_eq!(
            made["spec"],
            json!({
                "replicas": 1,
                "revisionHistoryLimit": 10,
                "progressDeadlineSeconds": 600,
                "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "25%", "maxSurge": "25%"}},
                "selector": {"matchLabels": {"app": "web"}},
                "template": {
                    "metadata": {"labels": {"app": "web"}},
                    "spec": {
                        "containers": [
                            {
                                "name": "a", "image": GOOD, "imagePullPolicy": "IfNotPresent", "resources": {},
                                "ports": [{"containerPort": 8080, "protocol": "TCP"}],
                                "readinessProbe": {
                                    "httpGet": {"path": "/", "port": 8080, "scheme": "HTTP"},
                                    "timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3,
                                },
                                "terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File",
                            },
                            {
                                "name": "b", "image": "web", "imagePullPolicy": "Always", "resources": {},
                                "terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File",
                            },
                        ],
                        "restartPolicy": "Always", "terminationGracePeriodSeconds": 30, "dnsPolicy": "ClusterFirst",
                        "securityContext": {}, "schedulerName": "default-scheduler",
                    },
                },
            })
        );
    });
}
