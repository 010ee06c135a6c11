//! Everything that can go wrong with a request, and what the client is told: the one table.
//!
//! The status says who is at fault: 4xx the client, 502 the service's own code,
//! 503 nobody can serve it now, 504 somebody ran out of time, 500 a bug in the host.
//! Every property is an exhaustive `match`, so that a new failure cannot be
//! forgotten in one of them.

#[cfg(test)]
mod tests;

/// How a request ended when it did not end well.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Failure {
    /// Framing, host, path or header rules broken.
    BadRequest,
    /// Credentials are missing or wrong.
    Unauthenticated,
    /// The credentials are good, but not for this.
    Forbidden,
    /// No route for this host and path.
    NoRoute,
    /// Routes for this path, none for this method.
    MethodNotAllowed,
    /// The client was too slow.
    RequestTimeout,
    /// The request's body is larger than the service takes.
    ContentTooLarge,
    /// The request line is too long.
    UriTooLong,
    /// The connection was made for another host (RFC 9110, 15.5.20).
    Misdirected,
    /// The client expects something other than `100-continue` (RFC 9110, 10.1.1).
    ExpectationFailed,
    /// The header block is too large or has too many fields.
    HeadersTooLarge,
    /// The guest trapped or left with an error code.
    Trap,
    /// The guest failed after being refused memory.
    MemoryLimit,
    /// The guest failed after being refused a handle.
    HandleLimit,
    /// The guest handed over too many bytes in one host call.
    HostcallLimit,
    /// The guest returned without a response.
    NoResponse,
    /// The guest's status, headers or length may not be sent.
    InvalidResponse,
    /// The guest used up its processor time.
    CpuLimit,
    /// The guest used up its wall time.
    Deadline,
    /// The memory budget of all instances is used up.
    Overloaded,
    /// The service's queue is full or the turn did not come in time.
    ServiceSaturated,
    /// No instance became free in time.
    PoolExhausted,
    /// The service has no good revision, or is disabled.
    NotReady,
    /// The host is stopping.
    Draining,
    /// The revision only failed of late and is left alone for a while.
    BreakerOpen,
    /// A call was refused for its depth and the request then failed.
    Loop,
    /// A request caused more calls than it may, and did nothing about it.
    FanOut,
    /// A guest called a service it was not granted.
    CallDenied,
    /// A guest wanted to reach a host it was not granted.
    EgressDenied,
    /// A guest called a service that does not exist.
    UnknownService,
    /// A quota or the disk is full.
    StorageFull,
    /// The disk failed.
    StorageFailed,
    /// Anything that went wrong after the response's headers were sent.
    Truncated,
    /// The client left before its response was complete.
    ClientGone,
    /// A bug in the host.
    Internal,
    /// A host outside could not be reached or answered nonsense.
    UpstreamFailed,
    /// A host outside was too slow.
    UpstreamTimeout,
}

use Failure::{
    BadRequest, BreakerOpen, CallDenied, ClientGone, ContentTooLarge, CpuLimit, Deadline, Draining, EgressDenied,
    ExpectationFailed, FanOut, Forbidden, HandleLimit, HeadersTooLarge, HostcallLimit, Internal, InvalidResponse, Loop,
    MemoryLimit, MethodNotAllowed, Misdirected, NoResponse, NoRoute, NotReady, Overloaded, PoolExhausted,
    RequestTimeout, ServiceSaturated, StorageFailed, StorageFull, Trap, Truncated, Unauthenticated, UnknownService,
    UpstreamFailed, UpstreamTimeout, UriTooLong,
};

impl Failure {
    /// All of them, in the order of their declaration.
    pub const ALL: &[Self] = &[
        BadRequest,
        Unauthenticated,
        Forbidden,
        NoRoute,
        MethodNotAllowed,
        RequestTimeout,
        ContentTooLarge,
        UriTooLong,
        Misdirected,
        ExpectationFailed,
        HeadersTooLarge,
        Trap,
        MemoryLimit,
        HandleLimit,
        HostcallLimit,
        NoResponse,
        InvalidResponse,
        CpuLimit,
        Deadline,
        Overloaded,
        ServiceSaturated,
        PoolExhausted,
        NotReady,
        Draining,
        BreakerOpen,
        Loop,
        FanOut,
        CallDenied,
        EgressDenied,
        UnknownService,
        StorageFull,
        StorageFailed,
        Truncated,
        ClientGone,
        Internal,
        UpstreamFailed,
        UpstreamTimeout,
    ];

    /// The word for it in problem types, metrics and the access log.
    #[must_use]
    pub fn slug(self) -> &'static str {
        match self {
            BadRequest => "bad-request",
            Unauthenticated => "unauthenticated",
            Forbidden => "forbidden",
            NoRoute => "no-route",
            MethodNotAllowed => "method-not-allowed",
            RequestTimeout => "request-timeout",
            ContentTooLarge => "content-too-large",
            UriTooLong => "uri-too-long",
            Misdirected => "misdirected",
            ExpectationFailed => "expectation-failed",
            HeadersTooLarge => "headers-too-large",
            Trap => "trap",
            MemoryLimit => "memory-limit",
            HandleLimit => "handle-limit",
            HostcallLimit => "hostcall-limit",
            NoResponse => "no-response",
            InvalidResponse => "invalid-response",
            CpuLimit => "cpu-limit",
            Deadline => "deadline",
            Overloaded => "overloaded",
            ServiceSaturated => "service-saturated",
            PoolExhausted => "pool-exhausted",
            NotReady => "not-ready",
            Draining => "draining",
            BreakerOpen => "breaker-open",
            Loop => "loop",
            FanOut => "fan-out",
            CallDenied => "call-denied",
            EgressDenied => "egress-denied",
            UnknownService => "unknown-service",
            StorageFull => "storage-full",
            StorageFailed => "storage-failed",
            Truncated => "truncated",
            ClientGone => "client-gone",
            Internal => "internal",
            UpstreamFailed => "upstream-failed",
            UpstreamTimeout => "upstream-timeout",
        }
    }

    /// The status the client gets. `None` where no response can tell it: the
    /// guest got an error code, the response had begun, or the client is gone.
    #[must_use]
    pub fn status(self) -> Option<u16> {
        Some(match self {
            BadRequest => 400,
            Unauthenticated => 401,
            Forbidden => 403,
            NoRoute => 404,
            MethodNotAllowed => 405,
            RequestTimeout => 408,
            ContentTooLarge => 413,
            UriTooLong => 414,
            ExpectationFailed => 417,
            Misdirected => 421,
            HeadersTooLarge => 431,
            Trap | MemoryLimit | HandleLimit | HostcallLimit | NoResponse | InvalidResponse | FanOut
            | UpstreamFailed => 502,
            Overloaded | ServiceSaturated | PoolExhausted | NotReady | Draining | BreakerOpen | StorageFailed => 503,
            CpuLimit | Deadline | UpstreamTimeout => 504,
            StorageFull => 507,
            Loop => 508,
            Internal => 500,
            CallDenied | EgressDenied | UnknownService | Truncated | ClientGone => return None,
        })
    }

    /// One line for people, the `title` of the problem.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            BadRequest => "the request breaks the rules of HTTP",
            Unauthenticated => "the request has no valid credentials",
            Forbidden => "the request is not allowed",
            NoRoute => "no route leads to a service",
            MethodNotAllowed => "the route does not take this method",
            RequestTimeout => "the request came too slowly",
            ContentTooLarge => "the request's body is too large",
            UriTooLong => "the request line is too long",
            Misdirected => "the connection is for another host",
            ExpectationFailed => "the request expects what the host does not do",
            HeadersTooLarge => "the request's headers are too large",
            Trap => "the service crashed",
            MemoryLimit => "the service used up its memory",
            HandleLimit => "the service used up its handles",
            HostcallLimit => "the service passed too many bytes at once",
            NoResponse => "the service gave no response",
            InvalidResponse => "the service gave a response that may not be sent",
            CpuLimit => "the service used up its processor time",
            Deadline => "the service took too long",
            Overloaded => "the host is short of memory",
            ServiceSaturated => "the service has too many requests",
            PoolExhausted => "the host has too many requests",
            NotReady => "the service is not ready",
            Draining => "the host is stopping",
            BreakerOpen => "the service only failed of late",
            Loop => "services call each other without end",
            FanOut => "the request caused too many calls",
            CallDenied => "the service may not call that service",
            EgressDenied => "the service may not reach that host",
            UnknownService => "the called service does not exist",
            StorageFull => "the storage is full",
            StorageFailed => "the storage failed",
            Truncated => "the response broke off",
            ClientGone => "the client left",
            Internal => "the host has a bug",
            UpstreamFailed => "a host outside failed",
            UpstreamTimeout => "a host outside took too long",
        }
    }

    /// Whether the client may simply send the request again: it was refused
    /// before any service saw it, so nothing happens twice. What is misdirected
    /// needs a connection of its own.
    #[must_use]
    pub fn retryable(self) -> bool {
        match self {
            Overloaded | ServiceSaturated | PoolExhausted | NotReady | Draining | BreakerOpen | Misdirected => true,
            BadRequest | Unauthenticated | Forbidden | NoRoute | MethodNotAllowed | RequestTimeout
            | ContentTooLarge | UriTooLong | ExpectationFailed | HeadersTooLarge | Trap | MemoryLimit | HandleLimit
            | HostcallLimit | NoResponse | InvalidResponse | CpuLimit | Deadline | Loop | FanOut | CallDenied
            | EgressDenied | UnknownService | StorageFull | StorageFailed | Truncated | ClientGone | Internal
            | UpstreamFailed | UpstreamTimeout => false,
        }
    }

    /// Whether the response carries `Retry-After`: it pays to come back soon.
    #[must_use]
    pub fn retry_after(self) -> bool {
        match self {
            Overloaded | ServiceSaturated | PoolExhausted | NotReady | Draining | BreakerOpen => true,
            // Waiting changes nothing: another connection does.
            Misdirected => false,
            BadRequest | Unauthenticated | Forbidden | NoRoute | MethodNotAllowed | RequestTimeout
            | ContentTooLarge | UriTooLong | ExpectationFailed | HeadersTooLarge | Trap | MemoryLimit | HandleLimit
            | HostcallLimit | NoResponse | InvalidResponse | CpuLimit | Deadline | Loop | FanOut | CallDenied
            | EgressDenied | UnknownService | StorageFull | StorageFailed | Truncated | ClientGone | Internal
            | UpstreamFailed | UpstreamTimeout => false,
        }
    }

    /// Whether the connection ends with it: the rest of the request cannot be
    /// trusted or will not be read, or the response can no longer be completed.
    #[must_use]
    pub fn closes_connection(self) -> bool {
        match self {
            BadRequest | RequestTimeout | ContentTooLarge | UriTooLong | ExpectationFailed | HeadersTooLarge
            | Truncated | ClientGone => true,
            Unauthenticated | Forbidden | NoRoute | MethodNotAllowed | Misdirected | Trap | MemoryLimit
            | HandleLimit | HostcallLimit | NoResponse | InvalidResponse | CpuLimit | Deadline | Overloaded
            | ServiceSaturated | PoolExhausted | NotReady | Draining | BreakerOpen | Loop | FanOut | CallDenied
            | EgressDenied | UnknownService | StorageFull | StorageFailed | Internal | UpstreamFailed
            | UpstreamTimeout => false,
        }
    }

    /// The `type` of the problem: `urn:hostel:problem:<slug>`.
    #[must_use]
    pub fn problem_type(self) -> String {
        format!("urn:hostel:problem:{}", self.slug())
    }

    /// The closest proxy error type of RFC 9209, section 2.3, for `Proxy-Status`.
    #[must_use]
    pub fn proxy_error(self) -> &'static str {
        match self {
            BadRequest | MethodNotAllowed | RequestTimeout | ContentTooLarge | UriTooLong | Misdirected
            | ExpectationFailed | HeadersTooLarge | ClientGone => "http_request_error",
            NoRoute | UnknownService => "destination_not_found",
            Trap | MemoryLimit | HandleLimit | HostcallLimit | NoResponse | Truncated => "http_response_incomplete",
            InvalidResponse => "http_protocol_error",
            CpuLimit | Deadline | UpstreamTimeout => "http_response_timeout",
            Overloaded | ServiceSaturated | PoolExhausted => "connection_limit_reached",
            NotReady | Draining | BreakerOpen | UpstreamFailed => "destination_unavailable",
            Loop => "proxy_loop_detected",
            Unauthenticated | Forbidden | FanOut | CallDenied | EgressDenied => "http_request_denied",
            StorageFull | StorageFailed | Internal => "proxy_internal_error",
        }
    }

    /// Whether it is the guest's own doing.
    #[must_use]
    pub fn breaks_service(self) -> bool {
        match self {
            Trap | MemoryLimit | HandleLimit | HostcallLimit | NoResponse | InvalidResponse | CpuLimit | Deadline => {
                true
            }
            BadRequest | Unauthenticated | Forbidden | NoRoute | MethodNotAllowed | RequestTimeout
            | ContentTooLarge | UriTooLong | Misdirected | ExpectationFailed | HeadersTooLarge | Overloaded
            | ServiceSaturated | PoolExhausted | NotReady | Draining | BreakerOpen | Loop | FanOut | CallDenied
            | EgressDenied | UnknownService | StorageFull | StorageFailed | Truncated | ClientGone | Internal
            | UpstreamFailed | UpstreamTimeout => false,
        }
    }
    /// Whether it counts against the revision that served: then it is a reason to
    /// take a new one back, and to leave one that only fails alone.
    ///
    /// Only where the revision can be told by it. A refusal says how busy the
    /// host is, what failed outside or in the storage fails for every revision
    /// alike, and a 500 is the host's. [`Truncated`] counts by itself; whoever
    /// knows of another cause behind it asks that one instead.
    #[must_use]
    pub fn counts_against_revision(self) -> bool {
        match self {
            Trap | MemoryLimit | HandleLimit | HostcallLimit | NoResponse | InvalidResponse | CpuLimit | Deadline
            | Truncated => true,
            BadRequest | Unauthenticated | Forbidden | NoRoute | MethodNotAllowed | RequestTimeout
            | ContentTooLarge | UriTooLong | Misdirected | ExpectationFailed | HeadersTooLarge | Overloaded
            | ServiceSaturated | PoolExhausted | NotReady | Draining | BreakerOpen | Loop | FanOut | CallDenied
            | EgressDenied | UnknownService | StorageFull | StorageFailed | ClientGone | Internal | UpstreamFailed
            | UpstreamTimeout => false,
        }
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.pad(self.slug())
    }
}
