//! Compiles components and runs requests in them: the only package that names wasmtime.
//!
//! Read in this order: [`Sandbox`] (what all services share), [`Code`] (a component
//! that was compiled), [`CompiledService`] (one that is ready), [`invoke()`] (one request), [`ResponseBody`] (its
//! answer). What a guest can touch is listed in `capability.rs`.
//!
//! **Invariants.** A guest is identified by its store, never by what it says. A
//! body that its guest did not finish never ends as if it had. Every limit is
//! enforced outside the guest's own future, which is simply dropped.

mod bindings;
mod call;
mod capability;
mod classify;
mod code;
mod compile;
mod compile_child;
mod compiler;
mod cpu_share;
mod engine;
mod error;
#[cfg(fuzzing)]
pub mod fuzzing;
mod guest;
mod inspect;
mod invoke;
mod ledger;
mod memory;
mod outside;
mod recent;
mod response;
mod reuse;
mod running;
mod service;
mod state;
pub mod swap;
mod tenant;
#[cfg(test)]
mod testing;
mod trial;

pub use call::{Call, CallContext, CallFuture, CallRefused, CallTree, Deadline, IncomingBody, ServiceCalls};
pub use capability::http::{is_host_header, strip_host_headers};
pub use code::Code;
pub use compile::{InstanceCounters, PoolUse, Sandbox};
pub use compile_child::{CompileChildError, compile_for_parent};
pub use compiler::first_to_go::FirstToGo;
pub use compiler::{CompileLimits, CompileWith};
pub use engine::{Generation, ResetMode};
pub use error::{BodyError, CompileError, GuestFailure, SandboxError};
pub use invoke::{Invocation, invoke};
pub use memory::MemoryBudget;
pub use outside::{Forbidden, Outgoing, OutgoingError, OutgoingFuture, Patience};
pub use response::ResponseBody;
pub use running::{OnEnd, Report};
pub use service::{CompiledService, ServiceSpec};
pub use tenant::TenantShare;
