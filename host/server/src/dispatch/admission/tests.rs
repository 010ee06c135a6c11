//! Permits are given out in turn, by groups, and none is ever lost.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::SystemTime;

use hostel_model::platform::{BoxTask, Monotonic};

use super::*;

/// A clock by which nobody's patience ends, or everybody's has.
struct Still {
    patience_ends: bool,
}

impl Clock for Still {
    fn now(&self) -> Monotonic {
        Monotonic::default()
    }

    fn wall(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH
    }

    fn sleep_until(&self, _at: Monotonic) -> BoxTask {
        if self.patience_ends { Box::pin(std::future::ready(())) } else { Box::pin(std::future::pending()) }
    }

    fn pause_thread(&self, _time: Duration) {}
}

const PATIENT: Still = Still { patience_ends: false };
const IMPATIENT: Still = Still { patience_ends: true };

type Asking<'a> = Pin<Box<dyn Future<Output = Option<Permit>> + 'a>>;

fn ask<'a>(permits: &'a Permits, queue: &'a Queue, group: u32) -> Asking<'a> {
    let mut asking: Asking<'a> = Box::pin(permits.for_request(queue, Group(group), Duration::ZERO, &PATIENT));
    assert!(poll(&mut asking).is_pending());
    asking
}

fn poll<T>(future: &mut Pin<Box<dyn Future<Output = T> + '_>>) -> Poll<T> {
    future.as_mut().poll(&mut Context::from_waker(Waker::noop()))
}

/// Which of those who wait have been served, in the order in which that happens as one permit goes round.
fn order(mut waiting: Vec<(&'static str, Asking<'_>)>, first: Permit) -> Vec<&'static str> {
    let (mut served, mut held) = (Vec::new(), Some(first));
    while !waiting.is_empty() {
        drop(held.take());
        let ready = waiting.iter_mut().enumerate().find_map(|(place, (_, asking))| match poll(asking) {
            Poll::Ready(permit) => Some((place, permit.expect("it has a permit"))),
            Poll::Pending => None,
        });
        let (place, permit) = ready.expect("somebody is served");
        served.push(waiting.remove(place).0);
        held = Some(permit);
    }
    served
}

#[test]
fn a_quarter_is_kept_for_calls() {
    for (count, for_requests) in [(1, 1), (2, 1), (4, 3), (7, 6), (64, 48)] {
        let permits = Permits::new(count);
        let requests: Vec<_> = std::iter::from_fn(|| permits.request_now()).collect();
        let calls: Vec<_> = std::iter::from_fn(|| permits.for_call()).collect();
        assert_eq!((requests.len(), calls.len()), (for_requests, count as usize - for_requests), "{count}");
        assert_eq!(permits.used(), count);
        drop((requests, calls));
        assert_eq!(permits.used(), 0);
    }
}

#[test]
fn calls_may_take_what_requests_leave() {
    let permits = Permits::new(4);
    let calls: Vec<_> = std::iter::from_fn(|| permits.for_call()).collect();
    assert_eq!(calls.len(), 4);
    assert!(permits.request_now().is_none());
    drop(calls);
    assert!(permits.request_now().is_some());
}

#[test]
fn within_a_group_who_came_first_is_served_first() {
    let (permits, queue) = (Permits::new(1), Queue::new(10));
    let first = permits.request_now().unwrap();
    let waiting = ["a", "b", "c"].map(|name| (name, ask(&permits, &queue, 0)));
    assert!(permits.request_now().is_none());
    assert_eq!(order(waiting.into(), first), ["a", "b", "c"]);
}

#[test]
fn groups_take_turns_however_many_of_each_wait() {
    let (permits, queue) = (Permits::new(1), Queue::new(100));
    let first = permits.request_now().unwrap();
    let of = |name, group| (name, ask(&permits, &queue, group));
    let mut waiting: Vec<_> = (0..5).map(|_| of("many", 1)).collect();
    waiting.extend([of("own", 0), of("few", 2), of("own", 0), of("few", 2), of("late", 3)]);
    let served = order(waiting, first);
    assert_eq!(served, ["many", "own", "few", "late", "many", "own", "few", "many", "many", "many"]);
}

#[test]
fn whoever_leaves_is_not_waited_for_and_loses_nothing() {
    let (permits, queue) = (Permits::new(1), Queue::new(2));
    let first = permits.request_now().unwrap();
    let (one, mut two) = (ask(&permits, &queue, 1), ask(&permits, &queue, 2));
    let mut no_room: Asking<'_> = Box::pin(permits.for_request(&queue, Group(1), Duration::ZERO, &PATIENT));
    assert!(matches!(poll(&mut no_room), Poll::Ready(None)), "the queue is full");
    drop(no_room);
    drop(one);
    drop(first);
    let Poll::Ready(Some(second)) = poll(&mut two) else { panic!("it is its turn") };
    // Given to one that leaves before it looks, it comes back.
    let third = ask(&permits, &queue, 1);
    drop(second);
    assert_eq!(permits.used(), 1);
    drop(third);
    assert_eq!(permits.used(), 0);
    let held = permits.request_now().unwrap();
    let mut hurried: Asking<'_> = Box::pin(permits.for_request(&queue, Group(1), Duration::ZERO, &IMPATIENT));
    assert!(matches!(poll(&mut hurried), Poll::Ready(None)));
    drop(hurried);
    drop(held);
    assert_eq!((permits.0.waiting.load(Ordering::SeqCst), permits.0.line().requests.is_empty()), (0, true));
}

#[test]
fn a_set_that_shrinks_keeps_counting_what_is_out() {
    let (permits, queue) = (Permits::new(8), Queue::new(10));
    let mut out: Vec<_> = std::iter::from_fn(|| permits.request_now()).collect();
    assert_eq!(out.len(), 6);
    permits.resize(4);
    assert!(permits.for_call().is_none() && permits.request_now().is_none());
    let mut waits = ask(&permits, &queue, 0);
    out.truncate(3);
    assert!(poll(&mut waits).is_pending(), "three are for requests");
    assert!(permits.for_call().is_some());
    out.truncate(2);
    let Poll::Ready(Some(third)) = poll(&mut waits) else { panic!("there is room") };
    let mut fourth = ask(&permits, &queue, 0);
    permits.resize(8);
    assert!(matches!(poll(&mut fourth), Poll::Ready(Some(_))));
    drop((out, third, fourth));
    assert_eq!(permits.used(), 0);
}

#[test]
fn it_is_told_when_all_are_back() {
    let permits = Permits::new(4);
    let (call, request) = (permits.for_call(), permits.request_now());
    let mut all: Pin<Box<dyn Future<Output = ()> + '_>> = Box::pin(permits.all_free());
    assert!(poll(&mut all).is_pending());
    drop(call);
    assert!(poll(&mut all).is_pending());
    drop(request);
    assert!(poll(&mut all).is_ready());
    assert_eq!(permits.0.waiting.load(Ordering::SeqCst), 0);
}

/// Threads that take, wait, leave and give back, as fast as they can.
#[test]
fn no_permit_is_lost_or_given_twice() {
    let permits = Permits::new(5);
    let at_once = Arc::new(AtomicU32::new(0));
    let threads: Vec<_> = (0..6_u32)
        .map(|group| {
            let (permits, at_once) = (permits.clone(), Arc::clone(&at_once));
            let work = move || {
                let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
                let queue = Queue::new(100);
                for round in 0..20_000 {
                    let clock = if round % 7 == 0 { &IMPATIENT } else { &PATIENT };
                    let asked = permits.for_request(&queue, Group(group % 3), Duration::ZERO, clock);
                    let permit = if round % 5 == 0 { permits.for_call() } else { runtime.block_on(asked) };
                    if permit.is_some() {
                        assert!(at_once.fetch_add(1, Ordering::SeqCst) < 5);
                        at_once.fetch_sub(1, Ordering::SeqCst);
                    }
                }
            };
            #[expect(clippy::disallowed_methods, reason = "threads of this test")]
            std::thread::spawn(work)
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    assert_eq!((permits.used(), permits.0.waiting.load(Ordering::SeqCst)), (0, 0));
}
