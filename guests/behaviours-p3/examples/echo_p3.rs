//! Sends the request's body back as it comes, and says in headers what it saw of the rest.

use behaviours_p3::answer::{Headers, header, start};
use behaviours_p3::request::scheme_name;
use behaviours_p3::wasip3::spawn_local;
use behaviours_p3::{Answer, Body, Request, Writer, serve};
use std::collections::BTreeMap;

serve!(handle);

async fn handle(request: Request) -> Answer {
    let (response, writer) = start(200, seen(&request));
    spawn_local(send_back(request.body(), writer));
    Ok(response)
}

async fn send_back(mut body: Body, mut writer: Writer) {
    // Whichever side fails, the writer is dropped: the answer must not look complete.
    while let Some(chunk) = body.chunk().await {
        if writer.write(chunk).await.is_err() {
            return;
        }
    }
    if body.end().await.is_ok() {
        writer.finish().await;
    }
}

fn seen(request: &Request) -> Headers {
    let scheme = request.inner.get_scheme();
    let mut seen = vec![
        header("x-echo-method", &request.method()),
        header("x-echo-path", &request.path()),
        header("x-echo-scheme", scheme.as_ref().map_or("", scheme_name)),
        header("x-echo-authority", &request.inner.get_authority().unwrap_or_default()),
    ];
    let mut fields = BTreeMap::<String, Vec<Vec<u8>>>::new();
    for (name, value) in request.inner.get_headers().copy_all() {
        if name == "content-type" {
            seen.push((name.clone(), value.clone()));
        }
        fields.entry(format!("x-echo-header-{name}")).or_default().push(value);
    }
    seen.extend(fields.into_iter().map(|(name, values)| (name, values.join(b", ".as_slice()))));
    seen
}
