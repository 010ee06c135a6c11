//! A tenant's share of the processor, by a clock that stands still unless it is put forward.

use std::sync::Mutex;
use std::task::Waker;
use std::time::SystemTime;

use hostel_model::platform::BoxTask;
use hostel_model::tenant::{ServicePattern, Tenant, TenantLimits, TenantName};

use super::*;

/// Time and its sleepers: what has not come yet is pending, whoever asks when.
#[derive(Default)]
struct Hand(Arc<Mutex<Duration>>);

impl Clock for Hand {
    fn now(&self) -> Monotonic {
        Monotonic(*self.0.lock().unwrap())
    }

    fn wall(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH
    }

    fn sleep_until(&self, at: Monotonic) -> BoxTask {
        let now = Arc::clone(&self.0);
        Box::pin(std::future::poll_fn(
            move |_| {
                if *now.lock().unwrap() >= at.0 { Poll::Ready(()) } else { Poll::Pending }
            },
        ))
    }

    fn pause_thread(&self, _time: Duration) {}
}

struct Scene {
    now: Arc<Mutex<Duration>>,
    tenant: Arc<TenantShare>,
}

fn acme(percent: u8) -> Tenant {
    Tenant {
        name: TenantName::parse("acme").unwrap(),
        services: ServicePattern::parse("acme-*").unwrap(),
        hosts: Vec::new(),
        limits: TenantLimits { cpu_share: NonZeroU8::new(percent), ..TenantLimits::default() },
    }
}

impl Scene {
    /// A tenant with this share of so many threads; zero stands for none.
    fn new(percent: u8, threads: u32) -> Self {
        let hand = Hand(Arc::new(Mutex::new(Duration::from_secs(1_000))));
        let now = Arc::clone(&hand.0);
        let clock: Arc<dyn Clock> = Arc::new(hand);
        Self { now, tenant: Arc::new(TenantShare::new(&acme(percent), threads, &clock)) }
    }

    fn advance(&self, millis: u64) {
        *self.now.lock().unwrap() += Duration::from_millis(millis);
    }

    fn charge(&self, millis: u64) {
        self.tenant.cpu.charge(millis * 1_000_000);
    }

    fn turn(&self) -> CpuTurn {
        CpuTurn::new(&self.tenant)
    }
}

fn may_work(turn: &mut CpuTurn) -> bool {
    turn.poll(&mut Context::from_waker(Waker::noop())).is_ready()
}

#[test]
fn a_tenant_without_a_share_never_waits() {
    let scene = Scene::new(0, 2);
    let mut turn = scene.turn();
    for _ in 0..100 {
        scene.charge(10_000);
        assert!(may_work(&mut turn));
    }
}

#[test]
fn what_is_used_beyond_the_share_is_waited_for() {
    // 20 % of two threads are 40 ms in every 100 ms.
    let scene = Scene::new(20, 2);
    let mut turn = scene.turn();
    scene.charge(39);
    assert!(may_work(&mut turn));
    scene.charge(5);
    // 44 ms are paid for after 110 ms: 10 ms too far ahead.
    assert!(!may_work(&mut turn));
    scene.advance(9);
    assert!(!may_work(&mut turn));
    scene.advance(1);
    assert!(may_work(&mut turn));
    assert_eq!(scene.tenant.cpu.waiting.load(Ordering::Relaxed), 0);
    // A long poll is paid for in full, and idle time is not saved up.
    scene.charge(400);
    scene.advance(999);
    assert!(!may_work(&mut turn));
    scene.advance(60_000);
    assert!(may_work(&mut turn));
    scene.charge(41);
    assert!(!may_work(&mut turn));
}

/// As many as like to spin: each works for a tick whenever it may, two at a time.
#[test]
fn over_a_second_a_tenant_has_its_share_and_no_more() {
    for (percent, guests) in [(20, 1), (20, 7), (50, 40), (1, 3), (100, 5)] {
        let scene = Scene::new(percent, 2);
        let mut turns: Vec<CpuTurn> = (0..guests).map(|_| scene.turn()).collect();
        let mut used = 0;
        for _round in 0..2_000 {
            let mut at_work = 0;
            for turn in &mut turns {
                if at_work < 2 && may_work(turn) {
                    at_work += 1;
                }
            }
            scene.advance(5);
            scene.charge(5 * at_work);
            used += 5 * at_work;
        }
        // Of ten seconds on two threads, where one guest can use no more than one of them.
        let share = (20_000 * u64::from(percent) / 100).min(10_000 * guests.min(2));
        assert!(
            (share * 90 / 100..=share * 102 / 100 + 60).contains(&used),
            "{percent} % of {guests}: {used} of {share}"
        );
    }
}

#[test]
fn each_of_many_guests_has_its_turn() {
    let scene = Scene::new(10, 1);
    let mut turns: Vec<(CpuTurn, u32)> = (0..10).map(|_| (scene.turn(), 0)).collect();
    scene.charge(50);
    for _millisecond in 0..10_000 {
        // Those at the end are asked first: only the order in which they came speaks for the others.
        for (turn, worked) in turns.iter_mut().rev() {
            if may_work(turn) {
                scene.charge(5);
                *worked += 1;
            }
        }
        scene.advance(1);
    }
    // A second of work in ticks of 5 ms, for ten.
    let worked: Vec<u32> = turns.iter().map(|(_, worked)| *worked).collect();
    assert!(worked.iter().all(|worked| (15..=25).contains(worked)), "{worked:?}");
}

#[test]
fn one_that_is_not_looked_after_holds_nobody_up() {
    let scene = Scene::new(10, 1);
    let [mut left_alone, mut other] = [scene.turn(), scene.turn()];
    scene.charge(20);
    assert!(!may_work(&mut left_alone) && !may_work(&mut other));
    scene.advance(101);
    assert!(may_work(&mut other), "although the first has not looked");
    drop((left_alone, other));
    assert_eq!(scene.tenant.cpu.waiting.load(Ordering::Relaxed), 0);
    assert!(scene.tenant.cpu.line().tickets.is_empty());
}

#[test]
fn a_share_that_changes_holds_for_what_is_used_from_then_on() {
    let scene = Scene::new(10, 1);
    let mut turn = scene.turn();
    scene.charge(30);
    assert!(!may_work(&mut turn));
    scene.tenant.change(&acme(100));
    scene.advance(199);
    assert!(!may_work(&mut turn), "what was used is paid for at the old rate");
    scene.advance(101);
    assert!(may_work(&mut turn));
    scene.charge(99);
    assert!(may_work(&mut turn));
    scene.charge(100);
    assert!(!may_work(&mut turn));
    scene.tenant.change(&acme(0));
    let mut newcomer = scene.turn();
    assert!(!may_work(&mut newcomer), "it comes after the one that waits");
    scene.advance(200);
    assert!(may_work(&mut turn) && may_work(&mut newcomer));
}
