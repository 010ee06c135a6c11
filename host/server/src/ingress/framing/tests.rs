//! Messages cut at every byte are counted alike.

use super::*;

fn count(direction: Direction, bodyless: bool, text: &str, cut: usize) -> (MessageBytes, usize, bool) {
    let mut framing = Framing::new(direction);
    let mut counts = MessageBytes::default();
    let (mut at, bytes) = (0, text.as_bytes());
    while at < bytes.len() {
        let piece = &bytes[at..(at + cut).min(bytes.len())];
        let followed = framing.follow(piece, bodyless, &mut counts);
        at += followed.taken;
        if followed.ended {
            return (counts, at, true);
        }
    }
    (counts, at, false)
}

#[test]
fn every_message_is_divided_the_same_way_however_it_is_cut() {
    use Direction::{Requests, Responses};
    // direction, answers HEAD, message, (line, headers, body, framing), ends
    type Row = (Direction, bool, &'static str, (u64, u64, u64, u64), bool);
    let rows: [Row; 12] = [
        (Requests, false, "GET / HTTP/1.1\r\nHost: a\r\n\r\n", (16, 11, 0, 0), true),
        (Requests, false, "\r\nGET / HTTP/1.1\r\nHost:a\r\n\r\n", (18, 10, 0, 0), true),
        (Requests, false, "PUT / HTTP/1.1\r\nContent-LENGTH:  5 \r\n\r\nhello", (16, 23, 5, 0), true),
        (
            Requests,
            false,
            "PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5;x=1\r\nhello\r\n0\r\n\r\n",
            (16, 30, 5, 14),
            true,
        ),
        (
            Requests,
            false,
            "PUT / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n0\r\nT: x\r\n\r\n",
            (16, 36, 1, 10),
            true,
        ),
        (Requests, false, "PUT / HTTP/1.1\r\nContent-Length: 9\r\n\r\nhello", (16, 21, 5, 0), false),
        (Responses, false, "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok", (17, 21, 2, 0), true),
        (Responses, true, "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n", (17, 21, 0, 0), true),
        (Responses, false, "HTTP/1.1 304 Not Modified\r\ncontent-length: 2\r\n\r\n", (27, 21, 0, 0), true),
        (Responses, false, "HTTP/1.1 204 No Content\r\n\r\n", (25, 2, 0, 0), true),
        (
            Responses,
            false,
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
            (40, 23, 0, 0),
            true,
        ),
        (Responses, false, "HTTP/1.1 200 OK\r\n\r\nuntil the end", (17, 2, 13, 0), false),
    ];
    for (direction, bodyless, text, (line, headers, body, framing), ends) in rows {
        for cut in 1..=text.len() {
            let expected = MessageBytes { line, headers, body, framing };
            assert_eq!(count(direction, bodyless, text, cut), (expected, text.len(), ends), "{text:?} cut by {cut}");
        }
    }
}

#[test]
fn the_next_message_begins_where_the_last_one_ended() {
    let text = "POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\nokGET / HTTP/1.1\r\n\r\n";
    let mut framing = Framing::new(Direction::Requests);
    let mut counts = MessageBytes::default();
    let first = framing.follow(text.as_bytes(), false, &mut counts);
    assert_eq!((first.ended, text.get(first.taken..).unwrap()), (true, "GET / HTTP/1.1\r\n\r\n"));
    let mut counts = MessageBytes::default();
    let second = framing.follow(&text.as_bytes()[first.taken..], false, &mut counts);
    assert_eq!((second.ended, counts.line, counts.headers), (true, 16, 2));
}
