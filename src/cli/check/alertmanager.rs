//! The way from Prometheus through Alertmanager to Ripcord's webhook.

use super::finding::{Category, Finding, Section};
use super::page_of;
use super::routing::{Labels, Receiver, Routing, Webhook};
use super::rules::Rule;
use crate::config::{Config, WebhookAuth};
use crate::platform::prometheus::{Deliveries, Unanswered};
use crate::platform::web::{self, Page, Unfetched};
use serde_json::Value;
use std::time::Duration;

/// The path of Ripcord's webhook: by it an address is known as ours, for its Service may be called anything.
const PATH: &str = "/api/v1/alerts";

/// What was asked.
pub(super) struct Facts {
    /// The base addresses that Prometheus sends to, or the one of the command line.
    pub(super) addresses: Result<Vec<String>, String>,
    /// Whether the command line named it.
    pub(super) named: bool,
    /// `/api/v2/status` of each.
    pub(super) statuses: Vec<(String, Result<Page, Unfetched>)>,
}

/// What else is known by now.
pub(super) struct Beside<'a> {
    pub(super) config: &'a Config,
    /// All alert rules that Prometheus has.
    pub(super) rules: &'a [Rule],
    /// How an alert calls the namespace of a pod.
    pub(super) namespace_label: &'a str,
    pub(super) deliveries: Result<Deliveries, Unanswered>,
}

/// Asks Prometheus where its alerts go, unless it was said, and each Alertmanager for its configuration.
pub(super) async fn fetch(prometheus: &str, named: Option<&str>) -> Facts {
    let addresses = match named {
        Some(url) => Ok(vec![url.trim_end_matches('/').to_owned()]),
        None => discovered(prometheus).await,
    };
    let each = addresses.iter().flatten().map(|address| async move {
        let status = web::get(&format!("{address}/api/v2/status")).await;
        (address.clone(), status)
    });
    let statuses = futures::future::join_all(each).await;
    Facts {
        addresses,
        named: named.is_some(),
        statuses,
    }
}

/// Prometheus knows none for the first seconds after a reload: an empty answer is asked for once more.
async fn discovered(prometheus: &str) -> Result<Vec<String>, String> {
    const DISCOVERY: Duration = Duration::from_secs(7);
    let url = format!("{prometheus}/api/v1/alertmanagers");
    let first = found(&web::get(&url).await);
    if first.as_ref().is_ok_and(Vec::is_empty) {
        tokio::time::sleep(DISCOVERY).await;
        return found(&web::get(&url).await);
    }
    first
}

/// The base addresses in Prometheus' answer: it names the path that it posts to.
fn found(page: &Result<Page, Unfetched>) -> Result<Vec<String>, String> {
    let answer = page_of(page)?;
    let active = answer.pointer("/data/activeAlertmanagers");
    let active = active
        .and_then(Value::as_array)
        .ok_or_else(|| "the answer can't be read".to_owned())?;
    Ok(active
        .iter()
        .filter_map(|one| one.get("url")?.as_str())
        .map(|url| {
            let base = url
                .strip_suffix("/api/v2/alerts")
                .or_else(|| url.strip_suffix("/api/v1/alerts"));
            base.unwrap_or(url).to_owned()
        })
        .collect())
}

/// Judges.
pub(super) fn judge(facts: &Facts, beside: &Beside<'_>) -> Category {
    let mut findings = Vec::new();
    match &facts.addresses {
        Err(why) => {
            findings.push(
                Finding::skipped("alerts come through Alertmanager to Ripcord", format!("Prometheus does not say where its Alertmanager is ({why}), and --alertmanager-url was not given"))
                    .way_out("ripcord check --live --alertmanager-url URL FILE"),
            );
        }
        Ok(addresses) if addresses.is_empty() => findings.push(
            Finding::wrong(
                "Prometheus sends its alerts to an Alertmanager",
                "it knows none: no alert goes anywhere",
                Section::Route,
            )
            .way_out("alerting: {alertmanagers: [{static_configs: [{targets: [HOST:9093]}]}]}"),
        ),
        Ok(_) => {
            for (address, status) in &facts.statuses {
                findings.extend(one(address, status, facts.named, beside));
            }
            findings.push(deliveries(beside));
        }
    }
    Category {
        name: "alertmanager",
        findings,
    }
}

fn one(
    address: &str,
    status: &Result<Page, Unfetched>,
    named: bool,
    beside: &Beside<'_>,
) -> Vec<Finding> {
    let answers = format!("Alertmanager answers at {address}");
    let original = match page_of(status) {
        Ok(status) => status
            .pointer("/config/original")
            .and_then(Value::as_str)
            .map(str::to_owned)
            .ok_or_else(|| "it does not show its configuration".to_owned()),
        Err(why) => Err(why),
    };
    let routing = original
        .and_then(|text| Routing::read(&text).ok_or_else(|| "its routes can't be read".to_owned()));
    let routing = match routing {
        Ok(routing) => routing,
        Err(why) => {
            let mut finding = Finding::unknown(answers, why, Section::Route);
            if !named {
                finding = finding
                    .way_out("# That is its address as Prometheus knows it. Another way to it:")
                    .way_out("kubectl -n monitoring port-forward svc/ALERTMANAGER 9093")
                    .way_out("ripcord check --live --alertmanager-url http://127.0.0.1:9093 FILE");
            }
            let why = "Alertmanager's configuration is not known";
            return vec![finding, Finding::skipped("a route leads to Ripcord", why)];
        }
    };
    let mut findings = vec![Finding::fine(answers)];
    let (ours, known) = ours(&routing);
    findings.push(receiver(&routing, &ours, known, beside));
    if ours.is_empty() {
        let why = "no receiver posts to it";
        findings.push(Finding::skipped("a route leads to Ripcord", why));
        return findings;
    }
    for namespace in &beside.config.namespaces {
        findings.push(route(&routing, &ours, namespace, beside));
    }
    findings.push(token(&ours, known, beside.config));
    findings
}

/// By what the receivers that post to Ripcord are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Known {
    /// Their address is shown.
    Address,
    /// Their address is hidden, and they are called after Ripcord.
    Name,
    /// Nothing: their address is hidden, and it may be anybody's.
    Nothing,
}

/// Whether one of its addresses is not shown.
fn hidden(receiver: &Receiver) -> bool {
    let mut webhooks = receiver.webhooks.iter();
    webhooks.any(|webhook| webhook.url.is_none())
}

/// The receivers that post to Ripcord; where Alertmanager hides addresses, those that may.
fn ours(routing: &Routing) -> (Vec<&Receiver>, Known) {
    let with = |fits: fn(&Receiver) -> bool| -> Vec<&Receiver> {
        let receivers = routing.receivers.iter();
        receivers.filter(|receiver| fits(receiver)).collect()
    };
    let seen = with(|receiver| receiver.webhooks.iter().any(is_ours));
    if !seen.is_empty() {
        return (seen, Known::Address);
    }
    let named =
        with(|receiver| hidden(receiver) && receiver.name.to_lowercase().contains("ripcord"));
    if !named.is_empty() {
        return (named, Known::Name);
    }
    (with(hidden), Known::Nothing)
}

fn is_ours(webhook: &Webhook) -> bool {
    let url = webhook.url.as_deref().unwrap_or_default();
    url.trim_end_matches('/').ends_with(PATH)
}

fn names(receivers: &[&Receiver]) -> String {
    let names: Vec<&str> = receivers.iter().map(|found| found.name.as_str()).collect();
    names.join(", ")
}

fn receiver(routing: &Routing, ours: &[&Receiver], known: Known, beside: &Beside<'_>) -> Finding {
    let description = "a receiver posts to Ripcord";
    let names = names(ours);
    let taken = beside
        .deliveries
        .as_ref()
        .ok()
        .and_then(|found| found.taken);
    match known {
        _ if ours.is_empty() => {}
        Known::Address => return Finding::fine(format!("{description}: {names}")),
        Known::Name => {
            return Finding::fine(format!(
                "{description}: {names}, by its name (Alertmanager hides the address)"
            ));
        }
        Known::Nothing if taken.is_some_and(|taken| taken > 0.0) => {
            return Finding::fine(format!(
                "{description}, for alerts arrive (Alertmanager hides the addresses)"
            ));
        }
        Known::Nothing => {
            return Finding::warning(
                description,
                format!("Alertmanager hides the addresses of webhooks, no receiver is called after Ripcord, and no alert has arrived in the last day: whether one of these is Ripcord's can't be seen: {names}"),
                Section::Route,
            )
            .way_out("# call the receiver `ripcord`: deploy/alertmanager/alertmanager.yml");
        }
    }
    // The nearest miss: somebody meant us.
    let near = routing.receivers.iter().find_map(|receiver| {
        let urls = receiver
            .webhooks
            .iter()
            .filter_map(|webhook| webhook.url.as_ref());
        let mut near = urls.filter(|url| url.contains("ripcord") || url.contains(":9099"));
        near.next().map(|url| (&receiver.name, url))
    });
    let problem = match near {
        Some((name, url)) => {
            format!("the receiver {name} posts to {url}: the path must be {PATH}")
        }
        None => format!("none has a webhook whose address ends with {PATH}"),
    };
    Finding::wrong(description, problem, Section::Route)
        .way_out("# paste the route and the receiver: deploy/alertmanager/alertmanager.yml, or")
        .way_out("# with the Prometheus operator deploy/alertmanager/alertmanagerconfig.yaml")
}

fn route(routing: &Routing, ours: &[&Receiver], namespace: &str, beside: &Beside<'_>) -> Finding {
    let label = beside.namespace_label;
    let description = format!("alerts about {namespace} are routed to Ripcord");
    let rules: Vec<&Rule> = beside
        .rules
        .iter()
        .filter(|rule| !rule.name.starts_with("Ripcord"))
        .collect();
    let reaches = |labels: &Labels| {
        let reached = routing.receivers_of(labels);
        ours.iter()
            .any(|receiver| reached.contains(&receiver.name.as_str()))
    };
    let alert = |name: &str, labels: &Labels| {
        let mut labels = labels.clone();
        labels.insert("alertname".to_owned(), name.to_owned());
        labels.insert(label.to_owned(), namespace.to_owned());
        labels
    };
    let reaching = rules
        .iter()
        .filter(|rule| reaches(&alert(&rule.name, &rule.labels)))
        .count();
    if reaching > 0 {
        return Finding::fine(format!(
            "{description} ({reaching} of {} rules)",
            rules.len()
        ));
    }
    let severity = Labels::from([("severity".to_owned(), "warning".to_owned())]);
    if rules.is_empty() && reaches(&alert("RolloutContainerWaiting", &severity)) {
        return Finding::fine(description);
    }
    Finding::wrong(
        description,
        format!(
            "no route leads an alert with {label}={namespace:?} to {}: another one takes it first, or its matchers do not fit",
            names(ours)
        ),
        Section::Route,
    )
    .way_out(format!(
        "- {{receiver: {}, matchers: ['{label}=\"{namespace}\"'], continue: true}}",
        ours.first().map(|receiver| receiver.name.as_str()).unwrap_or_default()
    ))
    .way_out("# as the first one of `routes:`; how it is tried out:")
    .way_out(format!("amtool config routes test {label}={namespace}"))
}

fn token(ours: &[&Receiver], known: Known, config: &Config) -> Finding {
    let description = "its receiver shows a token";
    if config.webhook_auth == WebhookAuth::Insecure {
        return Finding::skipped(description, "`webhook: {insecure: true}` asks for none");
    }
    let may_be_ours = |webhook: &&Webhook| webhook.url.is_none() || is_ours(webhook);
    let bare: Vec<&str> = ours
        .iter()
        .filter(|receiver| {
            let mut webhooks = receiver.webhooks.iter().filter(may_be_ours);
            webhooks.all(|webhook| !webhook.shows_token)
        })
        .map(|receiver| receiver.name.as_str())
        .collect();
    // One of several may be somebody else's, where nothing tells them apart.
    if bare.is_empty() || (known == Known::Nothing && bare.len() < ours.len()) {
        return Finding::fine(description);
    }
    Finding::wrong(
        description,
        format!("{} shows none: Ripcord answers 401", bare.join(", ")),
        Section::Token,
    )
    .way_out("http_config:    # beside `url:`")
    .way_out("  authorization: {credentials_file: /etc/alertmanager/ripcord-token}")
}

/// How two tokens are compared that nobody should print.
const COMPARE_TOKENS: [&str; 5] = [
    "# both must print the same:",
    "kubectl -n ripcord get secret ripcord-webhook-token \\",
    "  -o jsonpath='{.data.token}' | base64 -d | tr -d '\\n' | sha256sum",
    "kubectl -n monitoring exec ALERTMANAGER_POD -- \\",
    "  cat /etc/alertmanager/ripcord-token | tr -d '\\n' | sha256sum",
];

/// By Ripcord's own metrics: neither Alertmanager's token nor, since 0.26, its addresses can be seen, but what became of them can.
fn deliveries(beside: &Beside<'_>) -> Finding {
    let description = "Ripcord takes what Alertmanager sends";
    let found = match &beside.deliveries {
        Ok(found) => found,
        Err(error) => {
            return Finding::skipped(description, error.to_string());
        }
    };
    let refused = found.refused_lately.unwrap_or(0.0) > 0.0;
    let taken_lately = found.taken_lately.unwrap_or(0.0) > 0.0;
    match found.taken {
        None => Finding::skipped(
            description,
            "Prometheus does not scrape Ripcord, so that nobody counts",
        ),
        Some(_) if refused && !taken_lately => Finding::wrong(
            description,
            "in the last 10 minutes it refused deliveries because of their token, and took none: Alertmanager shows another token than the one in Ripcord's file",
            Section::Token,
        )
        .ways_out(&COMPARE_TOKENS),
        Some(_) if refused => Finding::warning(
            description,
            "in the last 10 minutes it refused some deliveries because of their token, and took others: two senders, or one of both tokens was changed just now",
            Section::Token,
        )
        .ways_out(&COMPARE_TOKENS),
        Some(taken) if taken > 0.0 => Finding::fine(description),
        Some(_) => Finding::skipped(description, "nothing has been sent yet"),
    }
}

#[cfg(test)]
mod tests;
