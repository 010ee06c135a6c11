//! The watcher, one pause at a time: the clock of these tests waits until it is told to go on.

use std::fs;
use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hostel_model::platform::{BoxTask, Clock, Monotonic};

use super::{Folder, Made, half, params};
use crate::tls::{ListenerTls, watch};

const POLL: Duration = Duration::from_millis(500);
const SETTLE: Duration = Duration::from_millis(100);
/// 2030-01-01 00:00:00 UTC, the time of day in these tests.
const WALL: Duration = Duration::from_secs(1_893_456_000);

/// A watcher that stands still in a pause whenever the test runs.
struct Steps {
    paused: Receiver<Duration>,
    go: Sender<()>,
    log: Log,
}

struct StepClock {
    paused: Mutex<Sender<Duration>>,
    go: Mutex<Receiver<()>>,
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Clock for StepClock {
    fn now(&self) -> Monotonic {
        Monotonic::default()
    }

    fn wall(&self) -> SystemTime {
        UNIX_EPOCH + WALL
    }

    fn sleep_until(&self, _: Monotonic) -> BoxTask {
        Box::pin(std::future::pending())
    }

    fn pause_thread(&self, time: Duration) {
        self.paused.lock().unwrap().send(time).unwrap();
        // The test is over if nobody is there.
        let _ = self.go.lock().unwrap().recv();
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Steps {
    /// Lets it run to its next pause, which must be as long as `pause`.
    fn to(&self, pause: Duration) {
        self.go.send(()).unwrap();
        self.expect(pause);
    }

    fn expect(&self, pause: Duration) {
        assert_eq!(self.paused.recv_timeout(Duration::from_secs(10)), Ok(pause));
    }

    /// The lines of the log since the last time.
    fn said(&self) -> Vec<String> {
        let bytes = std::mem::take(&mut *self.log.0.lock().unwrap());
        String::from_utf8(bytes).unwrap().lines().map(str::to_owned).collect()
    }
}

/// Runs `test` beside a watcher of `listeners` that has looked once.
fn beside(listeners: Vec<Arc<ListenerTls>>, test: impl FnOnce(&Steps)) {
    let ((pausing, paused), (go, going)) = (channel(), channel());
    let steps = Steps { paused, go, log: Log::default() };
    let clock = Arc::new(StepClock { paused: Mutex::new(pausing), go: Mutex::new(going) });
    let stop = Arc::new(AtomicBool::new(false));
    let log = steps.log.clone();
    let subscriber =
        tracing_subscriber::fmt().with_ansi(false).without_time().with_writer(move || log.clone()).finish();
    std::thread::scope(|scope| {
        let stopping = Arc::clone(&stop);
        let watcher =
            scope.spawn(|| tracing::subscriber::with_default(subscriber, || watch(listeners, clock, stopping)));
        steps.expect(POLL);
        test(&steps);
        stop.store(true, Ordering::Relaxed);
        // Without its test it does not pause any more: that it ends is what is waited for.
        drop(steps);
        watcher.join().unwrap();
    });
}

#[test]
fn a_change_is_in_force_once_it_has_settled_and_is_told_once() {
    let folder = Folder::new();
    folder.put("a", &Made::new(&["first.test"]));
    let (tls, new) = (folder.load(&["a"]), Made::new(&["first.test"]));
    beside(vec![Arc::clone(&tls)], |steps| {
        steps.to(POLL);
        assert!(steps.said().is_empty());
        folder.put("a", &new);
        steps.to(SETTLE);
        assert_ne!(own(&tls), new.der());
        steps.to(POLL);
        assert_eq!(own(&tls), new.der());
        let said = steps.said();
        assert_eq!(said.len(), 1, "{said:?}");
        assert!(said[0].contains("INFO") && said[0].contains("certificates reloaded"), "{said:?}");
        assert!(said[0].contains("a.pem") && said[0].contains("not_after=2049-01-01T00:00:00Z"), "{said:?}");
        steps.to(POLL);
        assert!(steps.said().is_empty());
    });
}

#[test]
fn a_file_that_is_still_being_written_is_waited_for() {
    let folder = Folder::new();
    let old = Made::new(&["first.test"]);
    folder.put("a", &old);
    let (tls, new) = (folder.load(&["a"]), Made::new(&["first.test"]));
    beside(vec![Arc::clone(&tls)], |steps| {
        folder.write("a.pem", half(&new.cert));
        steps.to(SETTLE);
        folder.write("a.pem", &new.cert);
        steps.to(POLL);
        // It has changed between two looks: nothing is done, nothing is said.
        assert_eq!(own(&tls), old.der());
        assert!(steps.said().is_empty());
        folder.write("a.key", &new.key);
        steps.to(SETTLE);
        steps.to(POLL);
        assert_eq!(own(&tls), new.der());
        assert_eq!(steps.said().len(), 1);
    });
}

#[test]
fn a_failure_is_told_once_and_again_when_it_is_another() {
    let folder = Folder::new();
    let old = Made::new(&["first.test"]);
    folder.put("a", &old);
    let tls = folder.load(&["a"]);
    beside(vec![Arc::clone(&tls)], |steps| {
        let fails = |words: &[&str]| {
            for _ in 0..3 {
                steps.to(SETTLE);
                steps.to(POLL);
            }
            let said = steps.said();
            assert_eq!(said.len(), 1, "{said:?}");
            assert!(said[0].contains("WARN") && words.iter().all(|word| said[0].contains(word)), "{said:?}");
            assert_eq!(own(&tls), old.der());
        };
        folder.write("a.pem", Made::new(&["first.test"]).cert);
        fails(&["certificates not reloaded, the old ones stay", "does not belong to the certificate"]);
        fs::remove_file(folder.path().join("a.pem")).unwrap();
        fails(&["a.pem` cannot be read", "No such file or directory"]);
        folder.put("a", &old);
        steps.to(POLL);
        assert!(steps.said().is_empty());
        // The same as before, after it was well: worth a line.
        fs::remove_file(folder.path().join("a.pem")).unwrap();
        fails(&["a.pem` cannot be read"]);
    });
}

#[test]
fn listeners_are_independent_of_each_other() {
    let (bad, good) = (Folder::new(), Folder::new());
    let new = Made::new(&["first.test"]);
    bad.put("a", &Made::new(&["first.test"]));
    good.put("a", &Made::new(&["first.test"]));
    let listeners = [bad.load(&["a"]), good.load(&["a"])];
    beside(listeners.to_vec(), |steps| {
        bad.write("a.pem", "");
        good.put("a", &new);
        steps.to(SETTLE);
        steps.to(SETTLE);
        steps.to(POLL);
        assert_eq!(own(&listeners[1]), new.der());
        assert_eq!(steps.said().len(), 2);
    });
}

#[test]
fn a_certificate_that_has_ended_is_told_once() {
    let folder = Folder::new();
    let mut params = params(&["first.test"]);
    params.not_after = rcgen::date_time_ymd(2029, 12, 31);
    folder.put("a", &Made::new(&["second.test"]));
    folder.put("b", &Made::of(&params));
    beside(vec![folder.load(&["a", "b"])], |steps| {
        steps.to(POLL);
        steps.to(POLL);
        let said = steps.said();
        assert_eq!(said.len(), 1, "{said:?}");
        assert!(said[0].contains("WARN") && said[0].contains("b.pem") && said[0].contains("has ended"), "{said:?}");
        folder.put("b", &Made::new(&["first.test"]));
        steps.to(SETTLE);
        steps.to(POLL);
        assert_eq!(steps.said().len(), 1);
    });
}

fn own(tls: &ListenerTls) -> rustls::pki_types::CertificateDer<'static> {
    tls.certificates().chosen(None).own.clone()
}
