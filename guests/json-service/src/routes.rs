//! Finds the endpoint for a method and path, and says which methods a path has otherwise.

use crate::problem::Problem;
use crate::request::Request;

/// One line of a service's table: a method, a path whose `{…}` stands for one segment, and what answers it.
#[derive(Debug, Clone, Copy)]
pub struct Route<E> {
    /// The method in capitals; `GET` answers `HEAD` too.
    pub method: &'static str,
    /// Such as `/user/{id}`; at most one `{…}`.
    pub path: &'static str,
    /// What answers it.
    pub endpoint: E,
}

/// The endpoint for this request and the text that stands where its path has `{…}` (empty without one).
///
/// # Errors
/// 404 for a path that the table does not have, 405 with `Allow` for a method that the path does not have.
pub fn find<'r, E: Copy>(table: &[Route<E>], request: &'r Request) -> Result<(E, &'r str), Problem> {
    let method = if request.is_head() { "GET" } else { &request.method };
    let mut allowed: Vec<&str> = Vec::new();
    for route in table {
        let Some(captured) = capture(route.path, &request.path) else {
            continue;
        };
        if route.method == method {
            return Ok((route.endpoint, captured));
        }
        allowed.push(route.method);
        if route.method == "GET" {
            allowed.push("HEAD");
        }
    }
    if allowed.is_empty() {
        return Err(Problem::not_found("there is nothing at this path"));
    }
    let allowed = allowed.join(", ");
    Err(Problem::new(405, "method-not-allowed", "Method not allowed", format!("this path answers {allowed}"))
        .header("allow", allowed))
}

fn capture<'p>(template: &str, path: &'p str) -> Option<&'p str> {
    let mut captured = "";
    let mut wanted = template.split('/');
    let mut given = path.split('/');
    loop {
        match (wanted.next(), given.next()) {
            (None, None) => return Some(captured),
            (Some(name), Some(segment)) if name.starts_with('{') && !segment.is_empty() => captured = segment,
            (Some(name), Some(segment)) if name == segment => {}
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_captures_exactly_one_segment() {
        for (template, path, expected) in [
            ("/user/{id}", "/user/7", Some("7")),
            ("/user/{id}", "/user/", None),
            ("/user/{id}", "/user/7/", None),
            ("/user/{id}", "/user", None),
            ("/user/{id}", "/user/7/8", None),
            ("/order", "/order", Some("")),
            ("/order", "/orders", None),
            ("/order", "order", None),
        ] {
            assert_eq!(capture(template, path), expected, "{template} {path}");
        }
    }
}
