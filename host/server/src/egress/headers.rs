//! Which header fields leave the host and which come in: nothing about one hop, nothing that only the host says.

use hostel_sandbox::is_host_header;
use http::header::{CONNECTION, EXPECT, HOST, TE};
use http::{HeaderMap, HeaderName};

/// Leaves in the head of a request what an upstream gets. Its host is told by
/// whoever sends it, when it is known how.
pub(super) fn for_upstream(headers: &mut HeaderMap) {
    let only_trailers = headers.get_all(TE).iter().all(|value| value.as_bytes().eq_ignore_ascii_case(b"trailers"));
    // Nobody here waits for an interim response.
    headers.remove(EXPECT);
    headers.remove(HOST);
    clean(headers, |name| *name == TE && only_trailers);
}

/// Leaves in the head of a response what a guest gets.
pub(super) fn for_guest(headers: &mut HeaderMap) {
    clean(headers, |_name| false);
}

fn clean(headers: &mut HeaderMap, kept: impl Fn(&HeaderName) -> bool) {
    let mut dropped: Vec<HeaderName> = Vec::new();
    for value in headers.get_all(CONNECTION) {
        let names = value.as_bytes().split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
        // How long a message is, it says whatever its connection says.
        let named = names.filter_map(|name| HeaderName::from_bytes(name).ok());
        dropped.extend(named.filter(|name| *name != http::header::CONTENT_LENGTH));
    }
    dropped.extend(headers.keys().filter(|name| is_of_one_hop(name) || is_of_the_host(name)).cloned());
    for name in dropped.iter().filter(|name| !kept(name)) {
        headers.remove(name);
    }
}

/// Whether only the host says it, also to those who read `_` as `-` (CGI, and whatever is made after it).
fn is_of_the_host(name: &HeaderName) -> bool {
    let dashed = name.as_str().contains('_').then(|| name.as_str().replace('_', "-"));
    let dashed = dashed.and_then(|dashed| HeaderName::from_bytes(dashed.as_bytes()).ok());
    is_host_header(dashed.as_ref().unwrap_or(name))
}

fn is_of_one_hop(name: &HeaderName) -> bool {
    matches!(
        name.as_str(),
        "connection"
            | "keep-alive"
            | "proxy-connection"
            | "proxy-authenticate"
            | "proxy-authorization"
            | "te"
            | "trailer"
            | "transfer-encoding"
            | "upgrade"
            | "http2-settings"
    )
}
