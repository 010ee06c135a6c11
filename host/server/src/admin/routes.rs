//! What is live, as the admin plane shows it: services, listeners, routes.

use std::sync::Arc;

use hostel_model::route::Route;
use http::uri::Scheme;

use crate::admin::reach::Reach;
use crate::admin::{AdminState, ServedListener, view};
use crate::live::{LiveService, Snapshot};

impl AdminState {
    /// The listeners, once there are any.
    pub(super) fn served(&self) -> &[ServedListener] {
        self.listeners.get().map_or(&[], Vec::as_slice)
    }
}

impl ServedListener {
    pub(super) fn scheme(&self) -> view::Scheme {
        if self.listener.scheme == Scheme::HTTPS { view::Scheme::Https } else { view::Scheme::Http }
    }

    pub(super) fn shown(&self) -> view::Listener {
        view::Listener {
            address: self.address.to_string(),
            scheme: self.scheme(),
            h2c: self.h2c,
            redirect_from: self.redirect.as_ref().map(|(address, _)| address.to_string()),
        }
    }
}

/// Every route of `snapshot` within `reach`, for those of its tables that have a listener.
pub(super) fn routes(snapshot: &Snapshot, listeners: &[ServedListener], reach: &Reach) -> Vec<view::Route> {
    let tables = listeners.iter().zip(&snapshot.routes);
    // Whatever is asked about, they are in the order of their precedence.
    let ordered = tables.map(|(listener, table)| (listener, table.explain("", "GET", "/")));
    let shown = ordered.flat_map(|(listener, all)| {
        let own = all.into_iter().filter(|one| reach.includes(&one.route.target.name));
        own.map(|one| shown_route(one.route, listener))
    });
    shown.collect()
}

/// A route as `listener` has it.
pub(super) fn shown_route(route: &Route<Arc<LiveService>>, listener: &ServedListener) -> view::Route {
    let pattern = &route.pattern;
    view::Route {
        listener: listener.address.to_string(),
        scheme: listener.scheme(),
        pattern: route.text.to_string(),
        host: pattern.host.as_ref().map(ToString::to_string),
        path: pattern.path.to_string(),
        methods: pattern.methods.named().map(|names| names.iter().cloned().collect()),
        service: route.target.name.to_string(),
        revision: route.target.live.as_ref().map(|live| live.compiled.revision.number.to_string()),
    }
}
