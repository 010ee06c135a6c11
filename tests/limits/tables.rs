//! Limits that only guests reach which no compiler makes: elements of tables, handles of a guest's own resources.

use hostel_model::limits::{Limits, fixed};

use crate::failures::{Expected, check_problem};
use crate::harness::{Harness, Running};
use crate::text;

/// A host with `component` as the service `a`.
fn host(component: Vec<u8>, limits: impl FnOnce(&mut Limits)) -> Running {
    Harness::new().service_of("a", component).route("/a").limits(limits).start()
}

/// What comes of a guest that never answers: how it ended.
#[track_caller]
fn ends_with(component: Vec<u8>, limits: impl FnOnce(&mut Limits), slug: &'static str) {
    check_problem(&host(component, limits).get("/a"), "a", Expected { status: 502, slug });
}

#[test]
fn a_table_may_grow_up_to_its_limit() {
    let limit = |limits: &mut Limits| limits.table_elements = 1_000;
    // It traps if it may not, and returns without an answer if it may.
    for (elements, slug) in [(990, "no-response"), (1_000, "no-response"), (1_001, "trap")] {
        ends_with(text::grows_table_to(elements), limit, slug);
    }
    let usual = Limits::default().table_elements;
    for (elements, slug) in [(usual, "no-response"), (usual + 1, "trap")] {
        ends_with(text::grows_table_to(elements), |_| {}, slug);
    }
}

#[test]
fn a_guest_may_keep_nearly_as_many_handles_of_its_own_as_the_limit() {
    let most = fixed::COMPONENT_HANDLES;
    for (count, slug) in [(most * 99 / 100, "no-response"), (most + 1, "handle-limit")] {
        ends_with(text::keeps_resources(count), |_| {}, slug);
    }
}
