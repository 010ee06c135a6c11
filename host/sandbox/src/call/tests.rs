//! Deadlines of a call tree on a clock that the test moves.

use std::sync::atomic::AtomicU64;
use std::time::SystemTime;

use hostel_model::platform::BoxTask;

use super::*;

#[derive(Default)]
struct Hand(AtomicU64);

impl Clock for Hand {
    fn now(&self) -> Monotonic {
        Monotonic(Duration::from_millis(self.0.load(Ordering::Relaxed)))
    }
    fn wall(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH
    }
    fn pause_thread(&self, _time: Duration) {}
    fn sleep_until(&self, _at: Monotonic) -> BoxTask {
        Box::pin(std::future::pending())
    }
}

fn tree() -> (Arc<Hand>, CallTree) {
    let hand = Arc::new(Hand::default());
    let tree = CallTree::new("id".into(), Arc::clone(&hand) as Arc<dyn Clock>, ms(1_000));
    (hand, tree)
}

fn ms(count: u64) -> Duration {
    Duration::from_millis(count)
}

#[test]
fn a_callee_never_has_more_time_than_its_caller() {
    let (hand, tree) = tree();
    let root = Deadline::new(&tree, ms(100), None);
    hand.0.store(60, Ordering::Relaxed);
    assert_eq!(Deadline::new(&tree, ms(1_000), Some(&root)).remaining(&tree), ms(40));
    assert_eq!(Deadline::new(&tree, ms(10), Some(&root)).remaining(&tree), ms(10));
}

#[test]
fn waiting_for_the_client_counts_against_no_deadline() {
    let (hand, tree) = tree();
    let root = Deadline::new(&tree, ms(100), None);
    hand.0.store(50, Ordering::Relaxed);
    tree.wait_begins();
    hand.0.store(550, Ordering::Relaxed);
    assert_eq!(root.remaining(&tree), ms(50));
    // Overlapping waits count once.
    tree.wait_begins();
    hand.0.store(650, Ordering::Relaxed);
    tree.wait_ends();
    tree.wait_ends();
    assert_eq!(root.remaining(&tree), ms(50));
    hand.0.store(701, Ordering::Relaxed);
    assert_eq!(root.remaining(&tree), Duration::ZERO);
}

#[test]
fn one_wait_for_the_client_counts_only_so_long() {
    let (hand, tree) = tree();
    let root = Deadline::new(&tree, ms(100), None);
    tree.wait_begins();
    hand.0.store(1_099, Ordering::Relaxed);
    assert_eq!(root.remaining(&tree), ms(1));
    hand.0.store(1_100, Ordering::Relaxed);
    assert_eq!(root.remaining(&tree), Duration::ZERO);
    tree.wait_ends();
    assert_eq!(root.remaining(&tree), Duration::ZERO);
}

#[test]
fn a_refused_depth_turns_a_failure_of_the_root_into_a_loop() {
    let (_, tree) = tree();
    assert_eq!(tree.root_failure(Failure::Trap), Failure::Trap);
    assert!(tree.count_call(1));
    assert!(!tree.count_call(1));
    assert_eq!(tree.root_failure(Failure::Trap), Failure::FanOut);
    tree.refuse_depth();
    assert_eq!(tree.root_failure(Failure::Trap), Failure::Loop);
    assert_eq!(tree.root_failure(Failure::PoolExhausted), Failure::PoolExhausted);
}

#[test]
fn the_log_tells_of_the_first_refusals_below_a_root_request_and_of_no_more() {
    let (_, tree) = tree();
    let told = (0..10_000).filter(|_| tree.tells_refusal()).count();
    assert_eq!(told, REFUSALS_TOLD as usize);
}
