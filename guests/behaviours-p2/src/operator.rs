//! What the operator and the host tell a service: its variables, its caller, its log.

use crate::host::hostel::service::context;
use crate::host::wasi::config0_2_0_draft_2024_09_27::store as draft;
use crate::host::wasi::config0_2_0_rc_1::store as config;
use crate::host::wasi::logging::logging::{Level, log};
use crate::json;
use crate::query::Query;

/// All variables, and the one named by `key`; `draft=1` asks the older interface.
pub fn configuration(query: &Query) -> String {
    let key = query.text("key");
    let (all, one) = if query.has("draft") {
        (draft::get_all().map_err(|error| format!("{error:?}")), draft::get(key).map_err(|error| format!("{error:?}")))
    } else {
        (
            config::get_all().map_err(|error| format!("{error:?}")),
            config::get(key).map_err(|error| format!("{error:?}")),
        )
    };
    let error = |text: String| json::object([("error", json::text(&text))]);
    let all = all.map(|pairs| json::object(pairs.into_iter().map(|(name, value)| (name, json::text(&value)))));
    let one = one.map(|value| json::optional(value, |value| json::text(&value)));
    json::object([("all", all.unwrap_or_else(error)), ("get", one.unwrap_or_else(error))])
}

pub fn context() -> String {
    json::object([
        ("request_id", json::text(&context::request_id())),
        ("caller", json::optional(context::caller(), |caller| json::text(&caller))),
        ("time_remaining", context::time_remaining().to_string()),
    ])
}

/// One line at each level.
pub fn log_all_levels(message: &str) {
    for level in [Level::Trace, Level::Debug, Level::Info, Level::Warn, Level::Error, Level::Critical] {
        log(level, "test", message);
    }
}

/// What goes to an output: the lines asked for, one with colours, a flood, one without an end.
pub fn printed(query: &Query, output: &str, flood: bool) -> String {
    let mut lines: String = query.all("text").map(|text| format!("{text}\n")).collect();
    lines.push_str(&format!("\x1b[31mred on {output}\x1b[0m\n"));
    if flood {
        // 16 lines of 64 bytes are a KiB.
        let line = format!("{:63}\n", "flood");
        lines.push_str(&line.repeat(16 * query.number("flood", 0)));
    }
    lines.push_str(&format!("unterminated on {output}"));
    lines
}
