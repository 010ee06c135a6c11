//! `tls` of a listener: certificates and their keys, whose certificates clients need, and where HTTP is sent on from.

use std::ops::Range;

use super::socket_address;
use crate::config::problem::Report;
use crate::config::section::Section;
use crate::plan::{CertificatePlan, FilePlan, TlsPlan};

const TLS: &str = "`tls = { certificates = [{ cert = \"site.pem\", key = \"site.key\" }] }`";
const CERTIFICATES: &str = "`certificates = [{ cert = \"site.pem\", key = \"site.key\" }]`";
const CERT: &str = "`cert = \"site.pem\"`";
const KEY: &str = "`key = \"site.key\"`";
const CLIENT_CA: &str = "`client_ca = \"clients.pem\"`";
const REDIRECT_FROM: &str = "`redirect_from = \"0.0.0.0:80\"`";

/// What is asked for, not yet compared with other listeners.
pub(super) struct TlsDraft {
    pub(super) plan: TlsPlan,
    /// Where `redirect_from` is set.
    pub(super) redirect_from: Option<Range<usize>>,
}

pub(super) fn read(listener: &Section<'_>, report: &mut Report<'_>) -> Option<TlsDraft> {
    let section = listener.section("tls", TLS, report)?;
    section.expect_only(&["certificates", "client_ca", "redirect_from"], report);
    let certificates = certificates(&section, report);
    let client_ca = file(&section, "client_ca", CLIENT_CA, report);
    let redirect_from = socket_address(&section, "redirect_from", REDIRECT_FROM, report);
    let (redirect_from, span) = redirect_from.map(|item| (item.value, item.span)).unzip();
    Some(TlsDraft { plan: TlsPlan { certificates, client_ca, redirect_from }, redirect_from: span })
}

fn certificates(section: &Section<'_>, report: &mut Report<'_>) -> Vec<CertificatePlan> {
    let path = section.path("certificates");
    let values = section.list("certificates", CERTIFICATES, report);
    match section.get("certificates") {
        None => report.missing(section.span(), format!("`{path}` is missing"), &format!("write {CERTIFICATES}")),
        Some(value) if value.get_ref().as_array().is_some_and(|array| array.is_empty()) => {
            let help = format!("write {CERTIFICATES}, or leave `tls` out");
            report.error(value.span(), "nothing in it", format!("`{path}` is empty"), help);
        }
        Some(_) => {}
    }
    let mut certificates = Vec::new();
    for value in values {
        let table = Section::of(value, value.span(), path.clone(), CERTIFICATES, report);
        certificates.extend(table.and_then(|table| certificate(&table, report)));
    }
    certificates
}

fn certificate(section: &Section<'_>, report: &mut Report<'_>) -> Option<CertificatePlan> {
    section.expect_only(&["cert", "key"], report);
    for (key, example) in [("cert", CERT), ("key", KEY)] {
        if section.get(key).is_none() {
            let help = format!("write {example}: a certificate and its key belong together");
            report.missing(section.span(), format!("`{}` is missing", section.path(key)), &help);
        }
    }
    let cert = file(section, "cert", CERT, report);
    let key = file(section, "key", KEY, report);
    Some(CertificatePlan { cert: cert?, key: key? })
}

fn file(section: &Section<'_>, key: &str, example: &str, report: &mut Report<'_>) -> Option<FilePlan> {
    let item = section.text(key, example, report)?;
    Some(FilePlan { path: item.value.to_owned(), span: Some(item.span) })
}
