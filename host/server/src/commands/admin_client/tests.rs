//! Finding a host, and what is said where there is none.

use super::*;

#[test]
fn a_host_is_named_by_a_path_or_by_an_address() {
    let unix = |path: &str| Place::Unix(PathBuf::from(path));
    assert_eq!(parse("unix:/run/h.sock").unwrap(), unix("/run/h.sock"));
    assert_eq!(parse("/run/h.sock").unwrap(), unix("/run/h.sock"));
    assert_eq!(parse("admin.sock").unwrap(), unix("admin.sock"));
    assert_eq!(parse("http://127.0.0.1:9090").unwrap(), Place::Tcp("127.0.0.1:9090".to_owned()));
    assert_eq!(parse("http://[::1]:9090/").unwrap(), Place::Tcp("[::1]:9090".to_owned()));
    for text in ["unix:", "http://", "http://localhost", "http://a:1/b", "http://u@a:1", "https://a:1", "tcp://a:1"] {
        let error = parse(text).unwrap_err();
        assert_eq!(Exit::from(&error), Exit::Configuration, "{text}");
    }
}

#[test]
fn where_nobody_answers_is_said_with_what_to_do() {
    let folder = tempfile::TempDir::new().unwrap();
    let asking = |admin: Option<&str>| Asking {
        target: crate::cli::Target { path: folder.path().to_path_buf() },
        admin: admin.map(str::to_owned),
        json: false,
    };
    let error = |admin, environment: Environment<'_>| ask(&asking(admin), environment, "/v1/status").err().unwrap();
    let none = |_: &str| None;
    let found = error(None, &none);
    let socket = folder.path().join(".hostel/admin.sock");
    let expected =
        format!("no host answers at `{}`; start it with `hostel up`, or name another with --admin", socket.display());
    assert_eq!(found.to_string(), expected);
    assert_eq!(Exit::from(&found), Exit::Unavailable);
    let named = |name: &str| (name == "HOSTEL_ADMIN").then(|| "unix:elsewhere.sock".to_owned());
    assert!(error(None, &named).to_string().starts_with("no host answers at `elsewhere.sock`; "));
    assert!(error(Some("first.sock"), &named).to_string().starts_with("no host answers at `first.sock`; "));
}

#[test]
fn a_refusal_ends_as_what_it_is_about() {
    let exit = |status: u16, slug: &str| {
        let problem = view::Problem {
            r#type: format!("urn:hostel:problem:{slug}"),
            title: String::new(),
            status,
            detail: "It cannot be.".to_owned(),
            problems: Vec::new(),
        };
        let error = AskError::Refused { place: Place::Tcp("a:1".to_owned()), problem: Box::new(problem) };
        assert_eq!(error.to_string(), "the host at `http://a:1` refuses: it cannot be");
        Exit::from(&error)
    };
    assert_eq!(exit(404, "no-route"), Exit::Configuration);
    assert_eq!(exit(409, "conflict"), Exit::Configuration);
    assert_eq!(exit(422, "unprocessable"), Exit::Configuration);
    assert_eq!(exit(412, "precondition-failed"), Exit::Again);
    assert_eq!(exit(503, "busy"), Exit::Again);
    assert_eq!(exit(503, "storage-failed"), Exit::Io);
    assert_eq!(exit(507, "storage-full"), Exit::Io);
    assert_eq!(exit(500, "internal"), Exit::Bug);
}
