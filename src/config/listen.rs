//! `listen:` and `webhook:`: where Ripcord is reached, and by whom.

use super::findings::{Findings, place};
use super::raw::{RawListen, RawWebhook, Text};
use super::{Listen, WebhookAuth};
use serde_saphyr::{Location, Spanned};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::path::PathBuf;

/// Loopback: who wants to be reached from elsewhere says so.
const DEFAULT_LISTEN: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 9099));

pub(super) fn listen(findings: &mut Findings<'_>, raw: Option<&RawListen>) -> Listen {
    let webhook_text = raw.and_then(|raw| raw.webhook.as_ref());
    let admin_text = raw.and_then(|raw| raw.admin.as_ref());
    let webhook = webhook_text.map_or(DEFAULT_LISTEN, |text| {
        address(findings, "listen.webhook", text)
    });
    let admin = admin_text.map_or(webhook, |text| address(findings, "listen.admin", text));
    let clash = webhook != admin
        && webhook.port() == admin.port()
        && webhook.port() != 0
        && (webhook.ip().is_unspecified() || admin.ip().is_unspecified());
    if let Some(text) = admin_text.filter(|_| clash) {
        findings.mistake(
            "listen.admin",
            text.defined,
            format!("{admin} and {webhook} (listen.webhook) can't both be listened on: one includes the other"),
            format!("give it another port, or write `{webhook}` to have one listener for both"),
        );
    }
    Listen { webhook, admin }
}

fn address(findings: &mut Findings<'_>, path: &str, text: &Text) -> SocketAddr {
    if let Ok(address) = text.value.parse() {
        return address;
    }
    let port = text
        .value
        .rsplit_once(':')
        .map(|(host, port)| (host, port.parse::<u16>()));
    let help = match port {
        Some(("localhost", Ok(port))) => format!("did you mean `127.0.0.1:{port}`?"),
        Some(("" | "*", Ok(port))) => {
            format!("for all addresses write `0.0.0.0:{port}` or `[::]:{port}`")
        }
        _ => "write an address and a port, like `127.0.0.1:9099`".to_owned(),
    };
    findings.mistake(
        path,
        text.defined,
        format!("`{}` is not an IP address with a port", text.value),
        help,
    );
    DEFAULT_LISTEN
}

pub(super) fn webhook_auth(
    findings: &mut Findings<'_>,
    raw: Option<&Spanned<RawWebhook>>,
    root: Location,
) -> WebhookAuth {
    const CHOICE: &str = "`webhook: {bearerTokenFile: /etc/ripcord/token}`, or `webhook: {insecure: true}` to try it out on loopback";
    let at = raw.map_or(root, place);
    let token_file = raw.and_then(|raw| raw.value.bearer_token_file.as_ref());
    let insecure = raw
        .and_then(|raw| raw.value.insecure.as_ref())
        .is_some_and(|insecure| insecure.value);
    match (token_file, insecure) {
        (Some(file), false) => {
            if file.value.trim().is_empty() {
                findings.mistake(
                    "webhook.bearerTokenFile",
                    file.defined,
                    "the file has no name",
                    format!("write {CHOICE}"),
                );
            }
            WebhookAuth::BearerTokenFile(PathBuf::from(&file.value))
        }
        (None, true) => WebhookAuth::Insecure,
        (None, false) => {
            findings.mistake(
                "webhook",
                at,
                "it is not said who may post alerts",
                format!("write {CHOICE}"),
            );
            WebhookAuth::Insecure
        }
        (Some(_), true) => {
            findings.mistake(
                "webhook",
                at,
                "`bearerTokenFile` and `insecure: true` contradict each other",
                "remove one of the two",
            );
            WebhookAuth::Insecure
        }
    }
}
