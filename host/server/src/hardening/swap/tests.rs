//! The three ways in which it can go, and how it is noticed.

use std::cell::Cell;
use std::fs::{self, File};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use hostel_sandbox::ResetMode;
use hostel_sandbox::swap::Cleaning;
use tokio::runtime::Builder;
use tokio::sync::watch;

use super::{Now, ROLLUP, Slots, Unclean, respond, swapped_out, wait_for_swap};
use crate::hardening::refuse_pagemap_scans;
use crate::platform::real_platform;

const HEADING: &str = "Filename\tType\tSize\tUsed\tPriority\n";

#[test]
fn slots_are_used_on_only_if_scans_are_refused_and_nothing_is_swapped_out() {
    let cases = [
        (true, Some(0), Now::Refused),
        (true, Some(4_096), Now::Unclean),
        (true, None, Now::Unclean),
        (false, Some(0), Now::Unclean),
        (false, None, Now::Unclean),
    ];
    for (refuses, bytes, expected) in cases {
        let refuse = || if refuses { Ok(()) } else { Err("no such filter".to_owned()) };
        let ended = Cell::new(false);
        assert_eq!(respond(refuse, || bytes, || ended.set(true)), expected, "{bytes:?}");
        assert_eq!(ended.get(), expected == Now::Unclean, "{bytes:?}");
    }
}

#[test]
fn what_is_swapped_out_is_counted_after_scans_are_refused_and_not_before() {
    let refused = Cell::new(false);
    let refuse = || {
        refused.set(true);
        Ok(())
    };
    let count = || {
        assert!(refused.get(), "a slot could be reset by a scan after it was counted");
        Some(0)
    };
    assert_eq!(respond(refuse, count, || ()), Now::Refused);
}

#[test]
fn an_entry_in_the_list_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let list = folder.path().join("swaps");
    fs::write(&list, HEADING).unwrap();
    let (found, told) = mpsc::channel();
    let runtime = Builder::new_current_thread().build().unwrap();
    let platform = real_platform(runtime.handle().clone());
    let mut watched = File::open(&list).unwrap();
    let body = move || found.send(wait_for_swap(Some(&mut watched), &AtomicBool::new(false))).unwrap();
    platform.spawn.thread("watch", Box::new(body)).unwrap();
    assert!(told.recv_timeout(Duration::from_millis(50)).is_err(), "a heading alone is no swap");
    fs::write(&list, format!("{HEADING}/swapfile file 1048572 0 -2\n")).unwrap();
    assert!(told.recv_timeout(Duration::from_secs(30)).unwrap());
}

#[test]
fn a_list_that_cannot_be_read_counts_as_swap_and_a_watch_that_is_stopped_finds_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let list = folder.path().join("swaps");
    fs::write(&list, HEADING).unwrap();
    let stop = AtomicBool::new(true);
    assert!(!wait_for_swap(Some(&mut File::open(&list).unwrap()), &stop));
    stop.store(false, Ordering::Relaxed);
    assert!(wait_for_swap(None, &stop));
    // A folder can be opened and not read.
    assert!(wait_for_swap(Some(&mut File::open(folder.path()).unwrap()), &stop));
}

#[test]
fn bytes_that_are_swapped_out_are_read_from_the_sum_of_all_pages() {
    let folder = tempfile::tempdir().unwrap();
    let rollup = folder.path().join("rollup");
    for (text, bytes) in [
        ("Rss: 8 kB\nSwap:                 12 kB\nSwapPss:              3 kB\n", Some(12 * 1_024)),
        ("Swap: 0 kB\n", Some(0)),
        ("SwapPss: 3 kB\n", None),
        ("Swap: much\n", None),
    ] {
        fs::write(&rollup, text).unwrap();
        assert_eq!(swapped_out(&mut File::open(&rollup).unwrap()), bytes, "{text}");
    }
    // Of this process: the kernel has such a file wherever it can scan.
    if let Ok(mut rollup) = File::open(ROLLUP) {
        assert!(swapped_out(&mut rollup).is_some());
        assert!(swapped_out(&mut rollup).is_some(), "it can be read again");
    }
}

/// The kernel itself is asked before and after. Where it cannot scan at all there is nothing to refuse.
#[test]
fn scans_that_are_refused_fail_on_threads_that_ran_before() {
    let inner = "hardening::swap::tests::refuse_and_ask_on_an_older_thread";
    let tests = std::env::current_exe().unwrap();
    let output = Command::new(tests).args([inner, "--exact", "--ignored", "--nocapture"]).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{text}{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
#[ignore = "a process that refuses itself something does so for ever: it is run by the test above, alone"]
fn refuse_and_ask_on_an_older_thread() {
    let (ask, asked) = mpsc::channel::<()>();
    let (answer, answered) = mpsc::channel();
    let runtime = Builder::new_current_thread().build().unwrap();
    let platform = real_platform(runtime.handle().clone());
    let body = move || asked.iter().for_each(|()| answer.send(Cleaning::of_machine().mode).unwrap());
    platform.spawn.thread("older", Box::new(body)).unwrap();
    let older = || {
        ask.send(()).unwrap();
        answered.recv().unwrap()
    };
    assert_eq!(older(), Cleaning::of_machine().mode);
    refuse_pagemap_scans().unwrap();
    assert_eq!((older(), Cleaning::of_machine().mode), (ResetMode::KeepResident, ResetMode::KeepResident));
}

#[test]
fn what_is_told_of_the_slots_follows_what_became_of_them() {
    let start = Cleaning { mode: ResetMode::PagemapScan, reason: "nothing can be swapped out" };
    let slots = Slots::new(start);
    assert_eq!(slots.cleaning(), start);
    for (now, word) in [(Now::Refused, "while the host ran"), (Now::Unclean, "restart the host")] {
        slots.set(now);
        assert_eq!(slots.cleaning().mode, ResetMode::KeepResident);
        assert!(slots.cleaning().reason.contains(word), "{}", slots.cleaning().reason);
    }
}

#[test]
fn a_host_ends_when_its_slots_are_unclean_and_not_when_the_watch_does() {
    let runtime = Builder::new_current_thread().build().unwrap();
    let (told, waiting) = watch::channel(false);
    let ended = Arc::new(AtomicBool::new(false));
    let noted = Arc::clone(&ended);
    let local = tokio::task::LocalSet::new();
    local.block_on(&runtime, async move {
        let mut waits = Unclean(waiting.clone());
        let over = tokio::task::spawn_local(async move { waits.wait().await });
        tokio::task::yield_now().await;
        assert!(!over.is_finished());
        told.send_replace(true);
        over.await.unwrap();
        noted.store(true, Ordering::Relaxed);
        let (gone, waiting) = watch::channel(false);
        drop(gone);
        let mut waits = Unclean(waiting);
        let never = tokio::task::spawn_local(async move { waits.wait().await });
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
        assert!(!never.is_finished());
    });
    assert!(ended.load(Ordering::Relaxed));
}
