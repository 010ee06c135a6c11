//! Paths with empty segments.

use super::{DEFAULT, KEEP, OPAQUE, RESOLVE, Refused, SINGLE, Taken};

pub(super) const TAKEN: &[Taken] = &[
    (DEFAULT, "//", "/", "/"),
    (DEFAULT, "///", "/", "/"),
    (DEFAULT, "//admin", "/admin", "/admin"),
    (DEFAULT, "///admin", "/admin", "/admin"),
    (DEFAULT, "//admin//", "/admin/", "/admin/*"),
    (DEFAULT, "/admin//users", "/admin/users", "/admin/*"),
    (DEFAULT, "/admin///users", "/admin/users", "/admin/*"),
    (DEFAULT, "//%61dmin", "/admin", "/admin"),
    (DEFAULT, "//public//a", "/public/a", "/public/*"),
    (DEFAULT, "/files//a", "/files/a", "/files/{name}"),
    (DEFAULT, "/files/a//", "/files/a/", "-"),
    (DEFAULT, "//other.example/admin", "/other.example/admin", "-"),
    (DEFAULT, "/public//admin", "/public/admin", "/public/*"),
    (DEFAULT, "/files/https://a", "/files/https:/a", "-"),
    (OPAQUE, "//%2F/admin", "/%2F/admin", "-"),
    (OPAQUE, "/files//a%2f", "/files/a%2F", "/files/{name}"),
    (RESOLVE, "//admin", "/admin", "/admin"),
    // Kept, an empty segment makes another path, as a prefix alone can take.
    (KEEP, "//", "//", "-"),
    (KEEP, "//admin", "//admin", "-"),
    (KEEP, "///admin", "///admin", "-"),
    (KEEP, "/admin//", "/admin//", "/admin/*"),
    (KEEP, "/admin//users", "/admin//users", "/admin/*"),
    (KEEP, "//%61dmin", "//admin", "-"),
    (KEEP, "/files//", "/files//", "-"),
    (KEEP, "/files//a", "/files//a", "-"),
    (KEEP, "/files/a//", "/files/a//", "-"),
    (KEEP, "/public/https://a//b", "/public/https://a//b", "/public/*"),
    (KEEP, "/public/https%3a//a", "/public/https%3A//a", "/public/*"),
    (KEEP, "/admin", "/admin", "/admin"),
    // Where they are refused, one at the end is a trailing slash.
    (SINGLE, "/", "/", "/"),
    (SINGLE, "/admin", "/admin", "/admin"),
    (SINGLE, "/admin/", "/admin/", "/admin/*"),
    (SINGLE, "/admin/users/", "/admin/users/", "/admin/*"),
    (SINGLE, "/%61dmin/", "/admin/", "/admin/*"),
];

pub(super) const REFUSED: &[Refused] = &[
    (
        SINGLE,
        "an empty segment",
        &["//", "//admin", "/admin//", "/admin//users", "//%61dmin", "///", "/a///b", "/files//a", "/public/https://a"],
    ),
    (KEEP, "a character that may not stand in it", &["/public/https://a?b", "//admin#"]),
    (KEEP, "an escaped `/` or `\\`", &["//%2Fadmin"]),
];
