//! Who may deliver alerts: whoever has the bearer token. Checked before a byte of the body is read.

use sha2::{Digest as _, Sha256};
use std::path::{Path, PathBuf};
use subtle::ConstantTimeEq as _;
use tokio::io::AsyncReadExt as _;
use warp::http::HeaderMap;
use warp::http::header::AUTHORIZATION;

/// How deliveries are authenticated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Authentication {
    /// By the token in this file. The file is read for every delivery: it may be replaced at any time, as Kubernetes does with mounted
    /// secrets, and a few hundred bytes cost less than finding out whether they have changed.
    BearerTokenFile(PathBuf),
    /// Not at all; the owner said `insecure: true`.
    Insecure,
}

/// Why a delivery is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Denied {
    /// It shows no token, several, or another one.
    Unauthorized,
    /// The file can't be read, or holds no token: nobody can be let in, and the sender should come again.
    CredentialsUnavailable,
}

/// The token file can't be used: nobody could be let in.
#[derive(Debug, thiserror::Error)]
#[error("the bearer token's file {path} can't be read, is empty, or is larger than 16 KiB")]
pub struct NoToken {
    /// Which file.
    pub path: String,
}

impl Authentication {
    /// Whether somebody could be let in now: asked at start, so that a missing file is not found out by the first alert.
    ///
    /// # Errors
    /// When the file holds no token.
    pub async fn verify(&self) -> Result<(), NoToken> {
        match self {
            Self::Insecure => Ok(()),
            Self::BearerTokenFile(path) => match read_token(path).await {
                Some(_) => Ok(()),
                None => Err(NoToken {
                    path: path.display().to_string(),
                }),
            },
        }
    }

    /// Lets a delivery in by its header, or says why not.
    pub(super) async fn check(&self, headers: &HeaderMap) -> Result<(), Denied> {
        let path = match self {
            Self::Insecure => return Ok(()),
            Self::BearerTokenFile(path) => path,
        };
        // The header first: who shows nothing costs no read.
        let shown = bearer_token(headers).ok_or(Denied::Unauthorized)?;
        let expected = read_token(path)
            .await
            .ok_or(Denied::CredentialsUnavailable)?;
        // Digests have one length, so that the time tells neither the token's length nor where the two differ.
        let same = Sha256::digest(shown).ct_eq(&Sha256::digest(&expected));
        if bool::from(same) {
            Ok(())
        } else {
            Err(Denied::Unauthorized)
        }
    }
}

/// The token of the only `Authorization` header (RFC 6750, section 2.1; the scheme's case does not matter).
fn bearer_token(headers: &HeaderMap) -> Option<&[u8]> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let value = values.next()?.as_bytes();
    if values.next().is_some() {
        return None;
    }
    let (scheme, token) = value.split_at_checked("Bearer ".len())?;
    let token = token.trim_ascii();
    (scheme.eq_ignore_ascii_case(b"Bearer ") && !token.is_empty()).then_some(token)
}

/// The token in the file, without the white space around it; `None` where there is none.
async fn read_token(path: &Path) -> Option<Vec<u8>> {
    /// 16 KiB: a ServiceAccount's token has about one; a file that is larger is the wrong file.
    const LIMIT: u64 = 16 * 1024;
    let file = tokio::fs::File::open(path).await.ok()?;
    let mut bytes = Vec::new();
    let length = file.take(LIMIT + 1).read_to_end(&mut bytes).await.ok()?;
    let token = bytes.trim_ascii();
    (u64::try_from(length).is_ok_and(|length| length <= LIMIT) && !token.is_empty())
        .then(|| token.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;
    use warp::http::HeaderValue;

    fn header(values: &[&str]) -> HeaderMap {
        values
            .iter()
            .map(|value| (AUTHORIZATION, HeaderValue::from_str(value).unwrap()))
            .collect()
    }

    async fn check(file: &Path, values: &[&str]) -> Result<(), Denied> {
        Authentication::BearerTokenFile(file.to_owned())
            .check(&header(values))
            .await
    }

    #[tokio::test]
    async fn an_unreadable_or_empty_token_file_lets_nobody_in() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("token");
        let denied = Err(Denied::CredentialsUnavailable);
        assert_eq!(check(&file, &["Bearer x"]).await, denied);
        for content in ["", "\n \n", &"x".repeat(20_000)] {
            std::fs::write(&file, content).unwrap();
            assert_eq!(check(&file, &["Bearer x"]).await, denied);
            assert_eq!(check(&file, &["Bearer "]).await, Err(Denied::Unauthorized));
        }
    }

    #[tokio::test]
    async fn only_the_token_itself_lets_in() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("token");
        std::fs::write(&file, "secret\n").unwrap();
        let refused: [&[&str]; 8] = [
            &[],
            &["secret"],
            &["Bearer"],
            &["Bearer secre"],
            &["Bearer secrets"],
            &["Basic secret"],
            &["Bearer secret", "Bearer secret"],
            &["Bearer wrong", "Bearer secret"],
        ];
        for values in refused {
            assert_eq!(
                check(&file, values).await,
                Err(Denied::Unauthorized),
                "{values:?}"
            );
        }
        assert_eq!(check(&file, &["Bearer secret"]).await, Ok(()));
        assert_eq!(check(&file, &["bearer  secret"]).await, Ok(()));
    }

    #[tokio::test]
    async fn a_replaced_token_counts_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("token");
        std::fs::write(&file, "old").unwrap();
        assert_eq!(check(&file, &["Bearer old"]).await, Ok(()));
        std::fs::write(&file, "new").unwrap();
        assert_eq!(
            check(&file, &["Bearer old"]).await,
            Err(Denied::Unauthorized)
        );
        assert_eq!(check(&file, &["Bearer new"]).await, Ok(()));
    }

    #[tokio::test]
    async fn insecure_asks_nothing() {
        assert_eq!(
            Authentication::Insecure.check(&HeaderMap::new()).await,
            Ok(())
        );
    }
}
