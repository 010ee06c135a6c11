//! Rust types for `wit/`; nothing else.

wasmtime::component::bindgen!({
    path: "../../wit",
    world: "hostel:service/host",
    imports: { default: async | trappable },
    require_store_data_send: true,
    with: {
        "wasi:keyvalue/store@0.2.0-draft.bucket": crate::capability::keyvalue::OpenBucket,
        "wasi:keyvalue/store@0.2.0-draft2.bucket": crate::capability::keyvalue::OpenBucket,
        "wasi:keyvalue/atomics@0.2.0-draft2.cas": crate::capability::keyvalue::PendingSwap,
    },
});
