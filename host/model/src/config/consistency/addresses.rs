//! One address is listened on once: by a listener, by what sends on to it, or by the administration.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::ops::Range;

use crate::config::problem::{Problem, Report};
use crate::config::root::Draft;
use crate::plan::ADDRESS_DEFAULT;

/// Who wants an address.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Listener,
    Redirect,
    Admin,
}

/// An address that is wanted, and where the file says so.
struct Claim {
    address: SocketAddr,
    role: Role,
    span: Option<Range<usize>>,
}

pub(super) fn check(draft: &Draft, report: &mut Report<'_>) {
    let mut seen: BTreeMap<SocketAddr, Claim> = BTreeMap::new();
    for claim in claims(draft) {
        // Port 0 is another port each time.
        match seen.get(&claim.address) {
            Some(first) if claim.address.port() != 0 => report.push(clash(first, &claim, report)),
            _ => {
                seen.insert(claim.address, claim);
            }
        }
    }
}

/// All listeners come first, so that the others are what has to give way.
fn claims(draft: &Draft) -> Vec<Claim> {
    let mut claims: Vec<Claim> = Vec::new();
    for listener in &draft.listeners {
        let span = listener.plan.span.clone();
        claims.push(Claim { address: listener.plan.address, role: Role::Listener, span });
    }
    if draft.listens_by_default {
        claims.push(Claim { address: ADDRESS_DEFAULT, role: Role::Listener, span: None });
    }
    for listener in &draft.listeners {
        if let Some(address) = listener.plan.tls.as_ref().and_then(|tls| tls.redirect_from) {
            claims.push(Claim { address, role: Role::Redirect, span: listener.redirect_from.clone() });
        }
    }
    if let Some(address) = draft.admin.address {
        claims.push(Claim { address, role: Role::Admin, span: draft.admin_address.clone() });
    }
    claims
}

fn clash(first: &Claim, second: &Claim, report: &Report<'_>) -> Problem {
    let address = second.address;
    let taken = match (first.role, &first.span) {
        (Role::Listener, Some(_)) => "the address of a listener",
        (Role::Listener, None) => "where the host listens unless a `[[listener]]` says otherwise",
        (Role::Redirect, _) => "the `redirect_from` of a listener",
        (Role::Admin, _) => "the address of `[admin]`",
    };
    let (message, help) = match second.role {
        Role::Listener => {
            (format!("two listeners have the address `{address}`"), "give one of them another port, or remove it")
        }
        Role::Redirect => (
            format!("`listener.tls.redirect_from` is `{address}`, which is {taken}"),
            "give one of them another port, or leave `redirect_from` out",
        ),
        Role::Admin => (
            format!("`admin.address` is `{address}`, which is {taken}"),
            "give one of them another port, or leave `admin.address` out and use the socket",
        ),
    };
    let problem = Problem::error(report.source(), message, help);
    let places = [(second, "the second one"), (first, "the first one")];
    places.into_iter().fold(problem, |problem, (claim, label)| match claim.span.clone() {
        Some(span) => problem.at(span, label),
        None => problem,
    })
}
