//! Routes are walked as Alertmanager walks them.

use super::*;

fn reached<'a>(routing: &'a Routing, labels: &[(&str, &str)]) -> Vec<&'a str> {
    let labels = labels
        .iter()
        .map(|(label, value)| ((*label).to_owned(), (*value).to_owned()))
        .collect();
    routing.receivers_of(&labels)
}

#[test]
fn the_shipped_configuration_leads_to_ripcord_and_to_people() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/deploy/alertmanager/alertmanager.yml"
    );
    let routing = Routing::read(&std::fs::read_to_string(path).unwrap()).unwrap();
    assert_eq!(
        reached(&routing, &[("namespace", "lab30")]),
        ["ripcord", "people"]
    );
    assert_eq!(
        reached(&routing, &[("alertname", "RipcordDown")]),
        ["people"]
    );
    let ripcord = routing
        .receivers
        .iter()
        .find(|found| found.name == "ripcord")
        .unwrap();
    assert_eq!(
        ripcord.webhooks,
        [Webhook {
            url: Some("http://ripcord.ripcord.svc:9099/api/v1/alerts".to_owned()),
            shows_token: true,
        }]
    );
}

#[test]
fn routes_are_walked_as_alertmanager_walks_them() {
    let routing = Routing::read(
        r#"
        route:
          receiver: top
          routes:
            - matchers: ['team=~"web|shop"', severity!=info]
              receiver: web
              routes: [{match: {namespace: shop}, receiver: shop}, {match_re: {namespace: "s.*"}, receiver: never}]
            - matchers: ['{team="db",severity="critical"}']
              continue: true
            - {receiver: rest, matchers: ['team!~"web"']}
        receivers: [{name: top}, {name: web, webhook_configs: [{url: <secret>}]}]
        "#,
    )
    .unwrap();
    for (labels, expected) in [
        (vec![("team", "web")], vec!["web"]),
        (vec![("team", "shop"), ("namespace", "shop")], vec!["shop"]),
        // A pattern is anchored, and `info` is left out.
        (vec![("team", "webs")], vec!["rest"]),
        (vec![("team", "web"), ("severity", "info")], vec!["top"]),
        // Without a receiver a route has its parent's, and goes on.
        (
            vec![("team", "db"), ("severity", "critical")],
            vec!["top", "rest"],
        ),
    ] {
        assert_eq!(reached(&routing, &labels), expected, "{labels:?}");
    }
    assert_eq!(routing.receivers[1].webhooks[0].url, None);
}

#[test]
fn what_can_not_be_read_is_no_configuration() {
    for yaml in [
        "",
        "receivers: []",
        "route: {receiver: a, matchers: ['a']}",
        "route: {receiver: a, matchers: ['a=~\"(\"']}",
        "route: [",
    ] {
        assert!(Routing::read(yaml).is_none(), "{yaml}");
    }
}

#[test]
fn commas_and_quotes_inside_a_value_are_its_own() {
    let matchers = Matcher::read_all(r#"{a="x,\"y\"", "b c"=~"d|e"}"#).unwrap();
    assert_eq!(matchers.len(), 2);
    let labels = Labels::from([
        ("a".to_owned(), "x,\"y\"".to_owned()),
        ("b c".to_owned(), "e".to_owned()),
    ]);
    assert!(matchers.iter().all(|matcher| matcher.fits(&labels)));
}
