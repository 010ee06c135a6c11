//! Heads that may not be: `names` without end, one `big` value, a `list`, an `alias` of one text, `inject`ed lines, or whatever `frame` says.
//!
//! `frame` answers with `?status=`, each `?header=name:value` and `?bytes=` of a body.

use behaviours_p2::answer::Headers;
use behaviours_p2::query::Query;
use behaviours_p2::wasip2::http::types::{
    Fields, Method, OutgoingBody, OutgoingRequest, OutgoingResponse, ResponseOutparam,
};
use behaviours_p2::{Reply, Request, Writer, json, serve};

/// More than a map of the host's could count, before somebody found out.
const NAMES: u32 = 40_000;
/// Far more than any head.
const BIG: usize = 10 * 1024 * 1024;
const LIST: u32 = 100_000;
/// Entries of a list that all are the same mebibyte.
const ALIASES: usize = 1_000_000;
const ALIASED: usize = 1024 * 1024;

/// Names and values that would be more lines of a head, or none.
const NAMES_ODD: [&str; 6] = ["x-a\r\nx-injected", "x\0", "x y", "", "x:", "x-\u{fc}"];
const VALUES_ODD: [&[u8]; 5] = [b"a\r\nx-injected: 1", b"a\nx-injected: 1", b"a\rb", b"a\0b", b"a\x7fb"];
/// A value that is odd and allowed: bytes above ASCII.
const VALUE_OBSOLETE: &[u8] = b"caf\xe9";
const LINES: [&str; 4] = ["/a\r\nx-injected: 1", "/a HTTP/1.1\r\n\r\nGET /b", "a b", "\u{202e}"];

serve!(handle);

fn handle(request: Request, reply: Reply) {
    let query = &request.query;
    match query.text("how") {
        "names" => {
            let fields = Fields::new();
            let accepted = (0..NAMES).take_while(|n| fields.append(&format!("a{n}"), b"").is_ok()).count();
            reply.text(&accepted.to_string());
        }
        "big" => {
            let accepted = Fields::new().append("x-big", &vec![b'x'; BIG]).is_ok();
            reply.text(if accepted { "accepted" } else { "refused" });
        }
        "list" => {
            let list: Headers = (0..LIST).map(|n| (format!("a{n}"), Vec::new())).collect();
            reply.text(if Fields::from_list(&list).is_ok() { "accepted" } else { "refused" });
        }
        "alias" => reply.text(if alias() { "accepted" } else { "refused" }),
        "inject" => inject(reply),
        "frame" => frame(query, reply),
        _ => reply.text(hostile::FINE),
    }
}

/// A name and a value as the host reads them.
#[derive(Clone)]
#[repr(C)]
struct Entry {
    name: *const u8,
    name_bytes: usize,
    value: *const u8,
    value_bytes: usize,
}

#[link(wasm_import_module = "wasi:http/types@0.2.12")]
unsafe extern "C" {
    #[link_name = "[static]fields.from-list"]
    fn from_list(entries: *const Entry, count: usize, result: *mut u8);
}

/// A list of a million values of a mebibyte, which takes the guest one of them.
fn alias() -> bool {
    let text = vec![b'x'; ALIASED];
    let entry = Entry { name: text.as_ptr(), name_bytes: 1, value: text.as_ptr(), value_bytes: text.len() };
    let entries = vec![entry; ALIASES];
    let mut result = [0_u32; 2];
    // SAFETY: the host only reads the entries and the text, and writes two words to `result`.
    unsafe { from_list(entries.as_ptr(), entries.len(), result.as_mut_ptr().cast()) };
    result[0] == 0
}

/// Tries every odd text where a text may go, and answers which were taken.
fn inject(reply: Reply) {
    let names = NAMES_ODD.iter().filter(|name| Fields::new().append(name, b"x").is_ok());
    let values = VALUES_ODD.iter().filter(|value| Fields::new().append("x-odd", value).is_ok());
    let request = OutgoingRequest::new(Fields::new());
    let paths = LINES.iter().filter(|line| request.set_path_with_query(Some(line)).is_ok());
    let authorities = LINES.iter().filter(|line| request.set_authority(Some(line)).is_ok());
    let methods = LINES.iter().filter(|line| request.set_method(&Method::Other((**line).to_owned())).is_ok());
    let taken: Vec<String> = names
        .map(|name| format!("name {name:?}"))
        .chain(values.map(|value| format!("value {:?}", String::from_utf8_lossy(value))))
        .chain(paths.map(|line| format!("path {line:?}")))
        .chain(authorities.map(|line| format!("authority {line:?}")))
        .chain(methods.map(|line| format!("method {line:?}")))
        .collect();
    let body = json::list(taken.iter().map(|one| json::text(one)));
    let headers =
        vec![("content-type".to_owned(), b"application/json".to_vec()), ("x-odd".to_owned(), VALUE_OBSOLETE.to_vec())];
    let writer = reply.start(200, headers);
    let _ = writer.write(body.as_bytes());
    writer.finish();
}

/// A head and a body that need not fit each other.
fn frame(query: &Query, reply: Reply) {
    let pairs = query.all("header").filter_map(|pair| pair.split_once(':'));
    let headers: Headers = pairs.map(|(name, value)| (name.to_owned(), value.into())).collect();
    let Ok(fields) = Fields::from_list(&headers) else {
        return reply.whole(500, "text/plain", b"refused header");
    };
    let response = OutgoingResponse::new(fields);
    if response.set_status_code(query.number("status", 200)).is_err() {
        return reply.whole(500, "text/plain", b"refused status");
    }
    let body: OutgoingBody = response.body().expect("a body must be there the first time");
    ResponseOutparam::set(reply.into_out(), Ok(response));
    let writer = Writer::new(body);
    let _ = writer.write(&vec![b'x'; query.number("bytes", 0)]);
    writer.finish();
}
