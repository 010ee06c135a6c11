//! What a service is granted: buckets, variables, secrets, calls and hosts outside.

use super::problem::Report;
use super::section::{Item, Section, string};
use crate::egress::Outbound;
use crate::name::{BucketName, ServiceName};
use crate::plan::{SecretPlan, SecretSource, ServicePlan};

const KEYVALUE: &str = "`keyvalue = [\"default\"]`";
const CALLS: &str = "`calls = [\"users\"]`";
const OUTBOUND: &str = "`outbound = [\"https://api.example.com\"]`";
const VARIABLES: &str = "`variables = { token_minutes = \"60\" }`";
const SECRET: &str = "`{ file = \"signing.key\" }` or `{ env = \"SIGNING_KEY\" }`";

/// Fills the grants of `plan`; the calls come back with their places.
pub(super) fn read(section: &Section<'_>, plan: &mut ServicePlan, report: &mut Report<'_>) -> Vec<Item<ServiceName>> {
    let buckets = section.parsed("keyvalue", KEYVALUE, BucketName::from_identifier, report);
    plan.keyvalue = buckets.into_iter().map(|bucket| bucket.value).collect();
    let calls = section.parsed("calls", CALLS, ServiceName::parse, report);
    plan.calls = calls.iter().map(|call| call.value.clone()).collect();
    let outbound = section.parsed("outbound", OUTBOUND, Outbound::parse, report);
    plan.outbound = outbound.into_iter().map(|host| host.value).collect();
    variables(section, plan, report);
    secrets(section, plan, report);
    calls
}

fn variables(section: &Section<'_>, plan: &mut ServicePlan, report: &mut Report<'_>) {
    let Some(variables) = section.section("variables", VARIABLES, report) else {
        return;
    };
    for (name, value) in variables.entries() {
        if let Some(text) = string(value, &variables.path(name.value), "every value in quotes, as in `\"60\"`", report)
        {
            plan.variables.insert(name.value.to_owned(), text.value.to_owned());
        }
    }
}

fn secrets(section: &Section<'_>, plan: &mut ServicePlan, report: &mut Report<'_>) {
    let example = format!("`secrets = {{ signing_key = … }}` with {SECRET}");
    let Some(secrets) = section.section("secrets", &example, report) else {
        return;
    };
    let variables = section.get("variables").and_then(|variables| variables.get_ref().as_table());
    for (name, value) in secrets.entries() {
        if let Some(same) = variables.and_then(|table| table.keys().find(|key| key.get_ref() == name.value)) {
            let message = format!("`{}` is both a variable and a secret of service `{}`", name.value, plan.name);
            let problem = super::Problem::error(
                report.source(),
                message,
                "keep one of them: a guest reads both by the same name",
            );
            report.push(problem.at(name.span.clone(), "the secret").at(same.span(), "the variable"));
        }
        let table = Section::of(value, name.span.clone(), secrets.path(name.value), SECRET, report);
        if let Some(source) = table.and_then(|table| secret(&table, report)) {
            plan.secrets.insert(name.value.to_owned(), SecretPlan { source: source.value, span: source.span });
        }
    }
}

fn secret(table: &Section<'_>, report: &mut Report<'_>) -> Option<Item<SecretSource>> {
    table.expect_only(&["file", "env"], report);
    let file = table.text("file", SECRET, report);
    let env = table.text("env", SECRET, report);
    match (table.get("file").is_some(), table.get("env").is_some()) {
        (true, true) => {
            let message = format!("`{}` has both `file` and `env`", table.title());
            report.error(table.span(), "this one", message, "keep one of them");
            return None;
        }
        (false, false) => {
            let message = format!("`{}` says neither `file` nor `env`", table.title());
            report.missing(table.span(), message, &format!("write {SECRET}"));
        }
        _ => {}
    }
    let file = file.map(|file| Item { value: SecretSource::File(file.value.to_owned()), span: file.span });
    let env = env.map(|env| Item { value: SecretSource::Env(env.value.to_owned()), span: env.span });
    file.or(env)
}
