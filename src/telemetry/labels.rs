//! The closed sets of label values. A value that is not in its set can't be written down, so that no series can come from outside.

/// An enum whose variants are the label's values.
macro_rules! closed_label {
    ($(#[$meta:meta])* $name:ident { $($(#[$variant_meta:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum $name {
            $($(#[$variant_meta])* $variant),+
        }

        impl $name {
            /// Every value: each has its series from the first scrape on, so that `rate()` sees the first increase.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The label's value.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text),+
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str(self.as_str())
            }
        }
    };
}

closed_label!(
    /// A part of the time between an alert and the end of its incident.
    Stage {
        /// From the alert's start to its arrival.
        Notice = "notice",
        /// From its arrival to the recorded intent to write.
        Decide = "decide",
        /// From the intent to the accepted write: everything is read once more.
        Write = "write",
        /// From the accepted write to the recovery.
        Verify = "verify",
    }
);

closed_label!(
    /// Why an alert opened or joined no incident, though its delivery was answered 2xx.
    SkipReason {
        /// Its namespace is not in the configuration's list.
        OutOfScope = "out_of_scope",
        /// It is about Ripcord or what Ripcord stands on.
        OwnNamespace = "own_namespace",
        /// No policy could ever match.
        NoPolicy = "no_policy",
        /// Its pod does not exist any more.
        PodGone = "pod_gone",
        /// What owns its pod is not a kind whose rollouts Ripcord understands.
        UnsupportedOwner = "unsupported_owner",
        /// Its labels name no namespace.
        NoNamespace = "no_namespace",
        /// An aggregate, and nothing in its namespace waits.
        NoWorkload = "no_workload",
        /// It has resolved, and nothing was open for it.
        Resolved = "resolved",
        /// Its fingerprint and start were seen before.
        AlreadyKnown = "already_known",
        /// Its labels can't be used: too many, too long, twice the same, or not Kubernetes names.
        InvalidLabels = "invalid_labels",
        /// Its `startsAt` is missing, unreadable or impossible.
        InvalidTime = "invalid_time",
        /// It joined a closed incident about the same revision: nothing new to decide.
        Absorbed = "absorbed",
        /// Its `uid` is not the live pod's: the pod was recreated.
        StaleUid = "stale_uid",
        /// The workload it names does not exist.
        WorkloadGone = "workload_gone",
        /// Its workload's rollout is paused, so that there is no revision of its newest template.
        NoRevision = "no_revision",
    }
);

closed_label!(
    /// Why a delivery was refused as it came: coming again unchanged will not help, except for `timeout`.
    PayloadProblem {
        /// No bearer token, or another one.
        Unauthorized = "unauthorized",
        /// No `Content-Length`.
        LengthRequired = "length_required",
        /// A `Content-Length` that can't be read, or several.
        InvalidLength = "invalid_length",
        /// More bytes than a delivery may have.
        TooLarge = "too_large",
        /// The body did not arrive in time.
        Timeout = "timeout",
        /// The body broke off.
        BrokenBody = "broken_body",
        /// Not JSON, or not an object with a list of alerts.
        MalformedJson = "malformed_json",
        /// Not payload version 4.
        Version = "version",
    }
);

closed_label!(
    /// Why a good delivery was answered 503: Alertmanager comes again.
    DeferReason {
        /// As many deliveries as may be handled at a time are being handled.
        Overloaded = "overloaded",
        /// Its alerts can't be recorded now.
        Unavailable = "unavailable",
        /// Recording took too long.
        Timeout = "timeout",
        /// The token that it would be compared with can't be read.
        CredentialsUnavailable = "credentials_unavailable",
    }
);

closed_label!(
    /// Why a connection was not served, or was ended.
    ConnectionProblem {
        /// As many as may be open are open.
        OverCap = "over_cap",
        /// The system could not accept it: out of file descriptors or memory.
        AcceptFailed = "accept_failed",
        /// It does not speak HTTP/1, or is over a limit of the header.
        Protocol = "protocol",
        /// Its first request's header did not arrive in time.
        SlowHeaders = "slow_headers",
        /// A request was not answered in time.
        SlowRequest = "slow_request",
        /// It was open for longer than a connection may be and did not end when asked.
        Overdue = "overdue",
    }
);

closed_label!(
    /// Which route answered a request.
    Handler {
        /// `/api/v1/alerts`.
        Alerts = "/api/v1/alerts",
        /// `/metrics`.
        Metrics = "/metrics",
        /// `/-/healthy`.
        Healthy = "/-/healthy",
        /// `/-/ready`.
        Ready = "/-/ready",
        /// `/-/reload`.
        Reload = "/-/reload",
        /// Any other path.
        Other = "other",
    }
);

closed_label!(
    /// Whom Ripcord asks.
    Dependency {
        /// The Kubernetes API server.
        Kubernetes = "kubernetes",
        /// Prometheus.
        Prometheus = "prometheus",
        /// The policy's HTTP probe.
        Probe = "probe",
    }
);

closed_label!(
    /// What Ripcord asks for.
    Operation {
        /// Read one object.
        Get = "get",
        /// Read several.
        List = "list",
        /// Follow changes.
        Watch = "watch",
        /// Make an object (an Incident, an Event).
        Create = "create",
        /// Replace one, or its status.
        Update = "update",
        /// Change one.
        Patch = "patch",
        /// Ask what a patch would do.
        DryRun = "dry_run",
        /// Remove one (an Incident past its retention).
        Delete = "delete",
        /// Read a container's log.
        Logs = "logs",
        /// Ask for our own rights.
        AccessReview = "access_review",
        /// Discovery: versions and resources.
        Discover = "discover",
        /// An instant query.
        Query = "query",
        /// A range query.
        QueryRange = "query_range",
        /// A GET of the probe.
        Probe = "probe",
    }
);

impl Dependency {
    /// The operations that this dependency is asked for.
    pub const fn operations(self) -> &'static [Operation] {
        match self {
            Self::Kubernetes => &[
                Operation::Get,
                Operation::List,
                Operation::Watch,
                Operation::Create,
                Operation::Update,
                Operation::Patch,
                Operation::DryRun,
                Operation::Delete,
                Operation::Logs,
                Operation::AccessReview,
                Operation::Discover,
            ],
            Self::Prometheus => &[Operation::Query, Operation::QueryRange],
            Self::Probe => &[Operation::Probe],
        }
    }
}

closed_label!(
    /// How asking failed.
    ErrorKind {
        /// No answer in time.
        Timeout = "timeout",
        /// No connection, or it broke.
        Connection = "connection",
        /// 401.
        Unauthorized = "unauthorized",
        /// 403.
        Forbidden = "forbidden",
        /// 404.
        NotFound = "not_found",
        /// 409.
        Conflict = "conflict",
        /// 400, 413 or 422.
        Invalid = "invalid",
        /// 429.
        TooManyRequests = "too_many_requests",
        /// 5xx.
        Server = "server",
        /// An answer that can't be read or used.
        Unreadable = "unreadable",
        /// Anything else.
        Other = "other",
    }
);

impl ErrorKind {
    /// The kind for an HTTP status that means failure.
    pub const fn from_status(status: u16) -> Self {
        match status {
            401 => Self::Unauthorized,
            403 => Self::Forbidden,
            404 => Self::NotFound,
            408 => Self::Timeout,
            409 => Self::Conflict,
            400 | 413 | 422 => Self::Invalid,
            429 => Self::TooManyRequests,
            500..=599 => Self::Server,
            _ => Self::Other,
        }
    }
}

closed_label!(
    /// What was done about a workload: the remedies by their names in the configuration.
    Action {
        /// Back to an older revision.
        RolloutUndo = "rolloutUndo",
        /// A known-good image.
        PinImage = "pinImage",
        /// Nothing.
        None = "none",
        /// A remedy that this list does not know yet.
        Other = "other",
    }
);

impl Action {
    /// The action of a remedy's name; none where there was no remedy.
    pub fn of_remedy(name: Option<&str>) -> Self {
        match name {
            None | Some("") => Self::None,
            Some(name) => Self::ALL
                .iter()
                .copied()
                .find(|action| action.as_str() == name)
                .unwrap_or(Self::Other),
        }
    }
}

/// The label value for a request that was answered with this status; statuses that Ripcord never sends are `other`.
pub fn status_code(status: u16) -> &'static str {
    STATUS_CODES
        .iter()
        .find(|(code, _)| *code == status)
        .map_or("other", |(_, text)| text)
}

/// The statuses that Ripcord's own server answers with.
pub const STATUS_CODES: [(u16, &str); 9] = [
    (200, "200"),
    (400, "400"),
    (401, "401"),
    (404, "404"),
    (405, "405"),
    (411, "411"),
    (413, "413"),
    (500, "500"),
    (503, "503"),
];
