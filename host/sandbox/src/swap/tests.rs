//! The rule, for every answer a machine can give.

use std::fs;
use std::path::Path;

use super::{Cleaning, swap_is_active};
use crate::engine::ResetMode;

#[test]
fn slots_are_scanned_only_where_the_kernel_can_and_nothing_is_swapped() {
    for (can_scan, swaps, mode) in [
        (true, false, ResetMode::PagemapScan),
        (true, true, ResetMode::KeepResident),
        (false, false, ResetMode::KeepResident),
        (false, true, ResetMode::KeepResident),
    ] {
        assert_eq!(Cleaning::with(can_scan, swaps).mode, mode, "{can_scan} {swaps}");
    }
}

#[test]
fn a_list_with_a_line_below_its_heading_is_active_swap_and_so_is_none_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let list = folder.path().join("swaps");
    let heading = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n";
    for (text, active) in [(heading.to_owned(), false), (format!("{heading}/dev/zram0 partition 1 0 -2\n"), true)] {
        fs::write(&list, text).unwrap();
        assert_eq!(swap_is_active(&list), active);
    }
    assert!(swap_is_active(Path::new("/nowhere/swaps")));
}
