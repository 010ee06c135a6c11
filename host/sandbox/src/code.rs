//! What was compiled and linked: shared by every revision that has the same bytes, and free of grants, limits and instances.

use std::collections::BTreeSet;

use hostel_model::digest::Digest;
use hostel_model::limits::Limits;
use hostel_model::units::ByteSize;
use wasmtime::component::{Component, InstancePre, Linker};
use wasmtime::error::Context as _;
use wasmtime_wasi_http::{p2, p3};

use crate::engine::Generation;
use crate::error::CompileError;
use crate::inspect::Inspected;
use crate::state::InstanceState;

/// Bytes of a page, in which memories are counted; other sizes are switched off.
const PAGE_BYTES: u64 = 64 * 1024;

/// A component whose imports are resolved, for one of the two engines.
pub(crate) enum Prepared {
    P2(p2::bindings::ProxyPre<InstanceState>),
    P3(p3::bindings::ServicePre<InstanceState>),
}

/// Machine code of one component, ready to become a service.
///
/// Making it takes seconds; making a service of it takes nothing, which is what
/// a rollback and a changed grant are.
pub struct Code {
    pub(crate) prepared: Prepared,
    digest: Digest,
    generation: Generation,
    imports: BTreeSet<String>,
    code_bytes: u64,
    /// What its largest memory starts with.
    memory_at_start: ByteSize,
    /// Elements that its largest table starts with.
    table_at_start: u64,
}

impl Code {
    /// Links `component`, which was compiled from bytes with this `digest`.
    pub(crate) fn link(
        linker: &Linker<InstanceState>,
        component: &Component,
        inspected: Inspected,
        digest: Digest,
    ) -> Result<Self, CompileError> {
        let Inspected { generation, imports } = inspected;
        let image = component.image_range();
        let code_bytes = (image.end.addr() - image.start.addr()) as u64;
        // None if it takes modules from outside, which no service can.
        let (memory, table) = component
            .resources_required()
            .map_or((None, None), |needed| (needed.max_initial_memory_size, needed.max_initial_table_size));
        let memory_at_start = ByteSize(memory.unwrap_or_default().saturating_mul(PAGE_BYTES));
        let table_at_start = table.unwrap_or_default();
        let prepared = linker
            .instantiate_pre(component)
            .and_then(|instance| prepare(instance, generation))
            .map_err(|error| CompileError::ImportNotGranted { reason: format!("{error:#}") })?;
        Ok(Self { prepared, digest, generation, imports, code_bytes, memory_at_start, table_at_start })
    }

    /// Whether it can start at all within `limits`. What it takes once it runs is another matter.
    ///
    /// # Errors
    /// The first limit that it starts above.
    pub fn fits(&self, limits: &Limits) -> Result<(), CompileError> {
        let (actual, limit) = (self.memory_at_start, limits.memory);
        if actual > limit {
            return Err(CompileError::StartsWithMemory { actual, limit });
        }
        let (actual, limit) = (self.table_at_start, u64::from(limits.table_elements));
        if actual > limit {
            return Err(CompileError::StartsWithTable { actual, limit });
        }
        Ok(())
    }

    /// The digest of the bytes it was compiled from.
    #[must_use]
    pub fn digest(&self) -> &Digest {
        &self.digest
    }

    /// Which WASI it answers in.
    #[must_use]
    pub fn generation(&self) -> Generation {
        self.generation
    }

    /// The interfaces it imports, without their versions, as far as they tell
    /// something: what every service may import anyway is left out.
    #[must_use]
    pub fn imports(&self) -> &BTreeSet<String> {
        &self.imports
    }

    /// Bytes of its machine code, with the tables that belong to it.
    #[must_use]
    pub fn code_bytes(&self) -> u64 {
        self.code_bytes
    }
}

fn prepare(instance: InstancePre<InstanceState>, generation: Generation) -> wasmtime::Result<Prepared> {
    Ok(match generation {
        Generation::P2 => Prepared::P2(
            p2::bindings::ProxyPre::new(instance)
                .context("its `wasi:http/incoming-handler` is not the standard one")?,
        ),
        Generation::P3 => Prepared::P3(
            p3::bindings::ServicePre::new(instance).context("its `wasi:http/handler` is not the standard one")?,
        ),
    })
}
