//! Newtypes for strings that must not be swapped for one another.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

macro_rules! text_newtype {
    ($(#[$meta:meta])* $name:ident) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Wraps the text as it came.
            pub fn new(text: impl Into<String>) -> Self {
                Self(text.into())
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }
    };
}

text_newtype!(
    /// `metadata.uid` of a live object: it tells a recreated object of the same name from the old one.
    Uid
);
text_newtype!(
    /// The name of a revision: its ReplicaSet's name, `<workload>-<pod-template-hash>`.
    RevisionName
);
text_newtype!(
    /// The hash by which Kubernetes names a pod template (`pod-template-hash`). It outlives revision numbers, which an undo changes.
    TemplateHash
);
text_newtype!(
    /// Alertmanager's `fingerprint`: the hash of an alert's label set.
    Fingerprint
);
text_newtype!(
    /// The name of one planned write: derived from the incident and its step, so that a restart finds it again.
    ActionId
);
text_newtype!(
    /// `metadata.name` of an Incident.
    IncidentName
);
