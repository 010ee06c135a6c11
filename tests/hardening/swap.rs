//! Slots stay clean when the host stops scanning page maps while it runs.

use std::process::Command;
use std::time::Duration;

use hostel::hardening::refuse_pagemap_scans;
use hostel_sandbox::ResetMode;
use hostel_sandbox::swap::Cleaning;

use crate::harness::{Harness, Running, guest};

/// Two guests that look for what was there before, and leave a mark themselves.
fn host() -> Running {
    let patient = |limits: &mut hostel_model::limits::Limits| limits.cpu = Duration::from_secs(5);
    // Few slots, so that each is used many times.
    let host = Harness::new().instances(2);
    let host = host.serves("p2", guest::SCANS_MEMORY_P2).limits(patient);
    host.serves("p3", guest::SCANS_MEMORY_P3).limits(patient).start()
}

fn scan(host: &Running) {
    for _ in 0..6 {
        for service in ["p2", "p3"] {
            // Less than is kept resident, and more.
            for mib in [0, 8] {
                let answer = host.get(&format!("/{service}?mib={mib}&marker=who-was-here-before")).json();
                assert_eq!(answer["hits"], 0, "{service}: {answer}");
            }
        }
    }
}

/// What the host does when swap is switched on, short of that: nobody switches swap on in a test.
#[test]
fn slots_that_were_scanned_are_clean_when_scans_are_refused() {
    let inner = "hardening::swap::refuse_scans_and_look";
    let tests = std::env::current_exe().unwrap();
    let output = Command::new(tests).args([inner, "--exact", "--ignored", "--nocapture"]).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{text}{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
#[ignore = "a process that refuses itself something does so for ever: it is run by the test above, alone"]
fn refuse_scans_and_look() {
    let before = Cleaning::of_machine();
    if before.mode != ResetMode::PagemapScan {
        eprintln!("slots are not scanned here: {}", before.reason);
    }
    let host = host();
    scan(&host);
    refuse_pagemap_scans().unwrap();
    assert_eq!(Cleaning::of_machine().mode, ResetMode::KeepResident);
    scan(&host);
}
