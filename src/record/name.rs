//! An incident's name follows from what it is about, so that two deliveries, two processes and a restart all find the same one.

use crate::domain::identity::{IncidentName, TemplateHash, Uid};
use sha2::{Digest, Sha256};

/// Longer names would leave no room for suffixes in a 63 character label value.
const WORKLOAD_CHARACTERS: usize = 40;
/// 10 base32 characters are 50 bits: no two of a cluster's incidents meet.
const HASH_CHARACTERS: usize = 10;

/// `<workload, 40 characters>-<10 base32 characters of sha256(uid, newest revision at first sight, n)>`, n being how many closed incidents
/// that pair already has.
pub fn incident(
    workload: &str,
    uid: &Uid,
    revision: &TemplateHash,
    closed_before: usize,
) -> IncidentName {
    let identity = format!("{uid}\n{revision}\n{closed_before}");
    let hash = data_encoding::BASE32_NOPAD
        .encode(&Sha256::digest(identity.as_bytes()))
        .to_lowercase();
    let short: String = workload.chars().take(WORKLOAD_CHARACTERS).collect();
    let hash: String = hash.chars().take(HASH_CHARACTERS).collect();
    IncidentName::new(format!("{}-{hash}", short.trim_matches(['-', '.'])))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(workload: &str, uid: &str, n: usize) -> String {
        incident(workload, &Uid::new(uid), &TemplateHash::new("5d9f"), n)
            .as_str()
            .to_owned()
    }

    #[test]
    fn the_same_episode_has_the_same_name_and_the_next_one_another() {
        assert_eq!(name("web", "u", 0), name("web", "u", 0));
        assert_ne!(name("web", "u", 0), name("web", "u", 1));
        assert_ne!(name("web", "u", 0), name("web", "other", 0));
    }

    #[test]
    fn a_name_is_always_a_kubernetes_name() {
        for workload in [
            "web",
            "a.b.c",
            &"long-".repeat(50),
            &format!("{}.-x", "y".repeat(39)),
        ] {
            let name = name(workload, "u", 0);
            assert!(
                name.len() <= 51 && !name.contains(".-") && !name.contains("--"),
                "{name}"
            );
            assert!(
                name.chars()
                    .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "-.".contains(c))
            );
        }
    }
}
