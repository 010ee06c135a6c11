//! How a service stands, as the admin plane shows it: what the journal says, and what is counted of what is live.

use std::collections::BTreeSet;

use hostel_model::digest::RevisionId;
use hostel_model::name::ServiceName;
use hostel_model::platform::Monotonic;
use hostel_model::standing::Standing;
use hostel_sandbox::Generation;

use crate::admin::{limits, view};
use crate::live::{FolderFile, LiveRevision, LiveService, Snapshot};

/// The service `name`, which stands as `standing` since the entry `version` of the
/// journal. What is live in `snapshot` may lag behind by the moment between the
/// journal and the swap.
pub(super) fn shown_service(
    name: &ServiceName,
    standing: &Standing,
    version: u64,
    snapshot: &Snapshot,
    now: Monotonic,
) -> view::Service {
    let service = snapshot.services.get(name);
    let revision = |id: RevisionId| service.and_then(|service| found(service, id));
    let live = standing.live;
    view::Service {
        name: name.to_string(),
        version,
        revision: live.map(|live| live.number.to_string()),
        digest: live.map(|live| live.digest.to_string()),
        generation: live.and_then(revision).map(|live| live.compiled.generation.into()),
        candidate: standing.candidate.map(|candidate| view::Candidate {
            revision: candidate.revision.number.to_string(),
            digest: candidate.revision.digest.to_string(),
            weight: candidate.weight.percent(),
            breaker: breaker(revision(candidate.revision)),
        }),
        previous: standing.previous.map(Into::into),
        pending: standing.pending.map(|pending| view::Pending {
            revision: pending.revision.number.to_string(),
            digest: pending.revision.digest.to_string(),
            weight: pending.weight.map(|weight| weight.percent()),
        }),
        disabled: standing.disabled,
        pinned: standing.pin.is_some(),
        folder: service.map_or(view::Folder::None, |service| service.folder_file().into()),
        breaker: breaker(live.and_then(revision)),
        watch: service.and_then(|service| watch(service, now)),
        routes: routes(name, snapshot),
        limits: service.map(|service| limits::first_of_service(&service.settings.limits)).unwrap_or_default(),
        requests: service.map_or(0, |service| service.metrics.requests.get()),
        calls: service.map_or(0, |service| service.metrics.calls.get()),
        failures: service.map_or(0, |service| service.metrics.failed()),
    }
}

fn found(service: &LiveService, id: RevisionId) -> Option<&LiveRevision> {
    service.revisions().find(|revision| revision.compiled.revision == id).map(AsRef::as_ref)
}

fn breaker(revision: Option<&LiveRevision>) -> view::Breaker {
    match revision {
        Some(revision) if revision.breaker.is_open() => view::Breaker::Open,
        _ => view::Breaker::Closed,
    }
}

fn watch(service: &LiveService, now: Monotonic) -> Option<view::Watch> {
    let watch = service.watch.as_ref()?;
    let seconds_left = watch.until.since(now).as_secs_f64().ceil();
    let seen = watch.revision.tally.counts().since(&watch.revision_then);
    let shown = view::Watch {
        revision: watch.revision.compiled.revision.number.to_string(),
        // A whole number of seconds, far below what an `f64` holds exactly.
        seconds_left: seconds_left as u64,
        requests: seen.requests,
        failures: seen.failures,
    };
    (watch.until > now).then_some(shown)
}

fn routes(name: &ServiceName, snapshot: &Snapshot) -> Vec<String> {
    let all = snapshot.routes.iter().flat_map(|table| table.routes());
    let own: BTreeSet<String> =
        all.filter(|route| route.target.name == *name).map(|route| route.text.to_string()).collect();
    own.into_iter().collect()
}

impl From<FolderFile> for view::Folder {
    fn from(file: FolderFile) -> Self {
        match file {
            FolderFile::None => Self::None,
            FolderFile::Missing => Self::Missing,
            FolderFile::Differs => Self::Differs,
            FolderFile::Same => Self::Same,
        }
    }
}

impl From<Generation> for view::Generation {
    fn from(generation: Generation) -> Self {
        match generation {
            Generation::P2 => Self::P2,
            Generation::P3 => Self::P3,
        }
    }
}
