//! Makes the call that the query describes and passes the answer on.
//!
//! `?chain=a,b` calls service `a` with the rest of the chain, which is to be this
//! same behaviour; `?chain=` is the end of it. `?connect=`, `?first=` and `?between=` are how
//! many nanoseconds it waits.

use behaviours_p3::answer::{self, Headers, head, header, printable, start};
use behaviours_p3::query::Query;
use behaviours_p3::request::{method_named, scheme_named};
use behaviours_p3::wasip3::http::client;
use behaviours_p3::wasip3::http::types::{self, Fields, RequestOptions, Response};
use behaviours_p3::wasip3::spawn_local;
use behaviours_p3::{Answer, Body, Request, Writer, serve};

serve!(handle);

async fn handle(request: Request) -> Answer {
    let query = &request.query;
    let mut calls_ok = 0;
    let last = match query.get("chain") {
        Some("") => return answer::text("end"),
        Some(chain) => call(next_link(&request.path(), chain)).await,
        None => repeated(query, &mut calls_ok).await,
    };
    let calls_ok = header("x-calls-ok", &calls_ok.to_string());
    Ok(match last {
        Ok(response) => passed_on(response, calls_ok),
        Err(error) => head(200, vec![header("x-error", &printable(&error)), calls_ok]),
    })
}

type Called = Result<Response, String>;

/// Makes the call `?times=` times, each when the one before is over, and gives the last.
async fn repeated(query: &Query, ok: &mut u32) -> Called {
    let mut last: Called = Err("no call".to_owned());
    for _ in 0..query.number("times", 1) {
        if let Ok(previous) = last {
            Body::of(previous).read_all().await.map_err(|error| format!("{error:?}"))?;
        }
        last = call(described(query)).await;
        *ok += u32::from(last.is_ok());
    }
    last
}

fn described(query: &Query) -> Result<types::Request, String> {
    let own = query.all("header").filter_map(|pair| pair.split_once('='));
    let own: Headers = own.map(|(name, value)| header(name, value)).collect();
    let own = Fields::from_list(&own).map_err(|error| format!("refused header {error:?}"))?;
    let (mut writer, contents, end) = Writer::new();
    let (request, _sent) = types::Request::new(own, Some(contents), end, patience(query)?);
    request.set_method(&method_named(query.text("method"))).map_err(|()| "refused method")?;
    request.set_scheme(scheme_named(query.text("scheme")).as_ref()).map_err(|()| "refused scheme")?;
    request.set_authority(query.get("authority")).map_err(|()| "refused authority")?;
    request.set_path_with_query(query.get("path")).map_err(|()| "refused path")?;
    let body = query.text("body").as_bytes().to_vec();
    spawn_local(async move {
        let _ = writer.write(body).await;
        writer.finish().await;
    });
    Ok(request)
}

/// The times that the query names, if it names any.
fn patience(query: &Query) -> Result<Option<RequestOptions>, String> {
    let time = |name: &str| query.get(name).and_then(|time| time.parse().ok());
    let (connect, first, between) = (time("connect"), time("first"), time("between"));
    if connect.or(first).or(between).is_none() {
        return Ok(None);
    }
    let options = RequestOptions::new();
    options.set_connect_timeout(connect).map_err(|error| format!("refused time {error:?}"))?;
    options.set_first_byte_timeout(first).map_err(|error| format!("refused time {error:?}"))?;
    options.set_between_bytes_timeout(between).map_err(|error| format!("refused time {error:?}"))?;
    Ok(Some(options))
}

fn next_link(path: &str, chain: &str) -> Result<types::Request, String> {
    let (path, _) = path.split_once('?').unwrap_or((path, ""));
    let (next, rest) = chain.split_once(',').unwrap_or((chain, ""));
    described(&Query::of(&format!("?scheme=http&authority={next}.internal&path={path}%3Fchain%3D{rest}")))
}

async fn call(request: Result<types::Request, String>) -> Called {
    client::send(request?).await.map_err(|error| format!("{error:?}"))
}

fn passed_on(theirs: Response, calls_ok: (String, Vec<u8>)) -> Response {
    let fields = theirs.get_headers().copy_all().into_iter();
    let mut headers: Headers = fields
        .map(|(name, value)| match &*name {
            // An error further down a chain comes up as it is.
            "x-error" => (name, value),
            _ => (format!("x-callee-{name}"), value),
        })
        .collect();
    headers.push(calls_ok);
    let (response, mut writer) = start(theirs.get_status_code(), headers);
    let mut body = Body::of(theirs);
    spawn_local(async move {
        while let Some(chunk) = body.chunk().await {
            if writer.write(chunk).await.is_err() {
                return;
            }
        }
        if body.end().await.is_ok() {
            writer.finish().await;
        }
    });
    response
}
