//! Who was not let in: a counter for each reason, and a line in the log now and then.
//!
//! Whoever is denied may ask as often as he can. So what he costs the log is
//! bounded, and nothing that he sent gets into it.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use hostel_model::platform::Monotonic;
use prometheus_client::metrics::counter::Counter;

use crate::admin::socket::Transport;
use crate::metrics::Metrics;

/// Between two lines about the same reason. Soon enough for somebody who wonders why his token is refused.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// Why somebody may not ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::admin) enum Denial {
    /// The token is missing, or not the right one.
    Token,
    /// The host that was asked for is not this machine.
    Host,
    /// A page of another origin asks.
    Origin,
}

impl Denial {
    const ALL: [Self; 3] = [Self::Token, Self::Host, Self::Origin];

    /// The word for it, in metrics and log.
    fn reason(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Host => "host",
            Self::Origin => "origin",
        }
    }
}

/// What is known of those who were not let in.
pub(in crate::admin) struct Denials([(Denial, Counter, Mutex<Line>); 3]);

/// When the next line about a reason may be written, and how many there would have been since the last.
#[derive(Default)]
struct Line {
    next: Monotonic,
    unsaid: u64,
}

impl Denials {
    /// Counted in `metrics`, where each reason is shown from the start.
    pub(in crate::admin) fn new(metrics: &Metrics) -> Self {
        Self(Denial::ALL.map(|denial| (denial, metrics.admin_denied(denial.reason()), Mutex::default())))
    }

    /// Somebody who came by `transport` was not let in.
    pub(in crate::admin) fn tell(&self, denial: Denial, transport: Transport, now: Monotonic) {
        let Some((_, counter, line)) = self.0.iter().find(|(of, ..)| *of == denial) else {
            return;
        };
        counter.inc();
        let unsaid = line.lock().unwrap_or_else(PoisonError::into_inner).due(now);
        if let Some(unsaid) = unsaid {
            let (reason, peer) = (denial.reason(), transport);
            tracing::warn!(reason, %peer, unsaid, "a request to the admin plane was denied");
        }
    }
}

impl Line {
    /// Whether it may be written now; then, how many were not.
    fn due(&mut self, now: Monotonic) -> Option<u64> {
        if now < self.next {
            self.unsaid = self.unsaid.saturating_add(1);
            return None;
        }
        self.next = now.after(LINE_EVERY);
        Some(std::mem::take(&mut self.unsaid))
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::net::Ipv4Addr;
    use std::sync::Arc;

    use super::*;
    use crate::metrics::Levels;

    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Log {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn every_denial_is_counted_and_few_are_lines() {
        let metrics = Metrics::new();
        let denials = Denials::new(&metrics);
        let log = Log::default();
        let writer = log.clone();
        let subscriber =
            tracing_subscriber::fmt().with_ansi(false).without_time().with_writer(move || writer.clone()).finish();
        let peer = Transport::Tcp { peer: Ipv4Addr::LOCALHOST.into() };
        tracing::subscriber::with_default(subscriber, || {
            for millis in 0..25_000 {
                denials.tell(Denial::Token, peer, Monotonic(Duration::from_millis(millis)));
            }
            denials.tell(Denial::Origin, Transport::Unix { user: 1_000 }, Monotonic(Duration::from_secs(25)));
        });
        let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
        let said: Vec<_> = log.lines().map(|line| line.split_once("was denied ").unwrap().1).collect();
        let expected = [
            "reason=\"token\" peer=127.0.0.1 unsaid=0",
            "reason=\"token\" peer=127.0.0.1 unsaid=9999",
            "reason=\"token\" peer=127.0.0.1 unsaid=9999",
            "reason=\"origin\" peer=user 1000 unsaid=0",
        ];
        assert_eq!(said, expected);
        let text = metrics.text(Levels::default());
        for line in [
            "hostel_admin_denied_total{reason=\"token\"} 25000",
            "hostel_admin_denied_total{reason=\"host\"} 0",
            "hostel_admin_denied_total{reason=\"origin\"} 1",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}:\n{text}");
        }
    }
}
