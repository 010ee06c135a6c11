//! Just enough JSON to answer with; a real service would take a crate for it.

/// A string with its quotes.
pub fn text(text: &str) -> String {
    let mut quoted = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            control if control < ' ' => quoted.push_str(&format!("\\u{:04x}", u32::from(control))),
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}

/// A string of what may not be UTF-8.
pub fn bytes(bytes: &[u8]) -> String {
    text(&String::from_utf8_lossy(bytes))
}

/// What `value` gives, or null.
pub fn optional<T>(option: Option<T>, value: impl FnOnce(T) -> String) -> String {
    option.map_or_else(|| "null".to_owned(), value)
}

pub fn list(items: impl IntoIterator<Item = String>) -> String {
    format!("[{}]", items.into_iter().collect::<Vec<_>>().join(","))
}

/// An object of values that are JSON already.
pub fn object<N: AsRef<str>>(members: impl IntoIterator<Item = (N, String)>) -> String {
    let members = members.into_iter().map(|(name, value)| format!("{}:{value}", text(name.as_ref())));
    format!("{{{}}}", members.collect::<Vec<_>>().join(","))
}
