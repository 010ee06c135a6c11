//! `wasi:http` outgoing: a request to `http://<service>.internal/` becomes a call; everything else goes outside, if granted.
//!
//! Neither touches a socket here, and neither trusts a header: who asks comes from
//! the store. Headers that the host makes are stripped from what a guest sends,
//! so that a callee can believe them.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, LazyLock};
use std::task::{Context, Poll};

use bytes::Bytes;
use hostel_model::limits::fixed;
use http::uri::Scheme;
use http::{HeaderMap, HeaderName};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use wasmtime_wasi_http::{
    DEFAULT_FORBIDDEN_HEADERS, Error, ForbiddenHeaderFilter, RequestOptions, WasiBody, WasiHttpHooks,
};

use super::stdio::GuestLog;
use crate::call::{Call, CallContext, CallRefused, IncomingBody};
use crate::error::BodyError;
use crate::ledger::Ledger;
use crate::outside::{Outgoing, OutgoingError, Patience};

/// The end of every name that stands for a service of this host.
const INTERNAL: &str = ".internal";

/// Made once: wasmtime asks for it with every set of headers.
static FORBIDDEN: LazyLock<ForbiddenHeaderFilter> =
    LazyLock::new(|| Arc::new(|name: &HeaderName| DEFAULT_FORBIDDEN_HEADERS.contains(name)));

type Outcome = Result<(http::Response<WasiBody>, Box<dyn Future<Output = Result<(), Error>> + Send>), Error>;

/// Where a guest's outgoing requests go.
pub(crate) struct OutgoingHttp {
    /// Whom the instance serves: the caller of every call it makes.
    pub(crate) context: CallContext,
    log: GuestLog,
    ledger: Arc<Ledger>,
}

impl OutgoingHttp {
    pub(crate) fn new(context: CallContext, log: GuestLog, ledger: Arc<Ledger>) -> Self {
        Self { context, log, ledger }
    }

    pub(crate) fn serve_next(&mut self, context: CallContext, ledger: Arc<Ledger>) {
        self.context = context;
        self.ledger = ledger;
    }

    fn refuse(&self, slug: &'static str, detail: &str, error: Error) -> Box<dyn Future<Output = Outcome> + Send> {
        self.log.refused(slug, detail);
        Box::new(std::future::ready(Err(error)))
    }

    /// The request as others get it.
    fn as_sent(&self, request: http::Request<WasiBody>) -> http::Request<IncomingBody> {
        let ledger = Arc::clone(&self.ledger);
        let mut request = request.map(|inner| CallerBody { inner, ledger }.boxed_unsync());
        strip_host_headers(request.headers_mut());
        request
    }

    fn outside(
        &self,
        request: http::Request<WasiBody>,
        options: Option<RequestOptions>,
    ) -> Box<dyn Future<Output = Outcome> + Send> {
        let request = self.as_sent(request);
        let (log, caller) = (self.log.clone(), self.context.clone());
        let answer = self.context.calls.outside(Outgoing { request, patience: Patience::from(options), caller });
        Box::new(async move {
            let response = answer.await.inspect_err(|error| {
                if let OutgoingError::Denied { detail, .. } = error {
                    log.refused("egress-denied", detail);
                }
            })?;
            Ok(for_guest(response))
        })
    }
}

impl WasiHttpHooks for OutgoingHttp {
    fn forbidden_header_filter(&mut self) -> ForbiddenHeaderFilter {
        Arc::clone(&FORBIDDEN)
    }

    /// No guess: a guest that names no scheme is told so in the log.
    fn default_scheme(&mut self) -> Option<Scheme> {
        self.log.refused("call-denied", "the outgoing request names no scheme; set `http` to call a service");
        None
    }

    fn p2_outgoing_body_chunk_size(&mut self) -> usize {
        fixed::BODY_CHUNK_BYTES.0 as usize
    }

    fn p3_outgoing_body_chunk_size(&mut self) -> usize {
        fixed::BODY_CHUNK_BYTES.0 as usize
    }

    fn send_request(
        &mut self,
        request: http::Request<WasiBody>,
        options: Option<RequestOptions>,
        _response_done: Box<dyn Future<Output = Result<(), Error>> + Send>,
    ) -> Box<dyn Future<Output = Outcome> + Send> {
        let callee = match destination(request.uri()) {
            Destination::Service(callee) => callee,
            Destination::Malformed(why) => {
                return self.refuse("call-denied", why, Error::HttpRequestUriInvalid);
            }
            Destination::Outside => return self.outside(request, options),
        };
        let request = self.as_sent(request);
        let (calls, clock) = (Arc::clone(&self.context.calls), Arc::clone(self.context.tree.clock()));
        let patience = options.and_then(|options| options.first_byte_timeout);
        let answer = calls.call(Call { callee, request, caller: self.context.clone() });
        Box::new(async move {
            let answered = match patience {
                None => answer.await,
                Some(patience) => {
                    let expired = clock.sleep_until(clock.now().after(patience));
                    match futures::future::select(answer, expired).await {
                        futures::future::Either::Left((answered, _)) => answered,
                        futures::future::Either::Right(_) => return Err(Error::ConnectionReadTimeout),
                    }
                }
            };
            Ok(for_guest(answered.map_err(to_guest)?))
        })
    }
}

/// What came back, as wasmtime wants it: nothing is left to be driven.
fn for_guest(
    response: http::Response<IncomingBody>,
) -> (http::Response<WasiBody>, Box<dyn Future<Output = Result<(), Error>> + Send>) {
    let response = response.map(|body| body.map_err(Error::from).boxed_unsync());
    (response, Box::new(std::future::ready(Ok(()))))
}

/// What the address of an outgoing request means.
#[derive(Debug, PartialEq, Eq)]
enum Destination {
    /// A service of this host, by the label before `.internal`.
    Service(String),
    /// Ends in `.internal` but cannot be a service.
    Malformed(&'static str),
    /// Anything else.
    Outside,
}

fn destination(uri: &http::Uri) -> Destination {
    let Some(authority) = uri.authority() else {
        return Destination::Malformed("the outgoing request names no authority; set `<service>.internal`");
    };
    let host = authority.host().to_ascii_lowercase();
    let Some(label) = host.strip_suffix(INTERNAL) else {
        return Destination::Outside;
    };
    if label.is_empty() || label.contains('.') {
        return Destination::Malformed("exactly one label stands before `.internal`: the name of the service");
    }
    if authority.as_str().contains('@') {
        return Destination::Malformed("an address of a service holds no user name");
    }
    if uri.scheme() != Some(&Scheme::HTTP) {
        return Destination::Malformed("calls never leave the host and need no TLS: use the scheme `http`");
    }
    // What follows the host is a port, and only the default one exists.
    let port = authority.as_str().get(authority.host().len()..).unwrap_or_default();
    if !matches!(port, "" | ":80") {
        return Destination::Malformed("a service has no ports: leave the port out, or use 80");
    }
    Destination::Service(label.to_owned())
}

/// Names that only the host writes; `hostel-` as a whole is reserved, and so is
/// whatever tells who the client is.
#[must_use]
pub fn is_host_header(name: &HeaderName) -> bool {
    let name = name.as_str();
    name.starts_with("hostel-")
        || name.starts_with("x-forwarded-")
        || matches!(name, "x-request-id" | "proxy-status" | "forwarded" | "x-real-ip")
}

/// Removes every header that only the host may write.
pub fn strip_host_headers(headers: &mut HeaderMap) {
    let forged: Vec<HeaderName> = headers.keys().filter(|name| is_host_header(name)).cloned().collect();
    for name in forged {
        headers.remove(&name);
    }
}

/// A guest's body as a callee sees it: forged trailers gone, errors ours, and
/// never finished because its guest was.
struct CallerBody {
    inner: WasiBody,
    ledger: Arc<Ledger>,
}

impl Body for CallerBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        Poll::Ready(match std::task::ready!(Pin::new(&mut this.inner).poll_frame(context)) {
            Some(Ok(mut frame)) => {
                if let Some(trailers) = frame.trailers_mut() {
                    strip_host_headers(trailers);
                }
                Some(Ok(frame))
            }
            Some(Err(_error)) => Some(Err(BodyError::Truncated)),
            // wasmtime says "end" of a body whose store is gone, too.
            None if this.ledger.is_broken_off() => Some(Err(BodyError::Truncated)),
            None => None,
        })
    }

    fn is_end_stream(&self) -> bool {
        !self.ledger.is_broken_off() && self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

fn to_guest(refused: CallRefused) -> Error {
    match refused {
        CallRefused::Denied => Error::HttpRequestDenied,
        CallRefused::NotFound => Error::DestinationNotFound,
        CallRefused::Loop => Error::LoopDetected,
        CallRefused::TimedOut => Error::ConnectionTimeout,
        CallRefused::Limit => Error::ConnectionLimitReached,
        CallRefused::Unavailable => Error::DestinationUnavailable,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_label_before_internal_by_http_without_a_port_is_a_call() {
        let service = |name: &str| Some(name.to_owned());
        for (uri, expected) in [
            ("http://users.internal/user/1", service("users")),
            ("http://USERS.Internal/", service("users")),
            ("http://users.internal:80/", service("users")),
            ("http://users.internal:8080/", None),
            ("http://users.internal:/", None),
            ("https://users.internal/", None),
            ("http://a.users.internal/", None),
            ("http://.internal/", None),
            ("http://internal/", None),
            ("http://x@users.internal/", None),
            ("http://users.internal.example.com/", None),
            ("http://127.0.0.1/", None),
        ] {
            let found = match destination(&uri.parse().unwrap()) {
                Destination::Service(name) => Some(name),
                Destination::Malformed(_) | Destination::Outside => None,
            };
            assert_eq!(found, expected, "{uri}");
        }
    }

    #[test]
    fn headers_of_the_host_are_stripped_from_what_a_guest_sends() {
        let mut headers = HeaderMap::new();
        for name in [
            "hostel-caller",
            "hostel-user",
            "hostel-new",
            "x-request-id",
            "proxy-status",
            "x-forwarded-for",
            "forwarded",
            "x-real-ip",
            "accept",
        ] {
            headers.append(HeaderName::from_static(name), http::HeaderValue::from_static("forged"));
        }
        strip_host_headers(&mut headers);
        assert_eq!(headers.keys().map(HeaderName::as_str).collect::<Vec<_>>(), ["accept"]);
    }
}
