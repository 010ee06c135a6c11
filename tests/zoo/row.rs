//! What a row of the zoo is: a guest, what is asked of it, and what must come of that.

use std::path::Path;
use std::time::Duration;

use super::ask::{Ask, Reply};
use super::bench::Bench;
use super::report::Seen;

/// One guest, or one way to abuse a host.
pub struct Row {
    /// Its number in the design, as in `G01`.
    pub number: &'static str,
    pub guest: &'static str,
    pub expected: &'static str,
    /// The service that is asked, and those beside it for it to call.
    pub services: Vec<Service>,
    pub trial: Trial,
}

/// How it is tried.
pub enum Trial {
    /// A service is asked.
    Asked(Asked),
    /// Components are deployed and must be refused.
    Refused(Refused),
    /// A scenario of its own.
    Own(fn(&mut Bench, &[Service]) -> Seen),
}

/// What is asked of a service.
pub struct Asked {
    /// In turn.
    pub asks: Vec<Ask>,
    /// What may run besides those that are asked at the same time: calls nobody waits for, work after answers.
    pub others: usize,
    /// The limit whose overshoot is measured.
    pub limit: Option<Limit>,
    /// How often it is asked alone; where one answer takes long, less often.
    pub alone: usize,
    /// A last look at the host, when everything has been asked.
    pub look: Option<fn(&mut Bench) -> Vec<String>>,
    /// Whether it is of any meaning without the rest of this host.
    pub stands_alone: bool,
    /// Whether canaries are asked meanwhile.
    pub canaries: bool,
}

/// A limit that ends a request.
#[derive(Clone, Copy, Debug)]
pub enum Limit {
    Cpu(Duration),
    Deadline(Duration),
}

/// Components that must not be deployed.
pub struct Refused {
    pub files: fn(&Bench) -> Vec<Bad>,
    /// The most that one of them may take.
    pub within: Duration,
}

/// One of them.
pub struct Bad {
    pub what: String,
    pub bytes: Vec<u8>,
    /// Words of which the reason must have one, in lower case; without any, it may be deployable all the same.
    pub words: Vec<&'static str>,
}

/// A service of the host.
#[derive(Clone)]
pub struct Service {
    pub name: String,
    pub component: Vec<u8>,
    limits: String,
    more: String,
}

/// What must come of a request.
#[derive(Clone, Debug)]
pub struct Expect {
    pub status: u16,
    /// The `outcome` of the access log.
    pub outcome: &'static str,
    /// Its `cause`, or its `trap`.
    pub why: Option<&'static str>,
    /// Whether the answer itself is right.
    pub says: fn(&Reply) -> bool,
    /// Only where others are asked at the same time.
    pub crowded: bool,
}

impl Service {
    /// A service whose component is the file at `path`.
    pub fn of(name: &str, path: &str) -> Self {
        Self::made(name, std::fs::read(Path::new(path)).unwrap_or_else(|error| panic!("{path}: {error}")))
    }

    /// One whose component was made here.
    pub fn made(name: &str, component: Vec<u8>) -> Self {
        Self { name: name.to_owned(), component, limits: String::new(), more: String::new() }
    }

    /// With keys of `limits`, as in `cpu = "1s"`.
    pub fn limits(mut self, keys: &str) -> Self {
        self.limits = format!(", {keys}");
        self
    }

    /// With further keys of its table.
    pub fn with(mut self, lines: &str) -> Self {
        self.more.push_str(lines);
        self.more.push('\n');
        self
    }

    /// Its table. It fails as often as it likes without being left alone, and nobody waits for a permit in vain.
    pub fn table(&self) -> String {
        let Self { name, limits, more, .. } = self;
        let usual = [("concurrency", "100"), ("queue_wait", "\"30s\""), ("cpu", "\"50ms\""), ("deadline", "\"30s\"")];
        let set = |key: &str| {
            limits.split([',', '{']).any(|part| part.split('=').next().is_some_and(|own| own.trim() == key))
        };
        let usual: Vec<String> =
            usual.iter().filter(|(key, _)| !set(key)).map(|(key, value)| format!("{key} = {value}")).collect();
        let own = if usual.is_empty() { limits.trim_start_matches(", ") } else { limits };
        format!(
            "\n[service.{name}]\ncomponent = \"{name}.wasm\"\nroutes = [\"/{name}/*\"]\n\
             limits = {{ {}{own} }}\n{more}rollout = {{ watch = \"0s\", breaker = {{ failures = 1000, within = \"1ms\" }} }}\n",
            usual.join(", ")
        )
    }
}

impl Asked {
    /// What is asked of a guest that waits more than it works.
    pub fn of(asks: Vec<Ask>) -> Self {
        Self { asks, others: 0, limit: None, alone: 5, look: None, stands_alone: true, canaries: true }
    }
}

impl Expect {
    pub const fn new(status: u16, outcome: &'static str) -> Self {
        Self { status, outcome, why: None, says: |_| true, crowded: false }
    }

    /// A good answer, whose body is right.
    pub const fn ok(says: fn(&Reply) -> bool) -> Self {
        Self { status: 200, outcome: "ok", why: None, says, crowded: false }
    }

    /// Not to a client that is alone.
    pub const fn in_a_crowd(mut self) -> Self {
        self.crowded = true;
        self
    }

    /// With this cause or trap.
    pub const fn why(mut self, why: &'static str) -> Self {
        self.why = Some(why);
        self
    }
}

impl Row {
    /// A row of one service.
    pub fn asked(
        number: &'static str,
        guest: &'static str,
        expected: &'static str,
        service: Service,
        asks: Vec<Ask>,
    ) -> Self {
        Self { number, guest, expected, services: vec![service], trial: Trial::Asked(Asked::of(asks)) }
    }

    /// A row with a scenario of its own.
    pub fn own(
        number: &'static str,
        guest: &'static str,
        expected: &'static str,
        services: Vec<Service>,
        scenario: fn(&mut Bench, &[Service]) -> Seen,
    ) -> Self {
        Self { number, guest, expected, services, trial: Trial::Own(scenario) }
    }

    /// A row of components to be refused.
    pub fn refused(
        number: &'static str,
        guest: &'static str,
        expected: &'static str,
        files: fn(&Bench) -> Vec<Bad>,
    ) -> Self {
        let refused = Refused { files, within: Duration::from_secs(10) };
        Self { number, guest, expected, services: Vec::new(), trial: Trial::Refused(refused) }
    }

    /// The same, for files that may take longer.
    pub fn within(mut self, within: Duration) -> Self {
        if let Trial::Refused(refused) = &mut self.trial {
            refused.within = within;
        }
        self
    }

    /// The same, changed. Rows of other kinds stay as they are.
    pub fn but(mut self, change: impl FnOnce(&mut Asked)) -> Self {
        if let Trial::Asked(asked) = &mut self.trial {
            change(asked);
        }
        self
    }

    /// Besides whose requests so much may run.
    pub fn others(self, count: usize) -> Self {
        self.but(|asked| asked.others = count)
    }

    /// That ends at this limit.
    pub fn ends_at(self, limit: Limit) -> Self {
        self.but(|asked| asked.limit = Some(limit))
    }

    /// With one more service beside it.
    pub fn beside(mut self, service: Service) -> Self {
        self.services.push(service);
        self
    }

    /// That is asked so often alone.
    pub fn alone(self, times: usize) -> Self {
        self.but(|asked| asked.alone = times)
    }

    /// Of something that only this host has.
    pub fn of_this_host(self) -> Self {
        self.but(|asked| asked.stands_alone = false)
    }

    /// With a last look at the host.
    pub fn look(self, look: fn(&mut Bench) -> Vec<String>) -> Self {
        self.but(|asked| asked.look = Some(look))
    }
}
