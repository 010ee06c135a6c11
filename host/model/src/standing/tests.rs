//! Every change of a standing, and those that cannot be.

use super::*;

fn revision(number: u64) -> RevisionId {
    let number = std::num::NonZeroU64::new(number).expect("it must be possible");
    RevisionId { number: number.into(), digest: Digest::of(&number.get().to_le_bytes()) }
}

fn share(percent: u8) -> Option<Weight> {
    Weight::of(percent)
}

fn live(number: u64) -> Standing {
    Standing::default().deployed(revision(number), None).expect("it must be possible")
}

#[test]
fn a_revision_serves_and_the_one_before_is_remembered() {
    let standing = live(1).deployed(revision(2), None).expect("it must be possible");
    assert_eq!((standing.live, standing.previous), (Some(revision(2)), Some(revision(1))));
    assert_eq!(standing.newest, Some(revision(2).number));
    // The same again is no step.
    assert_eq!(standing.deployed(revision(2), None).expect("it must be possible"), standing);
}

#[test]
fn a_share_needs_something_to_share_with() {
    let first = Standing::default().deployed(revision(1), share(10)).expect("it must be possible");
    assert_eq!((first.live, first.candidate), (Some(revision(1)), None));
    let second = first.deployed(revision(2), share(10)).expect("it must be possible");
    let candidate = Candidate { revision: revision(2), weight: share(10).expect("it must be possible") };
    assert_eq!((second.live, second.candidate), (Some(revision(1)), Some(candidate)));
    assert_eq!(second.deployed(revision(1), share(10)), Err(Unchangeable::LiveAlready));
}

#[test]
fn the_way_back_gives_up_a_candidate_first() {
    let sharing = live(1)
        .deployed(revision(2), None)
        .expect("it must be possible")
        .deployed(revision(3), share(50))
        .expect("it must be possible");
    let (back, given_up) = sharing.rolled_back(None).expect("it must be possible");
    assert_eq!((back.live, back.candidate, given_up), (Some(revision(2)), None, revision(3)));
    let (back, given_up) = back.rolled_back(None).expect("it must be possible");
    assert_eq!((back.live, back.previous, given_up), (Some(revision(1)), Some(revision(2)), revision(2)));
    // Like others do: once more leads forward again.
    assert_eq!(back.rolled_back(None).expect("it must be possible").0.live, Some(revision(2)));
    assert_eq!(sharing.rolled_back(Some(revision(1))).expect("it must be possible").0.live, Some(revision(1)));
    assert_eq!(live(1).rolled_back(None), Err(Unchangeable::NoPrevious));
    assert_eq!(Standing::default().rolled_back(None), Err(Unchangeable::Absent));
}

#[test]
fn a_candidate_is_promoted() {
    let (standing, promoted) =
        live(1).deployed(revision(2), share(10)).expect("it must be possible").promoted().expect("it must be possible");
    assert_eq!((standing.live, standing.candidate, standing.previous), (Some(revision(2)), None, Some(revision(1))));
    assert_eq!(promoted, revision(2));
    assert_eq!(live(1).promoted(), Err(Unchangeable::NoCandidate));
}

#[test]
fn what_is_taken_away_can_come_back_and_counts_on() {
    let (gone, last) = live(1).removed().expect("it must be possible");
    assert_eq!((gone.live, gone.newest, last), (None, Some(revision(1).number), revision(1)));
    assert_eq!(gone.removed(), Err(Unchangeable::Absent));
    assert_eq!(gone.deployed(revision(2), None).expect("it must be possible").live, Some(revision(2)));
}

#[test]
fn a_service_is_switched_off_and_on() {
    let (off, _) = live(1).switched(true).expect("it must be possible");
    assert!(off.disabled);
    assert!(!off.switched(false).expect("it must be possible").0.disabled);
    assert_eq!(Standing::default().switched(true), Err(Unchangeable::Absent));
}

#[test]
fn what_waits_changes_nothing_until_it_is_approved() {
    let asks = Asks(BTreeSet::from(["calls orders".to_owned()]));
    let waiting = live(1).waiting(revision(2), None);
    assert_eq!((waiting.live, waiting.newest), (Some(revision(1)), Some(revision(2).number)));
    let (approved, which) = waiting.approved(&asks).expect("it must be possible");
    assert_eq!((approved.live, approved.pending, which), (Some(revision(2)), None, revision(2)));
    assert_eq!(approved.approved, asks);
    assert_eq!(live(1).approved(&asks), Err(Unchangeable::NothingPending));
}

#[test]
fn a_pinned_service_follows_its_folder_again_once_the_file_changes() {
    let (one, two) = (Some(Digest::of(b"1")), Some(Digest::of(b"2")));
    assert!(live(1).follows(one) && live(1).follows(None));
    let pinned = live(1).pinned(one);
    assert!(!pinned.follows(one) && pinned.follows(two) && !pinned.follows(None));
    assert!(live(1).pinned(None).follows(one));
}

#[test]
fn a_difference_has_two_sides() {
    let asks = |lines: &[&str]| Asks(lines.iter().map(|line| (*line).to_owned()).collect());
    let difference = asks(&["a", "b"]).difference(&asks(&["b", "c"]));
    assert_eq!(difference.gained, asks(&["c"]).0);
    assert_eq!(difference.lost, asks(&["a"]).0);
    assert!(asks(&["a"]).difference(&asks(&["a"])).is_empty());
}

#[test]
fn a_weight_is_a_share_and_not_all_or_nothing() {
    assert!([0, 100, 255].iter().all(|percent| Weight::of(*percent).is_none()));
    let weight = Weight::of(10).expect("it must be possible");
    assert_eq!((0..1_000).filter(|lot| weight.takes(*lot)).count(), 100);
}
