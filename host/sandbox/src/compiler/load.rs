//! Compiled code becomes code that can run: the one place of this workspace that needs `unsafe`.

use hostel_model::artifact::Authentic;
use wasmtime::Engine;
use wasmtime::component::Component;

/// Loads code whose seal was right.
#[expect(
    unsafe_code,
    reason = "loading compiled code runs it; that it is authentic is shown by the type of the argument"
)]
pub(super) fn load(engine: &Engine, code: &Authentic<'_>) -> wasmtime::Result<Component> {
    // SAFETY: the bytes must be what `Engine::precompile_component` made, unchanged. They come from a
    // child that this process started with a program of this build (`Origin::build`), for which
    // whoever made `CompileWith` vouches, and whose only work is to call that function and to seal
    // what it returns. That it does just that, whatever component it reads, is the correctness of
    // the compiler, which is trusted here as it would be in this process. `Authentic` exists only
    // for bytes under a seal with the key that was drawn for this child and told to nobody else;
    // the seal covers exactly these bytes, and their header says that they were made of the
    // component in question for an engine that compiles as `engine` does. The bytes are in memory
    // of our own, which nobody else can change after they were checked, and they are copied from there.
    unsafe { Component::deserialize(engine, code.code()) }
}
