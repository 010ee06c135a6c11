//! Watches new revisions, and asks for the way back when one is worse than the one before.
//!
//! The judgement itself is arithmetic and stands in the model; here is what it is
//! asked about, how often, and what follows.

use std::sync::Arc;
use std::time::Duration;

use futures::future::{Either, select};
use hostel_model::platform::{Monotonic, Platform};
use hostel_model::rollout::judge::judge;
use tokio::sync::watch;

use crate::deploy::{Author, DeployerHandle, Order, What};
use crate::live::{LiveService, LiveTable};

/// How often revisions are looked at: what a bad one costs grows with it.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Looks at every revision that is watched until `ended` says so.
pub async fn watch_revisions(
    live: Arc<LiveTable>,
    deployer: DeployerHandle,
    platform: Platform,
    mut ended: watch::Receiver<bool>,
) {
    let clock = Arc::clone(&platform.clock);
    loop {
        let next = clock.sleep_until(clock.now().after(LOOK_EVERY));
        let end = std::pin::pin!(ended.wait_for(|ended| *ended));
        if let Either::Right(_) = select(next, end).await {
            return;
        }
        let now = clock.now();
        let verdicts: Vec<What> = live.load().services.values().filter_map(|service| verdict(service, now)).collect();
        for what in verdicts {
            let order = Order { what, by: Author::Watch, dry_run: false, if_version: None };
            if let Err(error) = deployer.ask(order).await {
                // Asked again at the next look, unless it is in force no more.
                let error = &error as &dyn std::error::Error;
                tracing::warn!(error, "a revision that is worse than the one before could not be taken back");
            }
        }
    }
}

/// The way back, if the revision that `service` is watching is worse than the one before.
fn verdict(service: &LiveService, now: Monotonic) -> Option<What> {
    let watch = service.watch.as_ref().filter(|watch| now < watch.until)?;
    let why = if watch.revision.breaker.is_open() {
        "it does nothing but fail".to_owned()
    } else {
        let after = watch.revision.tally.counts().since(&watch.revision_then);
        let before = watch.before.counts();
        let before = watch.before_then.as_ref().map_or(before.clone(), |then| before.since(then));
        judge(&before.seen(), &after.seen(), &service.settings.rollout.margin)?.to_string()
    };
    Some(What::TakeBack { service: service.name.clone(), revision: watch.revision.compiled.revision, why })
}
