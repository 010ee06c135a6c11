//! Answers with its revision, many times over and in a header, so that an answer of two revisions, or of half a one, is seen.
//!
//! What it does stands in three texts among its data. Who patches the digits of one
//! in the built component has another component, just as valid: another revision,
//! one that fails a share of its requests, or one that cannot be instantiated.

use behaviours_p2::answer::header;
use behaviours_p2::wasip2::random::random::get_random_u64;
use behaviours_p2::{Reply, Request, serve};
use std::hint::black_box;

/// The number of the revision.
static REVISION: [u8; 26] = *b"HOSTEL-BEND-REVISION:00000";
/// How many percent of its requests it answers with 500.
static FAILS: [u8; 20] = *b"HOSTEL-BEND-FAILS:00";
/// What it does when it is instantiated: 1 traps, 2 loops, anything else nothing.
static START: [u8; 19] = *b"HOSTEL-BEND-START:0";

/// Digits at the end of `REVISION`.
const REVISION_DIGITS: usize = 5;
const FAILS_DIGITS: usize = 2;
const START_DIGITS: usize = 1;

/// By this name the host's instantiation calls it, before there is any request.
#[unsafe(export_name = "_initialize")]
extern "C" fn start() {
    match number(&START, START_DIGITS) {
        1 => core::arch::wasm32::unreachable(),
        2 => loop {
            black_box(());
        },
        _ => {}
    }
}

serve!(handle);

fn handle(_request: Request, reply: Reply) {
    let revision = number(&REVISION, REVISION_DIGITS);
    let fails = get_random_u64() % 100 < number(&FAILS, FAILS_DIGITS);
    let (status, line) =
        if fails { (500, format!("revision {revision} fails\n")) } else { (200, format!("revision {revision}\n")) };
    // The length depends on the revision too.
    let body = line.repeat(100 + usize::try_from(revision % 50).unwrap_or_default());
    let writer = reply.start(status, vec![header("x-revision", &revision.to_string())]);
    // An error is a client that has left.
    let _ = writer.write(body.as_bytes());
    writer.finish();
}

/// The number that the last `digits` bytes of `text` tell, as they are when it is asked and not when this was compiled.
fn number(text: &[u8], digits: usize) -> u64 {
    let text = black_box(text);
    let digits = text.iter().skip(text.len() - digits);
    digits.fold(0, |number, digit| number * 10 + u64::from(digit.wrapping_sub(b'0')))
}
