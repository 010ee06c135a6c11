//! Guests whose heads do not fit their bodies, or would be more than one head.

use super::super::ask::{Ask, Reply};
use super::super::guest;
use super::super::row::{Expect, Row, Service};

const INVALID: Expect = Expect::new(502, "invalid-response");
/// What the guest answers that was not allowed to say it.
const REFUSED: Expect = Expect {
    status: 500,
    outcome: "ok",
    why: None,
    says: |reply| reply.text().starts_with("refused") && reply.answer.header("x-injected").is_none(),
    crowded: false,
};

/// All of them.
pub fn rows() -> Vec<Row> {
    let service = || Service::of("g21", guest::HOSTILE_HEADERS_P2);
    let frame = |query: &str, expects: &[Expect]| {
        let mut ask = Ask::get("g21", &format!("how=frame&{query}"), INVALID);
        ask.expect = expects.to_vec();
        ask
    };
    let lengths = vec![
        frame("header=content-length:10&bytes=5", &[INVALID]),
        frame("header=content-length:10&bytes=15", &[INVALID, Expect::new(502, "trap")]),
        frame("header=content-length:5&header=content-length:6&bytes=5", &[INVALID, REFUSED]),
        frame("header=content-length:%2B5&bytes=5", &[INVALID, REFUSED]),
        frame("header=content-length:-1&bytes=5", &[INVALID, REFUSED]),
        frame("header=content-length:99999999999999999999&bytes=5", &[INVALID, REFUSED]),
    ];
    let fields = vec![
        frame("header=transfer-encoding:chunked&bytes=5", &[REFUSED]),
        frame("header=connection:close&bytes=5", &[REFUSED]),
        frame("header=upgrade:h2c&bytes=5", &[REFUSED]),
        frame("header=keep-alive:timeout%3D5&bytes=5", &[REFUSED]),
    ];
    let statuses: Vec<Ask> = [0, 99, 100, 101, 103, 199, 600, 999]
        .map(|status| frame(&format!("status={status}&bytes=5"), &[INVALID, REFUSED]))
        .to_vec();
    vec![
        Row::asked("G21", "six lengths that are not its body's", "502, or refused to the guest", service(), lengths),
        Row::asked("G21", "fields of the connection", "refused to the guest", service(), fields),
        Row::asked("G21", "statuses 0, 99, 100, 101, 103, 199, 600, 999", "502, or refused", service(), statuses),
        Row::asked("G21", "a body for HEAD, 204 and 304", "none is sent", service(), bodyless()),
        Row::asked(
            "G22",
            "CR, LF, NUL, blanks in names, values, path, authority, method",
            "refused to the guest, nothing injected",
            Service::of("g22", guest::HOSTILE_HEADERS_P2),
            vec![Ask::get("g22", "how=inject", Expect::ok(nothing_injected))],
        ),
    ]
}

fn bodyless() -> Vec<Ask> {
    let empty = Expect::ok(|reply| reply.answer.length == 0);
    let status = |status: u16| Expect { status, ..empty.clone() };
    let path = |status: u16| format!("how=frame&status={status}&bytes=500");
    vec![
        Ask::get("g21", &path(200), empty.clone()).method("HEAD"),
        Ask::get("g21", &path(204), status(204)),
        Ask::get("g21", &path(304), status(304)),
        Ask::get("g21", "how=frame&header=content-length:10&bytes=5", empty.clone()).method("HEAD").or(INVALID),
    ]
}

/// Of all odd texts only bytes above ASCII in a value may be taken, which are not among those that are listed.
fn nothing_injected(reply: &Reply) -> bool {
    let lines = reply.answer.head.split("\r\n");
    let injected = lines.filter(|line| line.to_ascii_lowercase().starts_with("x-injected")).count();
    reply.text() == "[]" && injected == 0 && !reply.answer.head.contains('\0')
}
