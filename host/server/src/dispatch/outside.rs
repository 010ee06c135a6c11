//! A service asking a host outside: by grant, within fan-out and time, through its own way out.

use std::sync::Arc;

use hostel_model::egress::{Denied, Granted};
use hostel_model::failure::Failure;
use hostel_sandbox::{Forbidden, Outgoing, OutgoingError, OutgoingFuture};

use super::call::RootCalls;
use crate::egress::{Sent, Target, denied_reason};
use crate::live::LiveService;

impl RootCalls {
    /// Sends it if it may be sent; the rest is a matter of connections.
    pub(super) fn reach(&self, outgoing: Outgoing) -> OutgoingFuture {
        let own = self.snapshot.services.get(&outgoing.caller.service);
        let ready = |error| Box::pin(std::future::ready(Err(error))) as OutgoingFuture;
        let Some(own) = own else {
            let detail = "the service is not there any more".to_owned();
            return ready(OutgoingError::Denied { what: Forbidden::Host, detail });
        };
        match self.grant(own, &outgoing) {
            Ok((target, granted)) => {
                let sent = Sent::new(target, outgoing);
                self.dispatcher.egress.send(&own.outlet, granted, sent)
            }
            Err((error, reason)) => {
                own.outlet.metrics.refused(reason);
                own.metrics.count(match error {
                    OutgoingError::FanOut => Failure::FanOut,
                    OutgoingError::NoTime => Failure::Deadline,
                    _ => Failure::EgressDenied,
                });
                ready(error)
            }
        }
    }

    /// Where `outgoing` goes, if it may; else why not, and a word for it. Grants come
    /// first: no question is asked of anybody for a host that is not granted.
    fn grant(
        &self,
        own: &Arc<LiveService>,
        outgoing: &Outgoing,
    ) -> Result<(Target, Granted), (OutgoingError, &'static str)> {
        let malformed = |error: OutgoingError| {
            let reason = denied_reason(&error);
            (error, reason)
        };
        let target = Target::of(&outgoing.request).map_err(malformed)?;
        let named = own.outlet.policy().name(target.scheme, &target.host, target.port);
        let granted = named.map_err(|denied| {
            let what = match denied {
                Denied::Name(_) | Denied::Spelling { .. } | Denied::NotGranted { .. } => Forbidden::Host,
                Denied::Address { .. } => Forbidden::Address,
            };
            (OutgoingError::Denied { what, detail: denied.to_string() }, denied.reason())
        })?;
        let caller = &outgoing.caller;
        if !caller.tree.count_call(self.calls_limit) {
            let (service, request, outcome) = (own.name.as_str(), &*caller.tree.request_id, Failure::FanOut.slug());
            if caller.tree.tells_refusal() {
                tracing::warn!(service, request, outcome, host = ?target.host, "outgoing request refused");
            }
            return Err((OutgoingError::FanOut, "fan-out"));
        }
        if caller.deadline.remaining(&caller.tree).is_zero() {
            return Err((OutgoingError::NoTime, "deadline"));
        }
        Ok((target, granted))
    }
}
