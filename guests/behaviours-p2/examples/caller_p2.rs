//! Makes the call that the query describes and passes the answer on.
//!
//! `?chain=a,b` calls service `a` with the rest of the chain, which is to be this
//! same behaviour; `?chain=` is the end of it. `?connect=`, `?first=` and `?between=` are how
//! many nanoseconds it waits.

use behaviours_p2::answer::{Headers, header, printable};
use behaviours_p2::query::Query;
use behaviours_p2::request::{method_named, scheme_named};
use behaviours_p2::wasip2::http::outgoing_handler;
use behaviours_p2::wasip2::http::types::{ErrorCode, Fields, IncomingResponse, OutgoingRequest, RequestOptions};
use behaviours_p2::{Body, Reply, Request, Writer, serve};

serve!(handle);

fn handle(request: Request, reply: Reply) {
    let query = &request.query;
    let mut calls_ok = 0;
    let last = match query.get("chain") {
        Some("") => return reply.text("end"),
        Some(chain) => call(next_link(&request.path(), chain), "", None),
        None => repeated(query, &mut calls_ok),
    };
    let calls_ok = header("x-calls-ok", &calls_ok.to_string());
    match last {
        Ok(response) => pass_on(response, calls_ok, reply),
        Err(error) => reply.start(200, vec![header("x-error", &printable(&error)), calls_ok]).finish(),
    }
}

type Called = Result<IncomingResponse, String>;

/// Makes the call `?times=` times, each when the one before is over, and gives the last.
fn repeated(query: &Query, ok: &mut u32) -> Called {
    let mut last: Called = Err("no call".to_owned());
    for _ in 0..query.number("times", 1) {
        if let Ok(previous) = last {
            let body = previous.consume().map_err(|()| "no body")?;
            Body::new(body).read_all().map_err(|error| format!("{error:?}"))?;
        }
        last = call(described(query), query.text("body"), patience(query)?);
        *ok += u32::from(last.is_ok());
    }
    last
}

fn described(query: &Query) -> Result<OutgoingRequest, String> {
    let own = query.all("header").filter_map(|pair| pair.split_once('='));
    let own: Headers = own.map(|(name, value)| header(name, value)).collect();
    let own = Fields::from_list(&own).map_err(|error| format!("refused header {error:?}"))?;
    let request = OutgoingRequest::new(own);
    request.set_method(&method_named(query.text("method"))).map_err(|()| "refused method")?;
    request.set_scheme(scheme_named(query.text("scheme")).as_ref()).map_err(|()| "refused scheme")?;
    request.set_authority(query.get("authority")).map_err(|()| "refused authority")?;
    request.set_path_with_query(query.get("path")).map_err(|()| "refused path")?;
    Ok(request)
}

fn next_link(path: &str, chain: &str) -> Result<OutgoingRequest, String> {
    let (path, _) = path.split_once('?').unwrap_or((path, ""));
    let (next, rest) = chain.split_once(',').unwrap_or((chain, ""));
    described(&Query::of(&format!("?scheme=http&authority={next}.internal&path={path}%3Fchain%3D{rest}")))
}

/// The times that the query names, if it names any.
fn patience(query: &Query) -> Result<Option<RequestOptions>, String> {
    let time = |name: &str| query.get(name).and_then(|time| time.parse().ok());
    let (connect, first, between) = (time("connect"), time("first"), time("between"));
    if connect.or(first).or(between).is_none() {
        return Ok(None);
    }
    let options = RequestOptions::new();
    options.set_connect_timeout(connect).map_err(|()| "refused time")?;
    options.set_first_byte_timeout(first).map_err(|()| "refused time")?;
    options.set_between_bytes_timeout(between).map_err(|()| "refused time")?;
    Ok(Some(options))
}

fn call(request: Result<OutgoingRequest, String>, text: &str, options: Option<RequestOptions>) -> Called {
    let request = request?;
    let body = request.body().map_err(|()| "no body")?;
    let named = |error: ErrorCode| format!("{error:?}");
    let response = outgoing_handler::handle(request, options).map_err(named)?;
    let writer = Writer::new(body);
    let _ = writer.write(text.as_bytes());
    writer.finish();
    response.subscribe().block();
    let result = response.get().ok_or("not ready")?.map_err(|()| "taken twice")?;
    result.map_err(named)
}

fn pass_on(response: IncomingResponse, calls_ok: (String, Vec<u8>), reply: Reply) {
    let theirs = response.headers().entries().into_iter().map(|(name, value)| match &*name {
        // An error further down a chain comes up as it is.
        "x-error" => (name, value),
        _ => (format!("x-callee-{name}"), value),
    });
    let mut headers: Headers = theirs.collect();
    headers.push(calls_ok);
    let writer = reply.start(response.status(), headers);
    let Ok(body) = response.consume().map(Body::new) else {
        return;
    };
    while let Ok(chunk) = body.chunk() {
        match chunk {
            Some(chunk) if writer.write(&chunk).is_ok() => {}
            Some(_) => return,
            None => return writer.finish(),
        }
    }
}
