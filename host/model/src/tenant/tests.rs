//! Who owns a name, a host, a route.

use super::*;

fn pattern(text: &str) -> ServicePattern {
    ServicePattern::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn tenant(name: &str, services: &str, hosts: &[&str]) -> Tenant {
    Tenant {
        name: TenantName::parse(name).expect(name),
        services: pattern(services),
        hosts: hosts.iter().map(|host| HostPattern::parse(host).expect(host)).collect(),
        limits: TenantLimits::default(),
    }
}

fn service(name: &str) -> ServiceName {
    ServiceName::parse(name).expect(name)
}

fn route(host: Option<&str>) -> RoutePattern {
    let host = host.map(|host| HostPattern::parse(host).expect(host));
    RoutePattern { host, ..RoutePattern::parse("/x").expect("a route") }
}

#[test]
fn a_pattern_is_a_name_or_a_beginning() {
    for (text, yes, no) in [
        ("acme", &["acme"][..], &["acme-a", "acm", "acmes"][..]),
        ("acme-*", &["acme-a", "acme-b-c"], &["acme", "acmea", "other", "x-acme-a"]),
        ("acme*", &["acme", "acmea", "acme-a"], &["acm", "bacme"]),
        ("a-b*", &["a-b", "a-bc"], &["a-", "a-c"]),
    ] {
        let pattern = pattern(text);
        assert_eq!(pattern.to_string(), text);
        for name in yes {
            assert!(pattern.matches(name), "{text} {name}");
            assert!(name.starts_with(pattern.beginning()), "{text} {name}");
        }
        for name in no {
            assert!(!pattern.matches(name), "{text} {name}");
        }
    }
}

#[test]
fn a_pattern_that_means_nothing_or_everything_is_refused() {
    for (text, words) in [
        ("*", "is every service"),
        ("", "the name is empty"),
        ("a*b", "not at its end"),
        ("a**", "not at its end"),
        ("*-a", "not at its end"),
        ("Acme-*", "use only lower-case"),
        ("-*", "the name is empty"),
        ("--*", "begins with `-`"),
        ("acme--*", "ends with `-`"),
        ("1-*", "begins with `1`"),
        ("acme-", "ends with `-`"),
    ] {
        let error = ServicePattern::parse(text).expect_err(text).to_string();
        assert!(error.contains(words), "{text}: {error}");
    }
}

#[test]
fn patterns_overlap_exactly_where_a_name_is_of_both() {
    let texts = ["a", "ab", "a*", "ab*", "a-*", "a-b", "a-b*", "b*", "b-a"];
    let names = ["a", "ab", "abc", "a-x", "a-b", "a-bc", "b", "b-a", "b-b", "c"];
    for one in texts.map(pattern) {
        for other in texts.map(pattern) {
            let both = names.iter().any(|name| one.matches(name) && other.matches(name));
            assert_eq!(one.overlaps(&other), both, "{one} {other}");
        }
    }
}

#[test]
fn hosts_cover_and_overlap_as_the_names_they_match_do() {
    let texts = ["a.example", "b.a.example", "*.a.example", "*.b.a.example", "*.example", "example", "[::1]"];
    let names = ["a.example", "b.a.example", "c.b.a.example", "x.example", "example", "[::1]", "y.b.a.example"];
    let hosts = texts.map(|text| HostPattern::parse(text).expect(text));
    for one in &hosts {
        for other in &hosts {
            let both = |name: &&&str| one.matches(name) && other.matches(name);
            assert_eq!(one.overlaps(other), names.iter().any(|name| both(&name)), "{one} {other}");
            let all = names.iter().filter(|name| other.matches(name)).all(|name| one.matches(name));
            assert_eq!(one.covers(other), all, "{one} {other}");
        }
    }
}

#[test]
fn each_service_has_one_owner_or_is_the_operators() {
    let tenants = Tenants::of(vec![tenant("acme", "acme-*", &[]), tenant("beta", "beta", &[])]);
    let owner = |name: &str| tenants.owner(&service(name)).map(|tenant| tenant.name.to_string());
    assert_eq!(owner("acme-users").as_deref(), Some("acme"));
    assert_eq!(owner("beta").as_deref(), Some("beta"));
    for operators in ["acme", "beta-b", "users"] {
        assert_eq!(owner(operators), None, "{operators}");
    }
}

#[test]
fn routes_lead_to_those_who_own_their_hosts() {
    let acme = tenant("acme", "acme-*", &["*.acme.example", "acme.example"]);
    let tenants = Tenants::of(vec![acme, tenant("beta", "beta-*", &["beta.example"])]);
    let refused = |name: &str, host: Option<&str>| match tenants.refuse(&service(name), &route(host)) {
        None => "allowed".to_owned(),
        Some(RouteOwner::NoHost(tenant)) => format!("no host of {}", tenant.name),
        Some(RouteOwner::NotOwned(tenant)) => format!("not of {}", tenant.name),
        Some(RouteOwner::TakenBy(tenant)) => format!("taken by {}", tenant.name),
    };
    for (name, host, outcome) in [
        ("acme-a", Some("x.acme.example"), "allowed"),
        ("acme-a", Some("*.x.acme.example"), "allowed"),
        ("acme-a", Some("acme.example"), "allowed"),
        ("acme-a", None, "no host of acme"),
        ("acme-a", Some("other.example"), "not of acme"),
        ("acme-a", Some("*.example"), "taken by beta"),
        ("acme-a", Some("beta.example"), "taken by beta"),
        ("beta-a", Some("*.beta.example"), "not of beta"),
        ("users", None, "allowed"),
        ("users", Some("shop.example"), "allowed"),
        ("users", Some("x.acme.example"), "taken by acme"),
        ("users", Some("*.x.acme.example"), "taken by acme"),
        ("users", Some("*.example"), "taken by acme"),
        ("users", Some("beta.example"), "taken by beta"),
    ] {
        assert_eq!(refused(name, host), outcome, "{name} {host:?}");
    }
}

#[test]
fn a_service_that_says_nothing_answers_below_its_name_at_the_hosts_of_its_tenant() {
    let routes = |hosts: &[&str]| {
        let routes = tenant("acme", "acme-*", hosts).routes_by_name(&service("acme-a"));
        routes.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(routes(&["*.acme.example", "acme.example"]), ["*.acme.example/acme-a/*", "acme.example/acme-a/*"]);
    assert_eq!(routes(&[]), Vec::<String>::new());
}
