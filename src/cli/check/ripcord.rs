//! Ripcord itself: that its token is there, that its webhook takes it, and that it is ready.

use super::finding::{Category, Finding, Section};
use crate::config::{Config, WebhookAuth};
use crate::platform::web::{self, Page, Unfetched};
use serde_json::json;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};

/// What was found out.
pub(super) struct Facts {
    pub(super) token: Token,
    /// Where it was asked.
    pub(super) webhook: String,
    /// The answer to a delivery without an alert; `None` = there was no token to show.
    pub(super) delivery: Option<Result<Page, Unfetched>>,
    pub(super) ready: Result<Page, Unfetched>,
}

/// The token's file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// None is asked for.
    NotAsked,
    There,
    Empty(PathBuf),
    TooLarge(PathBuf),
    /// It can't be read, and why.
    Unreadable(PathBuf, std::io::ErrorKind),
}

/// Asks; `webhook` and `token_file` where the command line names others than the configuration does.
pub(super) async fn fetch(
    config: &Config,
    webhook: Option<&str>,
    token_file: Option<&Path>,
) -> Facts {
    let (token, shown) = match (&config.webhook_auth, token_file) {
        (WebhookAuth::Insecure, _) => (Token::NotAsked, None),
        (WebhookAuth::BearerTokenFile(path), other) => read(other.unwrap_or(path)),
    };
    let base = webhook.map_or_else(|| base(config.listen.webhook), base_of);
    // Behind a name both are one port of one Service; without one the configuration says where.
    let admin = webhook.map_or_else(|| self::base(config.listen.admin), base_of);
    let url = format!("{base}/api/v1/alerts");
    // Nothing is in it, so that nothing comes of it but the answer.
    let nothing = json!({"version": "4", "alerts": []});
    let delivery = match token {
        Token::NotAsked | Token::There => Some(web::post(&url, shown.as_deref(), &nothing).await),
        Token::Empty(_) | Token::TooLarge(_) | Token::Unreadable(..) => None,
    };
    Facts {
        token,
        webhook: base,
        delivery,
        ready: web::get(&format!("{admin}/-/ready")).await,
    }
}

/// Where a listening address is reached from its own machine.
fn base(listen: SocketAddr) -> String {
    let mut address = listen;
    match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
        _ => {}
    }
    format!("http://{address}")
}

/// People paste the whole address of the receiver too.
fn base_of(url: &str) -> String {
    let url = url.trim_end_matches('/');
    url.strip_suffix("/api/v1/alerts").unwrap_or(url).to_owned()
}

/// As the daemon reads it: without the white space around it, and at most 16 KiB.
fn read(path: &Path) -> (Token, Option<String>) {
    const LIMIT: usize = 16 * 1024;
    match std::fs::read(path) {
        Err(error) => (Token::Unreadable(path.to_owned(), error.kind()), None),
        Ok(bytes) if bytes.len() > LIMIT => (Token::TooLarge(path.to_owned()), None),
        Ok(bytes) => match String::from_utf8_lossy(&bytes).trim() {
            "" => (Token::Empty(path.to_owned()), None),
            token => (Token::There, Some(token.to_owned())),
        },
    }
}

/// Judges.
pub(super) fn judge(facts: &Facts) -> Category {
    let mut findings = vec![token(&facts.token), answers(facts)];
    match &facts.ready {
        Ok(page) => findings.extend(ready(page)),
        Err(_) => findings.push(Finding::skipped("it is ready", "it does not answer")),
    }
    Category {
        name: "ripcord",
        findings,
    }
}

fn token(token: &Token) -> Finding {
    let description = "the webhook's token is there";
    let (path, problem) = match token {
        Token::There => return Finding::fine(description),
        Token::NotAsked => {
            return Finding::warning(
                description,
                "`insecure: true`: whoever reaches the port may post alerts",
                Section::Token,
            )
            .way_out("webhook: {bearerTokenFile: /etc/ripcord-webhook/token}");
        }
        Token::Empty(path) => (path, "is empty".to_owned()),
        Token::TooLarge(path) => (path, "is larger than 16 KiB: it is another file".to_owned()),
        Token::Unreadable(path, std::io::ErrorKind::NotFound) => {
            (path, "does not exist here".to_owned())
        }
        Token::Unreadable(path, kind) => (path, format!("can't be read: {kind}")),
    };
    Finding::wrong(
        description,
        format!("the file {} {problem}", path.display()),
        Section::Token,
    )
    .way_out("kubectl -n ripcord create secret generic ripcord-webhook-token \\")
    .way_out("  --from-literal=token=\"$(openssl rand -hex 32)\" \\")
    .way_out("  --dry-run=client -o yaml | kubectl apply -f -")
    .way_out("# and give Alertmanager the same; in another place: --token-file FILE")
}

fn answers(facts: &Facts) -> Finding {
    let description = format!("Ripcord takes deliveries at {}", facts.webhook);
    let Some(delivery) = &facts.delivery else {
        return Finding::skipped(description, "there is no token to show it");
    };
    let page = match delivery {
        Ok(page) => page,
        Err(error) => {
            return Finding::unknown(
                description,
                format!("{error}: it does not run, or this is not its pod"),
                Section::Down,
            )
            .way_out("kubectl -n ripcord exec deploy/ripcord -- \\")
            .way_out("  /usr/local/bin/ripcord check --live /etc/ripcord/ripcord.yaml")
            .way_out("# or from here: kubectl -n ripcord port-forward svc/ripcord 9099, and")
            .way_out("ripcord check --live --webhook-url http://127.0.0.1:9099 FILE");
        }
    };
    match page.status {
        200 => Finding::fine(description),
        401 | 403 => Finding::wrong(
            description,
            format!("it answers {} to the token in its own file: it runs with another configuration or another file", page.status),
            Section::Token,
        )
        .way_out("sha256sum FILE    # --token-file's, or webhook.bearerTokenFile's; and what Ripcord has:")
        .way_out("kubectl -n ripcord get secret ripcord-webhook-token -o jsonpath='{.data.token}' | base64 -d | sha256sum"),
        503 => Finding::wrong(
            description,
            "it answers 503: its own token file is missing or empty there, or it is overloaded",
            Section::Token,
        )
        .way_out("kubectl -n ripcord logs deploy/ripcord | grep 'delivery deferred'"),
        status => Finding::wrong(
            description,
            format!("it answers {status}: something else listens there, or something stands between"),
            Section::Down,
        ),
    }
}

fn ready(page: &Page) -> Vec<Finding> {
    let body = String::from_utf8_lossy(&page.body);
    let trouble: Vec<&str> = body
        .lines()
        .filter(|line| !line.ends_with(": ok"))
        .collect();
    let mut findings = Vec::new();
    if let Some(line) = trouble
        .iter()
        .find(|line| line.starts_with("configuration:"))
    {
        findings.push(
            Finding::warning(
                "it runs with the configuration in its file",
                line.trim_start_matches("configuration: "),
                Section::Reload,
            )
            .way_out("ripcord check FILE    # all mistakes, with line and column"),
        );
    }
    let others: Vec<&str> = trouble
        .into_iter()
        .filter(|line| !line.starts_with("configuration:"))
        .collect();
    findings.push(match page.status {
        200 if others.is_empty() => Finding::fine("it is ready"),
        200 => Finding::warning("it is ready", others.join("; "), Section::Dependency),
        503 => Finding::wrong("it is ready", others.join("; "), Section::Dependency)
            .way_out("kubectl -n ripcord logs deploy/ripcord | grep dependency"),
        status => Finding::unknown(
            "it is ready",
            format!("/-/ready answers {status}: with an `admin` address of its own it is not here"),
            Section::Down,
        ),
    });
    findings
}

#[cfg(test)]
mod tests;
