//! Bindings to what the host offers beyond `wasi:http`, made from the project's own WIT.

wit_bindgen::generate!({
    path: "../../wit",
    world: "hostel:service/host",
    generate_all,
});
