//! Messages cut at every byte are counted alike.

use super::*;

fn count(bodyless: bool, text: &str, cut: usize) -> (MessageBytes, usize, bool) {
    let mut framing = Framing::default();
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
    // answers HEAD, message, (line, headers, body, framing), ends
    type Row = (bool, &'static str, (u64, u64, u64, u64), bool);
    let rows: [Row; 6] = [
        (false, "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok", (17, 21, 2, 0), true),
        (true, "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n", (17, 21, 0, 0), true),
        (false, "HTTP/1.1 304 Not Modified\r\ncontent-length: 2\r\n\r\n", (27, 21, 0, 0), true),
        (false, "HTTP/1.1 204 No Content\r\n\r\n", (25, 2, 0, 0), true),
        (false, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", (40, 23, 0, 0), true),
        (false, "HTTP/1.1 200 OK\r\n\r\nuntil the end", (17, 2, 13, 0), false),
    ];
    for (bodyless, text, (line, headers, body, framing), ends) in rows {
        for cut in 1..=text.len() {
            let expected = MessageBytes { line, headers, body, framing };
            assert_eq!(count(bodyless, text, cut), (expected, text.len(), ends), "{text:?} cut by {cut}");
        }
    }
}

#[test]
fn the_next_response_begins_where_the_last_one_ended() {
    let text = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nokHTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n";
    let mut framing = Framing::default();
    let mut counts = MessageBytes::default();
    let first = framing.follow(text.as_bytes(), false, &mut counts);
    assert!(first.ended && text.get(first.taken..).unwrap().starts_with("HTTP/1.1 404"));
    let mut counts = MessageBytes::default();
    let second = framing.follow(&text.as_bytes()[first.taken..], false, &mut counts);
    assert_eq!((second.ended, counts.line, framing.last_status()), (true, 24, 404));
}
