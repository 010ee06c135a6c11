//! Calls that multiply or pretend: a `ring` of services, a `fork` that reads no answer, `options` of no sense, forged `trailers`, a `pair`.
//!
//! `?names=a,b` are services; `ring` asks the first and hands the names on in turn, and gives up if a call fails.

use behaviours_p2::answer::{fields, header};
use behaviours_p2::wasip2::http::outgoing_handler;
use behaviours_p2::wasip2::http::types::{
    ErrorCode, Fields, FutureIncomingResponse, IncomingResponse, OutgoingRequest, RequestOptions, Scheme,
};
use behaviours_p2::{Body, Reply, Request, Writer, serve};
use core::arch::wasm32::unreachable;

/// Names that only the host may write.
const FORGED: [&str; 6] = ["hostel-caller", "Hostel-User", "x-request-id", "X-Forwarded-For", "forwarded", "x-real-ip"];

serve!(handle);

fn handle(request: Request, reply: Reply) {
    let query = &request.query;
    let names = query.text("names");
    match query.text("how") {
        "ring" => {
            let (first, rest) = names.split_once(',').unwrap_or((names, ""));
            let turned = if rest.is_empty() { first.to_owned() } else { format!("{rest},{first}") };
            let path = format!("/{first}?how=ring&names={turned}");
            match asked(outgoing(first, &path), None) {
                Ok(response) if response.status() == 200 => reply.text("came back"),
                Ok(_) | Err(_) => unreachable(),
            }
        }
        "fork" => {
            let futures: Vec<FutureIncomingResponse> = (0..query.number("count", 10_000_u32))
                .filter_map(|_| outgoing_handler::handle(outgoing(names, &format!("/{names}")), None).ok())
                .collect();
            reply.text(&futures.len().to_string());
        }
        "waste" => {
            // What was asked is forgotten at once, so that no handle of it stays.
            let asked = (0..query.number("count", 10_000_u32))
                .filter(|_| outgoing_handler::handle(outgoing(names, &format!("/{names}")), None).is_ok());
            reply.text(&asked.count().to_string());
        }
        "one" => {
            let path = format!("/{names}?{}", query.text("query"));
            match asked(outgoing(names, &path), None) {
                Ok(response) => reply.text(&response.status().to_string()),
                Err(error) => reply.text(&format!("{error:?}")),
            }
        }
        "options" => reply.text(&options(names, query.number("ns", 0))),
        "trailers" => trailers(names, reply),
        _ => reply.text(hostile::FINE),
    }
}

fn outgoing(name: &str, path: &str) -> OutgoingRequest {
    let request = OutgoingRequest::new(Fields::new());
    request.set_scheme(Some(&Scheme::Http)).expect("a scheme must be taken");
    request.set_authority(Some(&format!("{name}.internal"))).expect("a name must be taken");
    request.set_path_with_query(Some(path)).expect("a path must be taken");
    request
}

fn asked(request: OutgoingRequest, options: Option<RequestOptions>) -> Result<IncomingResponse, ErrorCode> {
    let answer = outgoing_handler::handle(request, options)?;
    answer.subscribe().block();
    answer.get().expect("an answer that was waited for must be there").expect("it must be there once")
}

/// A call under timeouts that nobody means.
fn options(name: &str, nanoseconds: u64) -> String {
    let options = RequestOptions::new();
    let set = [
        options.set_connect_timeout(Some(nanoseconds)).is_ok(),
        options.set_first_byte_timeout(Some(nanoseconds)).is_ok(),
        options.set_between_bytes_timeout(Some(nanoseconds)).is_ok(),
    ];
    match asked(outgoing(name, &format!("/{name}")), Some(options)) {
        Ok(response) => {
            let status = response.status();
            let read = response.consume().map(|body| Body::new(body).read_all());
            format!("{set:?} {status} {}", matches!(read, Ok(Ok(_))))
        }
        Err(error) => format!("{set:?} {error:?}"),
    }
}

/// Says who it is, falsely, in headers and trailers; answers what the callee was told.
fn trailers(name: &str, reply: Reply) {
    let forged = || fields(FORGED.iter().map(|name| header(name, hostile::SECRET)).collect());
    let request = OutgoingRequest::new(forged());
    request.set_scheme(Some(&Scheme::Http)).expect("a scheme must be taken");
    request.set_authority(Some(&format!("{name}.internal"))).expect("a name must be taken");
    request.set_path_with_query(Some(&format!("/{name}"))).expect("a path must be taken");
    let body = request.body().expect("a body must be there the first time");
    let Ok(answer) = outgoing_handler::handle(request, None) else {
        return reply.text("refused");
    };
    let writer = Writer::new(body);
    let _ = writer.write(b"forged");
    writer.finish_with(Some(forged()));
    answer.subscribe().block();
    let Some(Ok(Ok(response))) = answer.get() else {
        return reply.text("no answer");
    };
    let told = response.headers().entries().into_iter();
    let told: Vec<String> = told.map(|(name, value)| format!("{name}: {}", String::from_utf8_lossy(&value))).collect();
    reply.text(&told.join("\n"));
}
