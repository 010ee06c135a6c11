//! What of a changed configuration takes effect only when the host starts again, and what holds until then.

use std::collections::BTreeSet;

use hostel_model::limits::HostLimits;
use hostel_model::name::ServiceName;
use hostel_model::plan::{FilePlan, ListenerPlan, Plan};

#[cfg(test)]
mod tests;

/// The services that each listener reaches; none stands for all.
pub(super) type Reachable = Vec<Option<BTreeSet<ServiceName>>>;

/// The keys whose values are others than those the host has `started` with.
pub(super) fn keys(started: &Plan, now: &Plan) -> Vec<&'static str> {
    let HostLimits { memory_max, memory_budget, instances, drain, origins: _ } = &started.host;
    let differing = [
        ("state", started.state != now.state),
        ("memory_max", *memory_max != now.host.memory_max),
        ("memory_budget", *memory_budget != now.host.memory_budget),
        ("instances", *instances != now.host.instances),
        ("drain", *drain != now.host.drain),
        ("listener", sockets(&started.listeners) != sockets(&now.listeners)),
        ("admin", started.admin != now.admin),
        ("resolver", started.egress.resolvers != now.egress.resolvers),
        ("outbound_ca", paths(&started.egress.authorities) != paths(&now.egress.authorities)),
    ];
    differing.into_iter().filter_map(|(key, differs)| differs.then_some(key)).collect()
}

/// Which services the host's listeners reach, as `now` has it. A listener that `now` does not have
/// reaches what it did `before`.
pub(super) fn reachable(started: &[ListenerPlan], now: &[ListenerPlan], before: &Reachable) -> Reachable {
    let mut left: Vec<&ListenerPlan> = now.iter().collect();
    let of = |(place, listener): (usize, &ListenerPlan)| {
        // The same address may be there more than once, if the system chooses the port.
        match left.iter().position(|other| other.address == listener.address) {
            Some(found) => left.remove(found).services.clone(),
            None => before.get(place).cloned().unwrap_or_else(|| listener.services.clone()),
        }
    };
    started.iter().enumerate().map(of).collect()
}

/// Files without where the configuration names them.
fn paths(files: &[FilePlan]) -> Vec<&str> {
    files.iter().map(|file| file.path.as_str()).collect()
}

/// Listeners without what can change while they listen, and without where the file says so.
fn sockets(listeners: &[ListenerPlan]) -> Vec<ListenerPlan> {
    let mut sockets = listeners.to_vec();
    for socket in &mut sockets {
        (socket.services, socket.span) = (None, None);
        if let Some(tls) = &mut socket.tls {
            let pairs = tls.certificates.iter_mut().flat_map(|pair| [&mut pair.cert, &mut pair.key]);
            pairs.chain(&mut tls.client_ca).for_each(|file| file.span = None);
        }
    }
    sockets
}
