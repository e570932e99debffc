//! The configuration as its text says it: every key that is known, none that is not. What a value means is `validate`'s business,
//! so values that need more than a type stay text here, each with the place where it stands.
//!
//! A key without a value (`namespaces:` with everything below it commented out) is refused, not read as an omitted key: in a policy
//! an omitted key does not restrict, and a slip of the hand must not widen what Ripcord may touch. Hence [`present`].

use serde::{Deserialize, Deserializer};
use serde_saphyr::Spanned;
use std::collections::BTreeMap;

/// A value as it was written, and where.
pub(super) type Text = Spanned<String>;
/// A number, and where it stands.
pub(super) type Number = Spanned<i64>;
/// A list, and where it begins.
pub(super) type List = Spanned<Vec<Text>>;

/// Reads an optional key that is there: null is not a value of it.
fn present<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    T::deserialize(deserializer).map(Some)
}

macro_rules! raw_struct {
    ($(#[$meta:meta])* $name:ident { $($(#[$field_meta:meta])* $field:ident: $type:ty,)* } $(required { $($needed:ident: $needed_type:ty,)* })?) => {
        $(#[$meta])*
        #[derive(Debug, Deserialize)]
        #[serde(rename_all = "camelCase", deny_unknown_fields)]
        pub(super) struct $name {
            $($(pub(super) $needed: $needed_type,)*)?
            $($(#[$field_meta])* #[serde(default, deserialize_with = "present")] pub(super) $field: Option<$type>,)*
        }
    };
}

raw_struct!(
    /// The whole file.
    RawConfig {
        mode: Text,
        listen: RawListen,
        webhook: Spanned<RawWebhook>,
        prometheus: Spanned<RawPrometheus>,
        namespaces: List,
        installation: Text,
        guards: RawGuards,
        retention: Spanned<RawRetention>,
        approval: Spanned<RawApproval>,
        policies: Spanned<Vec<Spanned<RawPolicy>>>,
    }
    required { api_version: Text, kind: Text, }
);

raw_struct!(
    /// `listen:`
    RawListen { webhook: Text, admin: Text, }
);

raw_struct!(
    /// `webhook:`
    RawWebhook { bearer_token_file: Text, insecure: Spanned<bool>, }
);

raw_struct!(
    /// `prometheus:`
    RawPrometheus { url: Text, timeout: Text, matchers: BTreeMap<String, Text>, history: RawHistory, }
);

raw_struct!(
    /// `prometheus.history:`
    RawHistory { lookback: Text, step: Text, }
);

raw_struct!(
    /// `guards:`
    RawGuards {
        recent_rollout: Text,
        dwell: Text,
        proven_for: Text,
        failing_share: Text,
        min_crashes: Number,
        cooldown: Text,
        steps: Number,
        budget: Spanned<RawBudget>,
        storm: Spanned<RawStorm>,
    }
);

raw_struct!(
    /// `guards.budget:`
    RawBudget { actions: Number, per: Text, }
);

raw_struct!(
    /// `guards.storm:`
    RawStorm { workloads: Number, within: Text, }
);

raw_struct!(
    /// `retention:`
    RawRetention { closed: Text, per_workload: Number, }
);

raw_struct!(
    /// `approval:`
    RawApproval { expires: Text, }
);

raw_struct!(
    /// One of `policies:`.
    RawPolicy {
        #[serde(rename = "match")]
        matches: RawMatch,
        causes: List,
        remedies: Spanned<Vec<Spanned<RawRemedy>>>,
        verify: RawVerify,
        foreign: RawForeign,
        mode: Text,
    }
    required { name: Text, }
);

raw_struct!(
    /// `match:`
    RawMatch { alerts: List, namespaces: List, kinds: List, names: List, }
);

raw_struct!(
    /// One of `remedies:`: exactly one of its keys. A struct and not an enum: `deny_unknown_fields` does not reach into an enum's
    /// inline variants, where a typo would be reported as some other key that is missing.
    RawRemedy { rollout_undo: RawRolloutUndo, pin_image: Spanned<RawPinImage>, }
);

raw_struct!(
    /// `rolloutUndo:`
    RawRolloutUndo { to: Text, max_revisions_back: Number, release_stuck_pod: Spanned<bool>, }
);

raw_struct!(
    /// `pinImage:`
    RawPinImage { container: Text, image: Text, from: Text, }
);

raw_struct!(
    /// `verify:`
    RawVerify { timeout: Text, soak: Text, http: Spanned<RawHttp>, }
);

raw_struct!(
    /// `verify.http:`
    RawHttp { url: Text, host: Text, status: Number, }
);

raw_struct!(
    /// `foreign:`
    RawForeign { default: Text, helm: Text, }
);

/// The two keys that say what a file is, whatever else is in it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RawHeader {
    #[serde(default)]
    pub(super) api_version: Option<Text>,
    #[serde(default)]
    pub(super) kind: Option<Text>,
}
