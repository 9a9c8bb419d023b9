//! Why a request got no answer from the app.

use http::StatusCode;

/// Why a request got no answer from the app.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The instance serves as many requests as it may.
    #[error("limit concurrency: the instance serves {0} requests already")]
    Concurrency(u32),
    /// The host runs as many instances as it can.
    #[error("the host runs as many instances as it can")]
    Full,
    /// Request line and headers are too large.
    #[error(
        "limit request-headers: request line and headers have {size} bytes, {limit} are allowed"
    )]
    RequestHeaders {
        /// How large they are.
        size: u64,
        /// How large they may be.
        limit: u64,
    },
    /// The request body is too large.
    #[error("limit request-body: the request body has more than the allowed {limit} bytes")]
    RequestBody {
        /// How large it may be.
        limit: u64,
    },
    /// The app needed more memory.
    #[error("limit memory: the request needed more than {limit} bytes")]
    Memory {
        /// How much it may use.
        limit: u64,
    },
    /// The app took too much CPU time.
    #[error("limit cpu: the request took more than {limit_ms} ms of CPU time")]
    Cpu {
        /// How much it may take, in milliseconds.
        limit_ms: u64,
    },
    /// The app took too long.
    #[error("limit time: the request took longer than {limit_ms} ms")]
    Time {
        /// How long it may take, in milliseconds.
        limit_ms: u64,
    },
    /// The response headers are too large.
    #[error("limit response-headers: the response headers have {size} bytes, {limit} are allowed")]
    ResponseHeaders {
        /// How large they are.
        size: u64,
        /// How large they may be.
        limit: u64,
    },
    /// The response body is too large.
    #[error("limit response-body: the response body has more than the allowed {limit} bytes")]
    ResponseBody {
        /// How large it may be.
        limit: u64,
    },
    /// The app trapped. The text is for its owner, not for the client.
    #[error("the app trapped: {0}")]
    Trap(String),
    /// The app ended without an answer, or answered with an error.
    #[error("the app gave no response: {0}")]
    NoResponse(String),
}

impl Refusal {
    /// The status that the client gets.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Concurrency(_) | Self::Full | Self::Memory { .. } => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            Self::RequestHeaders { .. } => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::RequestBody { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Cpu { .. } | Self::Time { .. } => StatusCode::GATEWAY_TIMEOUT,
            Self::ResponseHeaders { .. }
            | Self::ResponseBody { .. }
            | Self::Trap(_)
            | Self::NoResponse(_) => StatusCode::BAD_GATEWAY,
        }
    }

    /// Seconds after which another try may succeed, where that is likely.
    #[must_use]
    pub fn retry_after(&self) -> Option<u32> {
        (self.status() == StatusCode::SERVICE_UNAVAILABLE).then_some(1)
    }

    /// A stable word for programs and metrics.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Concurrency(_) => "limit-concurrency",
            Self::Full => "host-full",
            Self::RequestHeaders { .. } => "limit-request-headers",
            Self::RequestBody { .. } => "limit-request-body",
            Self::Memory { .. } => "limit-memory",
            Self::Cpu { .. } => "limit-cpu",
            Self::Time { .. } => "limit-time",
            Self::ResponseHeaders { .. } => "limit-response-headers",
            Self::ResponseBody { .. } => "limit-response-body",
            Self::Trap(_) => "app-trapped",
            Self::NoResponse(_) => "app-no-response",
        }
    }
}
