//! What may be said of a listener and of the administration, and every mistake in it.

use std::time::Duration;

use super::mistake::expect;
use super::{FULL, plan, read, shown};
use crate::limits::ListenerLimits;
use crate::network::Network;
use crate::plan::{AdminPlan, CertificatePlan, FilePlan, ListenerPlan};
use crate::target::{DotSegments, EncodedSlash, PathRules, Slashes, Underscores};
use crate::units::ByteSize;

/// Below the address of a listener: what is written, the message and the remedy.
const IN_A_LISTENER: &[(&str, &str, &str)] = &[
    ("adress = 1", "unknown key `listener.adress`", "did you mean `address`?"),
    ("tls = true", "`listener.tls` must be a table, but this is a boolean", "write `tls = { certificates ="),
    ("tls = {}", "`listener.tls.certificates` is missing", "write `certificates = [{ cert ="),
    ("tls = { certificates = [] }", "`listener.tls.certificates` is empty", "or leave `tls` out"),
    ("tls = { certificates = \"a.pem\" }", "`listener.tls.certificates` must be an array", "write `certificates = [{"),
    ("tls = { certificates = [\"a.pem\"] }", "`listener.tls.certificates` must be a table", "write `certificates = [{"),
    (
        "tls = { certificates = [{ cert = \"a.pem\" }] }",
        "`listener.tls.certificates.key` is missing",
        "write `key = \"site.key\"`: a certificate and its key belong together",
    ),
    ("tls = { certificates = [{ key = \"a.key\" }] }", "`listener.tls.certificates.cert` is missing", "write `cert ="),
    (
        "tls = { certificates = [{ cert = \"\", key = \"a.key\" }] }",
        "`listener.tls.certificates.cert` is empty",
        "write `cert =",
    ),
    (
        "tls = { certificates = [{ cert = \"a.pem\", key = 1 }] }",
        "`listener.tls.certificates.key` must be a string",
        "write `key =",
    ),
    (
        "tls = { certificates = [{ cert = \"a.pem\", key = \"a.key\", crt = 1 }] }",
        "unknown key `listener.tls.certificates.crt`",
        "did you mean `cert`?",
    ),
    ("tls.client_ca = [\"ca.pem\"]", "`listener.tls.client_ca` must be a string", "write `client_ca ="),
    ("tls.client_ca = \" \"", "`listener.tls.client_ca` is empty", "write `client_ca ="),
    ("tls.client_cas = \"ca.pem\"", "unknown key `listener.tls.client_cas`", "did you mean `client_ca`?"),
    ("tls.redirect_from = \":80\"", "`:80` is not an address to listen on", "write `0.0.0.0:80`"),
    (
        "tls.redirect_from = 80",
        "`listener.tls.redirect_from` must be a string",
        "write `redirect_from = \"0.0.0.0:80\"`",
    ),
    ("h2c = \"yes\"", "`listener.h2c` must be a boolean", "write `true` or `false`"),
    (
        "h2c = true\ntls = { certificates = [{ cert = \"a.pem\", key = \"a.key\" }] }",
        "a listener has both `tls` and `h2c`",
        "leave `h2c` out",
    ),
    (
        "trusted_proxies = \"10.0.0.0/8\"",
        "`listener.trusted_proxies` must be an array, but this is a string",
        "write `trusted_proxies = [\"10.0.0.0/8\"]`",
    ),
    ("trusted_proxies = [\"proxy\"]", "`listener.trusted_proxies`: `proxy` is not a network", "as in `10.0.0.0/8`"),
    ("trusted_proxies = [\"10.0.0.0/33\"]", "`10.0.0.0/33` does not say how many bits count", "from 0 to 32"),
    ("trusted_proxies = [\"10.1.0.0/8\"]", "has bits set beyond the first 8", "write `10.0.0.0/8`, or `10.1.0.0` for"),
    ("trusted_proxies = [10]", "`listener.trusted_proxies` must be a string", "write `trusted_proxies ="),
    ("encoded_slash = \"opaqe\"", "`listener.encoded_slash` is `opaqe`", "did you mean `opaque`?"),
    ("encoded_slash = \"decode\"", "`listener.encoded_slash` is `decode`", "write `\"reject\"` or `\"opaque\"`"),
    ("encoded_slash = true", "`listener.encoded_slash` must be a string", "write `\"reject\"` or `\"opaque\"`"),
    ("dot_segments = \"Resolve\"", "`listener.dot_segments` is `Resolve`", "did you mean `resolve`?"),
    ("dot_segments = \"keep\"", "`listener.dot_segments` is `keep`", "write `\"reject\"` or `\"resolve\"`"),
    ("slashes = \"mrge\"", "`listener.slashes` is `mrge`", "did you mean `merge`?"),
    ("slashes = \"\"", "`listener.slashes` is ``", "write `\"merge\"`, `\"keep\"` or `\"reject\"`"),
    ("headers_with_underscores = \"dropp\"", "`listener.headers_with_underscores` is `dropp`", "did you mean `drop`?"),
    ("limits = 5", "`listener.limits` must be a table", "write `limits = {"),
    ("limits = { header_red = \"1s\" }", "unknown key `listener.limits.header_red`", "did you mean `header_read`?"),
    (
        "limits = { cpu = \"1s\" }",
        "unknown key `listener.limits.cpu`",
        "the keys here are `header_block`, `header_fields`",
    ),
    ("limits = { header_block = \"1MiB\" }", "`listener.limits.header_block` is `1MiB`", "`\"1KiB\"` to `\"256KiB\"`"),
    ("limits = { header_block = \"100B\" }", "`listener.limits.header_block` is `100B`", "`\"1KiB\"` to `\"256KiB\"`"),
    ("limits = { header_block = 32768 }", "`listener.limits.header_block` must be a string", "a number and a unit"),
    ("limits = { header_fields = 101 }", "`listener.limits.header_fields` is `101`", "from 1 to 100"),
    ("limits = { header_fields = 0 }", "`listener.limits.header_fields` is `0`", "from 1 to 100"),
    ("limits = { request_line = \"16B\" }", "`listener.limits.request_line` is `16B`", "`\"64B\"` to `\"256KiB\"`"),
    (
        "limits = { request_line = \"40KiB\" }",
        "`listener.limits.request_line` is `40KiB`, but `header_block` is `32KiB`",
        "lower it to `32KiB`, or write `header_block = \"40KiB\"`",
    ),
    (
        "limits = { request_line = \"8KiB\", header_block = \"4KiB\" }",
        "`listener.limits.request_line` is `8KiB`, but `header_block` is `4KiB`",
        "lower it to `4KiB`",
    ),
    ("limits = { first_byte = \"0s\" }", "`listener.limits.first_byte` is `0s`", "write `\"1ms\"` to `\"1h\"`"),
    ("limits = { header_read = \"2h\" }", "`listener.limits.header_read` is `2h`", "write `\"1ms\"` to `\"1h\"`"),
    ("limits = { tls_handshake = \"10\" }", "`listener.limits.tls_handshake`: `10` has no unit", "use one of"),
    ("limits = { idle = \"25h\" }", "`listener.limits.idle` is `25h`", "write `\"1ms\"` to `\"1h\"`"),
    ("limits = { body_idle = \"0s\" }", "`listener.limits.body_idle` is `0s`", "write `\"1ms\"` to"),
    ("limits = { write_idle = 60 }", "`listener.limits.write_idle` must be a string", "as in `\"200ms\"`"),
    ("limits = { rate_grace = \"61m\" }", "`listener.limits.rate_grace` is `61m`", "write `\"0s\"` to `\"1h\"`"),
    ("limits = { body_rate = 1_000_001 }", "`listener.limits.body_rate` is `1000001`", "from 0 to 1000000"),
    ("limits = { write_rate = -1 }", "`listener.limits.write_rate` is `-1`", "from 0 to 1000000"),
    ("limits = { connections = 0 }", "`listener.limits.connections` is `0`", "from 1 to 1000000"),
    ("limits = { connections_per_address = 0 }", "`listener.limits.connections_per_address` is `0`", "from 1 to"),
    ("limits = { streams = 10_001 }", "`listener.limits.streams` is `10001`", "from 1 to 10000"),
    ("limits = { header_list = \"1GiB\" }", "`listener.limits.header_list` is `1GiB`", "`\"1KiB\"` to `\"256KiB\"`"),
    ("limits = { stream_window = \"0B\" }", "`listener.limits.stream_window` is `0B`", "`\"1B\"` to `\"2147483647B\"`"),
    (
        "limits = { connection_window = \"2GiB\" }",
        "`listener.limits.connection_window` is `2GiB`",
        "to `\"2147483647B\"`",
    ),
    ("limits = { reset_streams = 0 }", "`listener.limits.reset_streams` is `0`", "from 1 to 10000"),
    ("limits = { reset_streams_local = 10_001 }", "`listener.limits.reset_streams_local` is", "from 1 to 10000"),
];

/// Instead of any listener: what is written, the message and the remedy.
const TOGETHER: &[(&str, &str, &str)] = &[
    ("listener = [{ tls = { certificates = [] } }]", "`listener.tls.certificates` is empty", "write `certificates ="),
    (
        "[[listener]]\naddress = \"1.1.1.1:1\"\ntls = { certificates = [{ cert = \"a\", key = \"b\" }], redirect_from = \"1.1.1.1:1\" }",
        "`listener.tls.redirect_from` is `1.1.1.1:1`, which is the address of a listener",
        "give one of them another port, or leave `redirect_from` out",
    ),
    (
        "[[listener]]\naddress = \"1.1.1.1:1\"\ntls = { certificates = [{ cert = \"a\", key = \"b\" }], redirect_from = \"1.1.1.1:2\" }\n[[listener]]\naddress = \"1.1.1.1:2\"",
        "`listener.tls.redirect_from` is `1.1.1.1:2`, which is the address of a listener",
        "give one of them another port",
    ),
    (
        "[[listener]]\naddress = \"1.1.1.1:1\"\ntls = { certificates = [{ cert = \"a\", key = \"b\" }], redirect_from = \"1.1.1.1:9\" }\n[[listener]]\naddress = \"1.1.1.1:2\"\ntls = { certificates = [{ cert = \"a\", key = \"b\" }], redirect_from = \"1.1.1.1:9\" }",
        "`listener.tls.redirect_from` is `1.1.1.1:9`, which is the `redirect_from` of a listener",
        "give one of them another port",
    ),
    (
        "[[listener]]\naddress = \"1.1.1.1:1\"\n[admin]\naddress = \"1.1.1.1:1\"",
        "`admin.address` is `1.1.1.1:1`, which is the address of a listener",
        "leave `admin.address` out and use the socket",
    ),
    (
        "[[listener]]\naddress = \"1.1.1.1:1\"\ntls = { certificates = [{ cert = \"a\", key = \"b\" }], redirect_from = \"1.1.1.1:9\" }\n[admin]\naddress = \"1.1.1.1:9\"",
        "`admin.address` is `1.1.1.1:9`, which is the `redirect_from` of a listener",
        "give one of them another port",
    ),
    (
        "[admin]\naddress = \"127.0.0.1:8080\"",
        "`admin.address` is `127.0.0.1:8080`, which is where the host listens unless",
        "give one of them another port",
    ),
    ("admin = \"127.0.0.1:1\"", "`admin` must be a table, but this is a string", "write `[admin]` above"),
    ("admin.adress = \"127.0.0.1:1\"", "unknown key `admin.adress`", "did you mean `address`?"),
    ("admin.port = 1", "unknown key `admin.port`", "the keys here are `socket`, `address`"),
    ("admin.address = \"localhost:9090\"", "`localhost:9090` is not an address to listen on", "write `127.0.0.1:9090`"),
    ("admin.address = 9090", "`admin.address` must be a string", "write `address = \"127.0.0.1:9090\"`"),
    ("admin.socket = \"\"", "`admin.socket` is empty", "write `socket = \".hostel/admin.sock\"`"),
    ("admin.socket = false", "`admin.socket` must be a string", "write `socket ="),
];

#[test]
fn every_mistake_in_a_listener_has_its_line_and_its_remedy() {
    for (written, message, help) in IN_A_LISTENER {
        let text = format!("version = 1\n[[listener]]\naddress = \"127.0.0.1:1\"\n{written}\n");
        expect(&text, message, help, 2..=5 + written.matches('\n').count());
    }
}

#[test]
fn every_mistake_among_listeners_and_administration_has_its_line_and_its_remedy() {
    for (written, message, help) in TOGETHER {
        let text = format!("version = 1\n{written}\n");
        expect(&text, message, help, 2..=2 + written.matches('\n').count());
    }
}

#[test]
fn a_mistake_is_reported_once_and_no_other_is_made_up() {
    let one_each = IN_A_LISTENER.iter().filter(|(written, ..)| !written.starts_with("tls."));
    for (written, message, _) in one_each {
        let parsed = read(&format!("version = 1\n[[listener]]\naddress = \"127.0.0.1:1\"\n{written}\n"));
        let shown = shown(&parsed.problems);
        assert!(matches!(shown.as_slice(), [one] if one.contains(message)), "{written}: {shown:#?}");
    }
    let parsed = read("version = 1\nlistener = [{ address = \"x\" }]\nadmin.address = \"127.0.0.1:8080\"\n");
    assert_eq!(parsed.problems.len(), 1, "{:#?}", shown(&parsed.problems));
}

#[test]
fn everything_that_may_be_said_of_a_listener_is_read() {
    let plan = plan(FULL);
    let [plain, secure] = plan.listeners.as_slice() else { panic!("two listeners") };
    let only_named =
        ListenerPlan { services: plain.services.clone(), span: plain.span.clone(), ..ListenerPlan::all(plain.address) };
    assert_eq!(*plain, only_named);

    let tls = secure.tls.as_ref().expect("it speaks TLS");
    let written =
        |file: &FilePlan| FULL.get(file.span.clone().expect("a place")).map(|text| text.trim_matches('"') == file.path);
    let names: Vec<_> =
        tls.certificates.iter().map(|CertificatePlan { cert, key }| (cert.path.as_str(), key.path.as_str())).collect();
    assert_eq!(names, [("a.pem", "a.key"), ("b.pem", "b.key")]);
    let files = tls.certificates.iter().flat_map(|pair| [&pair.cert, &pair.key]).chain(&tls.client_ca);
    assert!(files.map(written).all(|same| same == Some(true)));
    assert_eq!(tls.client_ca.as_ref().map(|file| file.path.as_str()), Some("ca.pem"));
    assert_eq!(tls.redirect_from.map(|address| address.to_string()).as_deref(), Some("[::1]:5002"));
    assert!(!secure.h2c);
    let networks = ["10.0.0.0/8", "::1"].map(|text| Network::parse(text).expect(text));
    assert_eq!(secure.trusted_proxies, networks);
    let paths =
        PathRules { encoded_slash: EncodedSlash::Opaque, dot_segments: DotSegments::Resolve, slashes: Slashes::Keep };
    assert_eq!((secure.paths, secure.underscores), (paths, Underscores::Drop));
    let limits = ListenerLimits {
        header_block: ByteSize::kib(64),
        header_read: Duration::from_secs(5),
        connections: 100,
        body_rate: 0,
        ..ListenerLimits::default()
    };
    assert_eq!(secure.limits, limits);

    let admin = AdminPlan { socket: Some("admin/socket".to_owned()), address: "127.0.0.1:9090".parse().ok() };
    assert_eq!(plan.admin, admin);
    assert_eq!(super::plan("version = 1\n").admin, AdminPlan::default());
}

#[test]
fn every_limit_of_a_listener_replaces_its_default() {
    let text = r#"version = 1
[[listener]]
address = "127.0.0.1:1"
h2c = true
[listener.limits]
header_block = "16KiB"
header_fields = 50
request_line = "16KiB"
first_byte = "1s"
header_read = "2s"
tls_handshake = "3s"
idle = "4s"
body_idle = "5s"
body_rate = 6
rate_grace = "0s"
write_idle = "8s"
write_rate = 9
connections = 10
connections_per_address = 11
streams = 12
header_list = "13KiB"
stream_window = "14KiB"
connection_window = "15KiB"
reset_streams = 16
reset_streams_local = 17
"#;
    let limits = ListenerLimits {
        header_block: ByteSize::kib(16),
        header_fields: 50,
        request_line: ByteSize::kib(16),
        first_byte: Duration::from_secs(1),
        header_read: Duration::from_secs(2),
        tls_handshake: Duration::from_secs(3),
        idle: Duration::from_secs(4),
        body_idle: Duration::from_secs(5),
        body_rate: 6,
        rate_grace: Duration::ZERO,
        write_idle: Duration::from_secs(8),
        write_rate: 9,
        connections: 10,
        connections_per_address: 11,
        streams: 12,
        header_list: ByteSize::kib(13),
        stream_window: ByteSize::kib(14),
        connection_window: ByteSize::kib(15),
        reset_streams: 16,
        reset_streams_local: 17,
        ..ListenerLimits::default()
    };
    let plan = plan(text);
    assert_eq!(
        plan.listeners.iter().map(|listener| (&listener.limits, listener.h2c)).collect::<Vec<_>>(),
        [(&limits, true)]
    );
}

#[test]
fn a_smaller_header_block_makes_the_default_request_line_smaller() {
    let plan = plan("version = 1\n[[listener]]\naddress = \"127.0.0.1:1\"\nlimits.header_block = \"4KiB\"\n");
    let limits: Vec<_> = plan.listeners.iter().map(|listener| listener.limits.request_line).collect();
    assert_eq!(limits, [ByteSize::kib(4)]);
}

#[test]
fn ports_that_the_system_chooses_do_not_collide() {
    let tls = "tls = { certificates = [{ cert = \"a\", key = \"b\" }], redirect_from = \"127.0.0.1:0\" }";
    let listener = format!("[[listener]]\naddress = \"127.0.0.1:0\"\n{tls}\n");
    let plan = plan(&format!("version = 1\n{listener}{listener}[admin]\naddress = \"127.0.0.1:0\"\n"));
    assert_eq!(plan.listeners.len(), 2);
}
