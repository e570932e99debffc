//! What can go wrong at the API server, without the texts that carry whole objects.

/// A failed call.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ApiError {
    /// The API server answered, with an error status.
    #[error("{operation}: the API server answered {code} {reason}{detail}")]
    Refused {
        /// What was being done.
        operation: &'static str,
        /// HTTP status code.
        code: u16,
        /// `metav1.Status.reason`: `NotFound`, `Conflict`, `Invalid`, …
        reason: String,
        /// The tail of a strict-decoding message (names of unknown fields), or empty.
        detail: String,
    },
    /// There was no answer in time. What was asked for may have happened all the same.
    #[error("{operation}: no answer from the API server within its deadline")]
    TimedOut {
        /// What was being done.
        operation: &'static str,
    },
    /// The API server could not be reached, or the connection broke. What was asked for may have happened all the same.
    #[error("{operation}: can't reach the API server")]
    Unreachable {
        /// What was being done.
        operation: &'static str,
    },
    /// The answer can't be read.
    #[error("{operation}: the API server's answer can't be read")]
    Unreadable {
        /// What was being done.
        operation: &'static str,
    },
    /// There is more than is read.
    #[error("{operation}: the API server has more of them than are read")]
    TooLong {
        /// What was being done.
        operation: &'static str,
    },
    /// The request could not be built: a name that is no Kubernetes name.
    #[error("{operation}: the request can't be built")]
    Unbuildable {
        /// What was being done.
        operation: &'static str,
    },
}

impl ApiError {
    pub(super) fn from_kube(operation: &'static str, error: &kube::Error) -> Self {
        match error {
            kube::Error::Api(status) => Self::Refused {
                operation,
                code: status.code,
                reason: one_word(&status.reason),
                detail: strict_decoding_tail(&status.message),
            },
            kube::Error::SerdeError(_) | kube::Error::FromUtf8(_) => Self::Unreadable { operation },
            kube::Error::BuildRequest(_) => Self::Unbuildable { operation },
            _ => Self::Unreachable { operation },
        }
    }

    fn code(&self) -> Option<u16> {
        match self {
            Self::Refused { code, .. } => Some(*code),
            Self::TimedOut { .. }
            | Self::Unreachable { .. }
            | Self::Unreadable { .. }
            | Self::TooLong { .. }
            | Self::Unbuildable { .. } => None,
        }
    }

    /// 404.
    pub fn is_not_found(&self) -> bool {
        self.code() == Some(404)
    }

    /// 409 `AlreadyExists`.
    pub fn is_already_exists(&self) -> bool {
        matches!(self, Self::Refused { code: 409, reason, .. } if reason == "AlreadyExists")
    }

    /// 409 for a stale resource version.
    pub fn is_conflict(&self) -> bool {
        self.code() == Some(409) && !self.is_already_exists()
    }

    /// 403: our own missing right, or admission.
    pub fn is_forbidden(&self) -> bool {
        self.code() == Some(403)
    }

    /// 400, 409 or 422: the write as it stands is not accepted.
    pub fn is_rejected(&self) -> bool {
        matches!(self.code(), Some(400 | 409 | 422))
    }

    /// 401 or 429: nothing was done, and the same may be done a little later.
    pub fn is_for_later(&self) -> bool {
        matches!(self.code(), Some(401 | 429))
    }

    /// Whether the write may have happened all the same: the answer was lost, or came from something in between.
    pub fn is_ambiguous(&self) -> bool {
        match self {
            Self::TimedOut { .. } | Self::Unreachable { .. } | Self::Unreadable { .. } => true,
            Self::Refused { code, .. } => *code >= 500,
            Self::TooLong { .. } | Self::Unbuildable { .. } => false,
        }
    }

    /// A closed word for a metric's label; `None` for "there is none", which is an answer.
    pub fn kind(&self) -> Option<&'static str> {
        match self {
            Self::Refused { code: 404, .. } => None,
            Self::Refused { code, .. } => Some(match code {
                401 => "unauthorized",
                403 => "forbidden",
                409 | 422 => "conflict",
                429 => "throttled",
                500.. => "server_error",
                _ => "rejected",
            }),
            Self::TimedOut { .. } => Some("timeout"),
            Self::Unreachable { .. } => Some("unreachable"),
            Self::Unreadable { .. } => Some("unreadable"),
            Self::TooLong { .. } => Some("too_long"),
            Self::Unbuildable { .. } => Some("unbuildable"),
        }
    }
}

/// A reason is one word (`metav1.StatusReason`), but an admission webhook may put a whole sentence there, with the object's values in it.
fn one_word(reason: &str) -> String {
    const LONGEST: usize = 40;
    if reason.len() <= LONGEST && reason.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        reason.to_owned()
    } else {
        "(a reason that is not one word)".to_owned()
    }
}

/// `strict decoding error: unknown field "status.x"`: names of fields only, never values (seen on the rig, semantics page, section 7).
fn strict_decoding_tail(message: &str) -> String {
    let Some((_, tail)) = message.split_once("strict decoding error: ") else {
        return String::new();
    };
    let tail: String = tail
        .chars()
        .take_while(|character| *character != '\n')
        .take(200)
        .collect();
    format!(": {tail}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(code: u16, reason: &str, message: &str) -> ApiError {
        let mut status = kube::core::Status::failure(message, reason);
        status.code = code;
        ApiError::from_kube("patch workload", &kube::Error::Api(Box::new(status)))
    }

    #[test]
    fn an_error_never_carries_the_api_servers_text() {
        let error = refused(
            422,
            "Invalid",
            "Deployment \"web\" is invalid: env PASSWORD=hunter2",
        );
        assert_eq!(
            error.to_string(),
            "patch workload: the API server answered 422 Invalid"
        );
        assert!(!format!("{error:?}").contains("hunter2"));
    }

    #[test]
    fn a_reason_that_a_webhook_wrote_is_withheld() {
        let error = refused(403, "image web:1 with PASSWORD=hunter2 is denied", "");
        assert!(!format!("{error} {error:?}").contains("hunter2"));
        assert!(error.is_forbidden());
    }

    #[test]
    fn throttled_and_unauthorized_writes_are_for_later_and_not_ambiguous() {
        for code in [401, 429] {
            let error = refused(code, "TooManyRequests", "");
            assert!(error.is_for_later() && !error.is_ambiguous() && !error.is_rejected());
        }
        assert!(!refused(403, "Forbidden", "").is_for_later());
    }

    #[test]
    fn unknown_fields_are_named() {
        let error = refused(
            400,
            "BadRequest",
            "x: strict decoding error: unknown field \"status.plan\"",
        );
        assert!(
            error
                .to_string()
                .ends_with(": unknown field \"status.plan\"")
        );
    }

    #[test]
    fn a_lost_answer_is_not_a_refusal() {
        assert!(refused(504, "Timeout", "").is_ambiguous());
        assert!(ApiError::TimedOut { operation: "x" }.is_ambiguous());
        assert!(!refused(409, "Conflict", "").is_ambiguous());
        assert!(refused(409, "Conflict", "").is_conflict());
        assert!(refused(409, "AlreadyExists", "").is_already_exists());
    }
}
