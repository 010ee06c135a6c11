//! Tests that a frozen disk reads as if it had been written.

use super::*;
use crate::testing::Disk;

/// What a disk that holds `0..10` reads as after some writes, and that it holds the same still.
fn check(act: impl Fn(&Frozen), expected: &[u8]) {
    let bytes: Vec<u8> = (0..10).collect();
    let disk = Disk::holding(bytes.clone());
    let frozen = Frozen::new(Box::new(disk.clone())).unwrap();
    act(&frozen);
    assert_eq!(frozen.len().unwrap(), expected.len() as u64);
    for start in 0..=expected.len() {
        for end in start..=expected.len() {
            let mut out = vec![99; end - start];
            frozen.read(start as u64, &mut out).unwrap();
            assert_eq!(out, expected[start..end], "{start}..{end}");
        }
    }
    let mut past = [0; 1];
    assert!(frozen.read(expected.len() as u64, &mut past).is_err());
    assert_eq!(disk.after_kill(), bytes);
}

#[test]
fn reads_show_the_writes_on_top_of_the_disk() {
    check(|_| {}, &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    check(|disk| disk.write(3, &[50, 51]).unwrap(), &[0, 1, 2, 50, 51, 5, 6, 7, 8, 9]);
    check(
        |disk| {
            disk.write(0, &[50; 4]).unwrap();
            disk.write(2, &[60; 4]).unwrap();
        },
        &[50, 50, 60, 60, 60, 60, 6, 7, 8, 9],
    );
}

#[test]
fn what_was_cut_off_comes_back_as_zeros() {
    check(
        |disk| {
            disk.write(3, &[50; 4]).unwrap();
            disk.set_len(5).unwrap();
            disk.set_len(8).unwrap();
        },
        &[0, 1, 2, 50, 50, 0, 0, 0],
    );
    check(
        |disk| {
            disk.set_len(12).unwrap();
            disk.write(9, &[50; 2]).unwrap();
        },
        &[0, 1, 2, 3, 4, 5, 6, 7, 8, 50, 50, 0],
    );
}

#[test]
fn memory_for_writes_has_an_end() {
    let frozen = Frozen::new(Box::new(Disk::holding(vec![0; 10]))).unwrap();
    let piece = vec![1; KEPT_BYTES_MAX];
    frozen.write(0, &piece).unwrap();
    assert!(frozen.write(0, &[1]).is_err());
}
