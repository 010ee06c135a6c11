//! Notices that the files of TLS listeners have changed, by reading them.
//!
//! Content decides: times can stand still, and what tools do to a folder
//! (links swapped, files renamed over others, files written in place) is
//! told apart by nothing else. A few small files twice a second cost less
//! than being wrong about any of them.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, UNIX_EPOCH};

use hostel_model::digest::Digest;
use hostel_model::platform::Clock;

use super::validity::since_epoch;
use super::{ListenerTls, TlsError};

/// How often files are read: soon enough for somebody who waits for it.
const POLL: Duration = Duration::from_millis(500);
/// How long changed files must stay as they are: several are written one after the other, each in pieces.
const SETTLE: Duration = Duration::from_millis(100);

/// Keeps `listeners` up to date with their files until told to `stop`, which it notices after one poll.
/// For a thread of its own.
pub fn watch(listeners: Vec<Arc<ListenerTls>>, clock: Arc<dyn Clock>, stop: Arc<AtomicBool>) {
    let mut watched: Vec<_> = listeners.into_iter().map(Watched::new).collect();
    while !stop.load(Ordering::Relaxed) {
        for listener in &mut watched {
            listener.look(&*clock);
        }
        clock.pause_thread(POLL);
    }
}

/// A listener and what was already said about it.
struct Watched {
    tls: Arc<ListenerTls>,
    failure: Option<String>,
    ended: Option<Digest>,
}

/// What a look at the files found.
enum Found {
    Same,
    Unsettled,
    Reloaded,
}

impl Watched {
    fn new(tls: Arc<ListenerTls>) -> Self {
        Self { tls, failure: None, ended: None }
    }

    fn look(&mut self, clock: &dyn Clock) {
        match self.bring_up_to_date(clock) {
            Ok(Found::Unsettled) => {}
            Ok(Found::Same) => self.failure = None,
            Ok(Found::Reloaded) => {
                self.failure = None;
                tracing::info!(file = %self.first_file(), not_after = %self.not_after(), "certificates reloaded");
            }
            Err(error) => self.report(&error),
        }
        self.report_ended(clock);
    }

    fn bring_up_to_date(&self, clock: &dyn Clock) -> Result<Found, TlsError> {
        let before = self.tls.read().map(|files| files.digest);
        if before.as_ref().is_ok_and(|digest| *digest == self.tls.loaded.load().digest) {
            return Ok(Found::Same);
        }
        clock.pause_thread(SETTLE);
        let files = self.tls.read()?;
        if before.ok() != Some(files.digest) {
            return Ok(Found::Unsettled);
        }
        self.tls.install(files)?;
        Ok(Found::Reloaded)
    }

    /// Once for as long as it is the same.
    fn report(&mut self, error: &TlsError) {
        let mut failure = error.to_string();
        let mut cause = error.source();
        while let Some(source) = cause {
            failure = format!("{failure}: {source}");
            cause = source.source();
        }
        if self.failure.as_ref() != Some(&failure) {
            tracing::warn!(error = %failure, "certificates not reloaded, the old ones stay");
            self.failure = Some(failure);
        }
    }

    /// Once for each generation of files that has a certificate nobody accepts any more.
    fn report_ended(&mut self, clock: &dyn Clock) {
        let Some(now) = since_epoch(clock.wall()) else { return };
        let digest = self.tls.loaded.load().digest;
        if self.tls.not_after() >= now || self.ended == Some(digest) {
            return;
        }
        self.ended = Some(digest);
        for certificate in self.tls.certificates().all().filter(|certificate| certificate.not_after < now) {
            let file = certificate.path.display();
            tracing::warn!(%file, "certificate has ended, clients refuse it; renew it");
        }
    }

    fn first_file(&self) -> String {
        let certificates = self.tls.certificates();
        certificates.all().map(|certificate| certificate.path.display().to_string()).next().unwrap_or_default()
    }

    fn not_after(&self) -> String {
        let seconds = u64::try_from(self.tls.not_after()).unwrap_or_default();
        humantime::format_rfc3339_seconds(UNIX_EPOCH + Duration::from_secs(seconds)).to_string()
    }
}
