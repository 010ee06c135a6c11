//! Frames cut anywhere: what is half-sent is told from what is complete.

use super::*;

fn frame(length: u32, kind: u8, flags: u8, sent: usize) -> Vec<u8> {
    let [_, a, b, c] = length.to_be_bytes();
    let mut bytes = vec![a, b, c, kind, flags, 0, 0, 0, 1];
    bytes.extend(std::iter::repeat_n(0, sent));
    bytes
}

#[test]
fn what_is_half_sent_is_owed_however_it_is_cut() {
    const SETTINGS: u8 = 0x4;
    let rows: [(&str, Vec<u8>, bool); 9] = [
        ("nothing after the preface", vec![], false),
        ("a whole frame", frame(6, SETTINGS, 0, 6), false),
        ("half a frame", frame(6, SETTINGS, 0, 5), true),
        ("half a frame's head", frame(6, SETTINGS, 0, 0)[..8].to_vec(), true),
        ("half a body", frame(100, DATA, 0, 5), false),
        ("headers that end", frame(5, HEADERS, END_HEADERS, 5), false),
        ("headers that go on", frame(5, HEADERS, 0, 5), true),
        ("headers that went on", [frame(5, HEADERS, 0, 5), frame(1, CONTINUATION, END_HEADERS, 1)].concat(), false),
        ("a block that never ends", [frame(5, HEADERS, 0, 5), frame(1, CONTINUATION, 0, 1)].concat(), true),
    ];
    for (what, bytes, owing) in rows {
        for cut in 1..=bytes.len().max(1) {
            let mut frames = Frames::default();
            assert!(frames.is_owing(), "the preface is owed");
            frames.follow(PREFACE);
            bytes.chunks(cut).for_each(|bytes| frames.follow(bytes));
            assert_eq!(frames.is_owing(), owing, "{what}, cut by {cut}");
        }
    }
}

#[test]
fn what_is_complete_settles_even_if_more_is_begun_with_it() {
    let mut frames = Frames::default();
    frames.follow(PREFACE);
    let before = frames.settled;
    frames.follow(&[frame(6, 0x4, 0, 6), frame(6, 0x4, 0, 3)].concat());
    assert!(frames.is_owing() && frames.settled > before, "the second frame is owed since it began");
    let before = frames.settled;
    frames.follow(&[0; 2]);
    assert!(frames.is_owing() && frames.settled == before, "more of the same frame settles nothing");
}
