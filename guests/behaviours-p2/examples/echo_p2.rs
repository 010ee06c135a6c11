//! Sends the request's body back as it comes, and says in headers what it saw of the rest.

use behaviours_p2::answer::{Headers, header};
use behaviours_p2::request::scheme_name;
use behaviours_p2::{Reply, Request, serve};
use std::collections::BTreeMap;

serve!(handle);

fn handle(request: Request, reply: Reply) {
    let body = request.body();
    let writer = reply.start(200, seen(&request));
    // Whichever side fails, the writer is dropped: the answer must not look complete.
    loop {
        match body.chunk() {
            Ok(Some(chunk)) if writer.write(&chunk).is_ok() => {}
            Ok(None) => return writer.finish(),
            Ok(Some(_)) | Err(_) => return,
        }
    }
}

fn seen(request: &Request) -> Headers {
    let scheme = request.inner.scheme();
    let mut seen = vec![
        header("x-echo-method", &request.method()),
        header("x-echo-path", &request.path()),
        header("x-echo-scheme", scheme.as_ref().map_or("", scheme_name)),
        header("x-echo-authority", &request.inner.authority().unwrap_or_default()),
    ];
    let mut fields = BTreeMap::<String, Vec<Vec<u8>>>::new();
    for (name, value) in request.inner.headers().entries() {
        if name == "content-type" {
            seen.push((name.clone(), value.clone()));
        }
        fields.entry(format!("x-echo-header-{name}")).or_default().push(value);
    }
    seen.extend(fields.into_iter().map(|(name, values)| (name, values.join(b", ".as_slice()))));
    seen
}
