//! Where bodies end, row by row, and cut at every byte.

use super::*;

/// A body that is taken: its bytes by kind.
struct Row {
    body: BodyKind,
    bytes: Vec<u8>,
    counts: MessageBytes,
}

fn row(body: BodyKind, bytes: impl Into<Vec<u8>>, data: u64, trailers: u64) -> Row {
    let bytes = bytes.into();
    let framing = bytes.len() as u64 - data - trailers;
    Row { body, bytes, counts: MessageBytes { line: 0, headers: trailers, body: data, framing } }
}

fn chunked(bytes: impl Into<Vec<u8>>, data: u64, trailers: u64) -> Row {
    row(BodyKind::Chunked, bytes, data, trailers)
}

fn taken() -> Vec<Row> {
    vec![
        row(BodyKind::Length(0), "", 0, 0),
        row(BodyKind::Length(1), "x", 1, 0),
        row(BodyKind::Length(5), "5\r\n\0\n", 5, 0),
        chunked("0\r\n\r\n", 0, 0),
        chunked("5\r\nhello\r\n0\r\n\r\n", 5, 0),
        chunked("1\r\na\r\n1\r\nb\r\n0\r\n\r\n", 2, 0),
        // Line ends and sizes among the data are data.
        chunked("7\r\n\r\n0\r\n\r\n\r\n0\r\n\r\n", 7, 0),
        chunked("a\r\n0123456789\r\n0\r\n\r\n", 10, 0),
        chunked("A\r\n0123456789\r\n0\r\n\r\n", 10, 0),
        chunked("1f\r\n0123456789012345678901234567890\r\n0\r\n\r\n", 31, 0),
        chunked("0000000000000001\r\na\r\n0000000000000000\r\n\r\n", 1, 0),
        chunked("00\r\n\r\n", 0, 0),
        chunked("1;\r\na\r\n0;\r\n\r\n", 1, 0),
        chunked("1;name\r\na\r\n0\r\n\r\n", 1, 0),
        chunked("1;name=value;other=\"a b\"\r\na\r\n0;last\r\n\r\n", 1, 0),
        chunked("1; \tname\r\na\r\n0\r\n\r\n", 1, 0),
        chunked(b"1;\xff\r\na\r\n0\r\n\r\n", 1, 0),
        chunked("0\r\nx: y\r\n\r\n", 0, 6),
        chunked("0\r\nx: y\r\nlong-name:  value \r\n\r\n", 0, 26),
        chunked(b"0\r\nx: \xff\t\r\n\r\n", 0, 7),
        // The most digits, extensions and trailers.
        chunked(format!("1;{}\r\na\r\n0\r\n\r\n", "e".repeat(1_024)), 1, 0),
        chunked(format!("1;{}\r\na\r\n0;{}\r\n\r\n", "e".repeat(1_000), "e".repeat(24)), 1, 0),
        chunked(format!("0\r\nx:{}\r\n\r\n", "v".repeat(16_382)), 0, 16_386),
    ]
}

/// Bodies that break off the moment their last byte is there.
fn broken() -> Vec<Vec<u8>> {
    let texts: &[&[u8]] = &[
        // Sizes.
        b"\r",
        b"\n",
        b" ",
        b"\0",
        b"x",
        b"g",
        b"-",
        b"+",
        b";",
        b"0x",
        b"0X",
        b"1_",
        b"1.",
        b"1 ",
        b"1\t",
        b"1,",
        b"1h",
        b"\xd9",
        b"1\n",
        b"1\r\r",
        b"1\ra",
        b"1\r0",
        b"00000000000000000",
        b"fffffffffffffffff",
        // Extensions.
        b"1;\n",
        b"1;a\n",
        b"1;a\0",
        b"1;a\x7f",
        b"1;a\x0b",
        b"1;a\r\r",
        b"1;a\rb",
        // The ends of chunks.
        b"1\r\nab",
        b"1\r\na\n",
        b"1\r\na0",
        b"1\r\na\r\r",
        b"1\r\na\r0",
        b"1\r\na\r\n\r",
        b"1\r\na\r\n\n",
        b"1\r\na\r\nx",
        // Trailers.
        b"0\r\n\n",
        b"0\r\n\r\r",
        b"0\r\n\rx",
        b"0\r\n ",
        b"0\r\n\t",
        b"0\r\n\0",
        b"0\r\nx: y\n",
        b"0\r\nx: y\0",
        b"0\r\nx: y\x7f",
        b"0\r\nx: y\r\r",
        b"0\r\nx: y\rz",
        b"0\r\nx: y\r\n ",
        b"0\r\nx: y\r\n\n",
    ];
    let mut all: Vec<Vec<u8>> = texts.iter().map(|text| text.to_vec()).collect();
    all.push(format!("1;{}", "e".repeat(1_025)).into_bytes());
    all.push(format!("1;{}\r\na\r\n1;{}", "e".repeat(1_024), "e").into_bytes());
    all.push(format!("0\r\nx:{}", "v".repeat(16_383)).into_bytes());
    all.push(format!("0\r\n{}x", "x:\r\n".repeat(8_192)).into_bytes());
    all
}

/// Follows `pieces` until the body is over; how many bytes it took.
fn follow<'b>(
    scan: &mut BodyScan,
    counts: &mut MessageBytes,
    pieces: impl IntoIterator<Item = &'b [u8]>,
) -> Result<usize, Broken> {
    let mut taken = 0;
    for piece in pieces {
        let followed = scan.follow(piece, counts)?;
        taken += followed.taken;
        assert_eq!(followed.ended, scan.is_over());
        if followed.ended {
            break;
        }
        assert_eq!(followed.taken, piece.len(), "nothing is left before the end");
    }
    Ok(taken)
}

fn shown(bytes: &[u8]) -> String {
    bytes[..bytes.len().min(200)].escape_ascii().to_string()
}

#[test]
fn a_body_ends_where_it_should_and_its_bytes_are_told_apart() {
    for Row { body, bytes, counts } in taken() {
        for rest in [&b""[..], b"\r\n", b"0\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n"] {
            let all = [bytes.as_slice(), rest].concat();
            let (mut scan, mut counted) = (BodyScan::new(body), MessageBytes::default());
            assert_eq!(follow(&mut scan, &mut counted, [all.as_slice()]), Ok(bytes.len()), "{}", shown(&all));
            assert!(scan.is_over(), "{}", shown(&all));
            assert_eq!(counted, counts, "{}", shown(&all));
        }
    }
}

#[test]
fn it_makes_no_difference_where_a_body_is_cut() {
    for Row { body, bytes, counts } in taken() {
        let all = [bytes.as_slice(), b"next"].concat();
        let cuts = (1..bytes.len()).take(200).map(|cut| vec![&all[..cut], &all[cut..]]);
        for pieces in cuts.chain([all.chunks(1).collect(), all.chunks(3).collect()]) {
            let (mut scan, mut counted) = (BodyScan::new(body), MessageBytes::default());
            assert_eq!(follow(&mut scan, &mut counted, pieces), Ok(bytes.len()), "{}", shown(&bytes));
            assert_eq!(counted, counts, "{}", shown(&bytes));
        }
    }
}

#[test]
fn a_body_is_over_with_its_last_byte_and_not_before() {
    for Row { body, bytes, .. } in taken() {
        assert_eq!(BodyScan::new(body).is_over(), bytes.is_empty());
        for cut in (0..bytes.len()).rev().take(200) {
            let mut scan = BodyScan::new(body);
            assert_eq!(follow(&mut scan, &mut MessageBytes::default(), [&bytes[..cut]]), Ok(cut), "{}", shown(&bytes));
            assert!(!scan.is_over(), "{} cut at {cut}", shown(&bytes));
        }
    }
}

#[test]
fn framing_that_is_not_plain_is_broken_with_the_byte_that_shows_it() {
    for bytes in broken() {
        let (last, before) = bytes.split_last().unwrap();
        for pieces in [vec![bytes.as_slice()], bytes.chunks(1).collect(), vec![before, std::slice::from_ref(last)]] {
            let mut scan = BodyScan::new(BodyKind::Chunked);
            assert_eq!(follow(&mut scan, &mut MessageBytes::default(), pieces), Err(Broken), "{}", shown(&bytes));
        }
        let mut scan = BodyScan::new(BodyKind::Chunked);
        assert_eq!(follow(&mut scan, &mut MessageBytes::default(), [before]), Ok(before.len()), "{}", shown(&bytes));
        assert!(!scan.is_over());
    }
}

#[test]
fn the_largest_sizes_are_counted_and_do_not_overflow() {
    let mut scan = BodyScan::new(BodyKind::Chunked);
    let mut counts = MessageBytes::default();
    assert_eq!(follow(&mut scan, &mut counts, [b"ffffffffffffffff\r\nabc".as_slice()]), Ok(21));
    assert_eq!((counts.body, counts.framing, scan.is_over()), (3, 18, false));
    let mut scan = BodyScan::new(BodyKind::Length(u64::MAX));
    assert_eq!(follow(&mut scan, &mut counts, [b"abc".as_slice()]), Ok(3));
    assert!(!scan.is_over());
}

#[test]
fn a_plain_body_may_hold_any_byte() {
    let bytes: Vec<u8> = (0..=255).collect();
    for pieces in [bytes.chunks(256), bytes.chunks(1)] {
        let (mut scan, mut counts) = (BodyScan::new(BodyKind::Length(256)), MessageBytes::default());
        assert_eq!(follow(&mut scan, &mut counts, pieces), Ok(256));
        assert_eq!((counts, scan.is_over()), (MessageBytes { body: 256, ..MessageBytes::default() }, true));
    }
}
