//! What can go wrong between a component's bytes and its answer, by whose fault.

use hostel_model::failure::Failure;
use hostel_model::units::ByteSize;
use thiserror::Error;

/// Why a component cannot become a service. The author of the service acts.
#[derive(Clone, Debug, Error)]
pub enum CompileError {
    /// The file is larger than the host accepts.
    #[error(
        "the file has {actual}, more than the {limit} a component may have; strip debug information or split the service"
    )]
    TooLarge {
        /// Its size.
        actual: ByteSize,
        /// The most that is accepted.
        limit: ByteSize,
    },
    /// A core module where a component is needed.
    #[error(
        "this is a core WebAssembly module, not a component; build it for `wasm32-wasip2`, or wrap it with `wasm-tools component new`"
    )]
    CoreModule,
    /// Native code, which is never taken from outside.
    #[error("this is precompiled native code, not a component; deploy the `.wasm` file it was made from")]
    Precompiled,
    /// Neither a component nor a module.
    #[error("this is not a WebAssembly component ({reason}); build it for `wasm32-wasip2`")]
    NotWasm {
        /// What the parser said.
        reason: String,
    },
    /// A component that answers no HTTP requests.
    #[error(
        "the component exports neither `wasi:http/incoming-handler@0.2.x` nor `wasi:http/handler@0.3.x`{found}; \
         build it for the world `wasi:http/proxy` (0.2) or `wasi:http/service` (0.3)"
    )]
    MissingExport {
        /// What it exports instead, as a clause, or nothing.
        found: String,
    },
    /// It has more of something than one component may have.
    #[error("the component has {actual} {what}, more than the limit of {limit}; split the service")]
    TooMany {
        /// What was counted.
        what: &'static str,
        /// How many there are, as far as they were counted.
        actual: u64,
        /// The most that is accepted.
        limit: u64,
    },
    /// It imports what this host does not offer.
    #[error(
        "the component needs something this host does not offer: {reason}; build it against WASI 0.2, WASI 0.3.0 or the interfaces under `wit/`"
    )]
    ImportNotGranted {
        /// The import's name and what is wrong with it.
        reason: String,
    },
    /// It starts with more memory than its service may have.
    #[error(
        "the component starts with {actual} of memory, more than the {limit} its service may have; raise its `limits.memory`"
    )]
    StartsWithMemory {
        /// What its largest memory starts with.
        actual: ByteSize,
        /// What the service may have.
        limit: ByteSize,
    },
    /// It starts with a larger table than its service may have.
    #[error(
        "the component starts with a table of {actual} elements, more than the {limit} its service may have; \
         raise its `limits.table_elements`"
    )]
    StartsWithTable {
        /// What its largest table starts with.
        actual: u64,
        /// What the service may have.
        limit: u64,
    },
    /// The compiler refused it, or died of it.
    #[error("the component could not be compiled: {reason}")]
    Refused {
        /// What the compiler said, or what it died of.
        reason: String,
    },
    /// It could not be tried: that says nothing about the component. The operator acts.
    #[error("the component was not compiled, because this host could not start its compiler: {reason}")]
    Unavailable {
        /// What went wrong.
        reason: String,
    },
    /// It was tried and not finished, for want of something that the machine had not left: that
    /// says nothing about the component either. Whoever asked tries again.
    #[error("the component was not compiled this time: {reason}")]
    Interrupted {
        /// What it wanted, and what to do.
        reason: String,
    },
}

impl CompileError {
    /// Whether the same bytes may well be compiled another time.
    #[must_use]
    pub fn is_of_the_moment(&self) -> bool {
        matches!(self, Self::Unavailable { .. } | Self::Interrupted { .. })
    }
}

/// The host could not set up its sandbox. The operator acts.
#[derive(Debug, Error)]
#[error(
    "could not set up the sandbox: {reason}; lower `instances` or `memory_max`, or give the process more address space"
)]
pub struct SandboxError {
    /// What the engine said.
    pub reason: String,
}

/// How a request or call failed in the sandbox.
#[derive(Debug, Clone)]
pub struct GuestFailure {
    /// Which row of the table of failures it is.
    pub failure: Failure,
    /// For the host's own log: never sent to a client, may hold a guest's words.
    pub detail: String,
    /// The trap's code, where one was raised.
    pub trap: Option<&'static str>,
    /// What lies behind a body that broke off: `failure` is `truncated` then.
    pub cause: Option<Failure>,
}

impl GuestFailure {
    /// A failure with words for the log and no trap.
    #[must_use]
    pub fn new(failure: Failure, detail: impl Into<String>) -> Self {
        Self { failure, detail: detail.into(), trap: None, cause: None }
    }

    /// The same once the response's head is out: all that is left is to break off.
    #[must_use]
    pub fn after_head(self) -> Self {
        Self { cause: Some(self.failure), failure: Failure::Truncated, ..self }
    }
}

/// Why a body that passes through the host ended before its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum BodyError {
    /// The peer went away.
    #[error("the peer went away before the body ended")]
    Gone,
    /// More bytes than allowed.
    #[error("the body is larger than its limit")]
    TooLarge,
    /// It is not framed as HTTP says.
    #[error("the body is broken")]
    Malformed,
    /// No byte for too long.
    #[error("the peer sent nothing for too long")]
    Idle,
    /// The service that made the body failed.
    #[error("the service failed before its body ended")]
    Truncated,
}

impl From<BodyError> for wasmtime_wasi_http::Error {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::Gone => Self::ConnectionTerminated,
            BodyError::TooLarge => Self::HttpRequestBodySize(None),
            BodyError::Malformed => Self::HttpProtocolError,
            BodyError::Idle => Self::ConnectionReadTimeout,
            BodyError::Truncated => Self::HttpResponseIncomplete,
        }
    }
}
