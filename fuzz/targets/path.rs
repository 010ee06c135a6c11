//! The canonical path, the query and the authority against a plain reading of the rules: the same is taken, the same
//! comes out, what comes out stays as it is, and nothing climbs.
//!
//! The input is text. Its first byte chooses the rules, the rest is what a client wrote.
#![no_main]

use std::net::Ipv6Addr;

use hostel_model::route::HostPattern;
use hostel_model::target::{
    DotSegments, EncodedSlash, PathRules, Slashes, canonical_authority, canonical_path, check_query,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let mut rest = text.chars();
    let chosen = rest.next().map_or(0, u32::from);
    let (rules, text) = (rules(chosen), rest.as_str());
    path(text, rules);
    assert_eq!(check_query(text).is_ok(), plain_query(text), "query {text:?}");
    authority(text);
});

fn rules(chosen: u32) -> PathRules {
    PathRules {
        encoded_slash: [EncodedSlash::Reject, EncodedSlash::Opaque][(chosen % 2) as usize],
        dot_segments: [DotSegments::Reject, DotSegments::Resolve][(chosen / 2 % 2) as usize],
        slashes: [Slashes::Merge, Slashes::Keep, Slashes::Reject][(chosen / 4 % 3) as usize],
    }
}

fn path(text: &str, rules: PathRules) {
    let found = canonical_path(text, rules).ok();
    let plain = plain_path(text, rules);
    let context = format!("{text:?} by {rules:?}");
    assert_eq!(found.as_ref().map(|path| path.text.as_ref()), plain.as_deref(), "{context}");
    let Some(found) = found else {
        return;
    };
    let again = canonical_path(&found.text, rules).expect("what is canonical must be taken");
    assert!(again.text == found.text && !again.resolved, "{context}: not left as it is");
    expect_no_climbing(&found.text, &context);
}

/// Whatever a service decodes, and whichever slash it goes by.
fn expect_no_climbing(path: &str, context: &str) {
    let text = String::from_utf8(decoded(path.as_bytes())).unwrap_or_else(|_| panic!("{context}: not UTF-8"));
    assert!(!text.chars().any(|c| c.is_ascii_control()), "{context}: a control character");
    let climbs = text.split(['/', '\\']).any(|part| matches!(part.split(';').next(), Some("." | "..")));
    assert!(!climbs, "{context}: climbs");
}

fn decoded(bytes: &[u8]) -> Vec<u8> {
    let hex = |place: usize| bytes.get(place).and_then(|byte| char::from(*byte).to_digit(16));
    let (mut out, mut place) = (Vec::new(), 0);
    while let Some(byte) = bytes.get(place) {
        match (byte, hex(place + 1), hex(place + 2)) {
            (b'%', Some(high), Some(low)) => {
                out.push((high * 16 + low) as u8);
                place += 3;
            }
            _ => {
                out.push(*byte);
                place += 1;
            }
        }
    }
    out
}

/// A piece of a path.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Piece {
    Plain(u8),
    Escaped(u8),
}

fn unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

fn plain_byte(byte: u8) -> bool {
    unreserved(byte) || b"!$&'()*+,;=:@".contains(&byte)
}

/// All pieces of a text in which `also` may stand unescaped too. None if it is no such text.
fn pieces(text: &str, also: &[u8]) -> Option<Vec<Piece>> {
    let bytes = text.as_bytes();
    let (mut pieces, mut place) = (Vec::new(), 0);
    while place < bytes.len() {
        match bytes[place] {
            b'%' => {
                let digits = text.get(place + 1..place + 3)?;
                let is_hex = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
                pieces.push(Piece::Escaped(u8::from_str_radix(digits, 16).ok().filter(|_| is_hex)?));
                place += 3;
            }
            byte if plain_byte(byte) || also.contains(&byte) => {
                pieces.push(Piece::Plain(byte));
                place += 1;
            }
            _ => return None,
        }
    }
    Some(pieces)
}

fn plain_query(text: &str) -> bool {
    pieces(text, b"/?[]").is_some()
}

/// The rules once more, one after the other over all of the path.
fn plain_path(text: &str, rules: PathRules) -> Option<String> {
    let mut pieces = pieces(text, b"/").filter(|_| text.starts_with('/'))?;
    // Escapes that follow one another are whole characters.
    for run in pieces.split(|piece| matches!(piece, Piece::Plain(_))) {
        let bytes = run.iter().map(|piece| match piece {
            Piece::Plain(byte) | Piece::Escaped(byte) => *byte,
        });
        String::from_utf8(bytes.collect()).ok()?;
    }
    for piece in &mut pieces {
        match *piece {
            Piece::Escaped(byte) if byte.is_ascii_control() => return None,
            Piece::Escaped(b'/' | b'\\') if rules.encoded_slash == EncodedSlash::Reject => return None,
            Piece::Escaped(byte) if unreserved(byte) => *piece = Piece::Plain(byte),
            _ => {}
        }
    }
    let written = pieces.iter().map(|piece| match piece {
        Piece::Plain(byte) => char::from(*byte).to_string(),
        Piece::Escaped(byte) => format!("%{byte:02X}"),
    });
    plain_segments(&written.collect::<String>(), rules)
}

fn plain_segments(written: &str, rules: PathRules) -> Option<String> {
    let segments: Vec<&str> = written[1..].split('/').collect();
    let (_, before_last) = segments.split_last()?;
    let doubled = before_last.contains(&"");
    if doubled && rules.slashes == Slashes::Reject {
        return None;
    }
    // `..;x` is `..` to some.
    let name = |segment: &str| segment.replace("%3B", ";").split(';').next().unwrap_or_default().to_owned();
    let is_dots = |segment: &str| matches!(name(segment).as_str(), "." | "..");
    let hidden = |segment: &str| segment.replace("%5C", "%2F").split("%2F").any(is_dots);
    if segments.iter().any(|segment| !is_dots(segment) && hidden(segment)) {
        return None;
    }
    let dotted = segments.iter().any(|segment| is_dots(segment));
    if dotted && rules.dot_segments == DotSegments::Reject {
        return None;
    }
    let mut kept: Vec<&str> = Vec::new();
    for (place, segment) in segments.iter().enumerate() {
        let last = place + 1 == segments.len();
        match name(segment).as_str() {
            "." if last => kept.push(""),
            "." => {}
            ".." => {
                // Above the root, or out of a segment without a name.
                kept.pop().filter(|left| !left.is_empty())?;
                if last {
                    kept.push("");
                }
            }
            _ => kept.push(segment),
        }
    }
    if doubled && rules.slashes == Slashes::Merge {
        let last = kept.pop()?;
        kept.retain(|segment| !segment.is_empty());
        kept.push(last);
    }
    let path = format!("/{}", kept.join("/"));
    if dotted && path.starts_with("//") { None } else { Some(path) }
}

fn authority(text: &str) {
    let found = canonical_authority(text).ok();
    let plain = plain_authority(text);
    assert_eq!(
        found.as_ref().map(|found| (found.host.as_ref(), found.port)),
        plain.as_ref().map(|(host, port)| (host.as_str(), *port)),
        "{text:?}"
    );
    let Some(found) = found else {
        return;
    };
    let again = canonical_authority(&found.host).expect("what is canonical must be taken");
    assert!(again.host == found.host && again.port.is_none(), "{text:?}: not left as it is");
    // A route for this very host is found. Routes compare addresses by their only spelling.
    if let Ok(pattern) = HostPattern::parse(&found.host) {
        let found = pattern.matches(&found.host) && (text.starts_with('[') || pattern.matches(text));
        assert!(found, "{text:?}: its own route is not found");
    }
}

fn plain_authority(text: &str) -> Option<(String, Option<u16>)> {
    let port = |digits: &str| {
        let digits =
            Some(digits).filter(|digits| (1..=5).contains(&digits.len()) && digits.bytes().all(|d| d.is_ascii_digit()));
        digits?.parse::<u16>().ok()
    };
    if let Some(rest) = text.strip_prefix('[') {
        let (address, after) = rest.split_once(']')?;
        let address: Ipv6Addr = address.parse().ok()?;
        let port = match after {
            "" => None,
            _ => Some(port(after.strip_prefix(':')?)?),
        };
        return Some((format!("[{address}]"), port));
    }
    let (host, port) = match text.split_once(':') {
        Some((host, digits)) => (host, Some(port(digits)?)),
        None => (text, None),
    };
    let host = host.strip_suffix('.').unwrap_or(host);
    let is_label = |label: &str| {
        !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
    };
    (host.len() <= 253 && host.split('.').all(is_label)).then(|| (host.to_ascii_lowercase(), port))
}
