//! Who asked for which change, and what came of it: one line in the log for each, done or refused.

use std::borrow::Cow;

use crate::admin::problem::Problem;
use crate::deploy::Author;
use http::{Method, Request};

/// The name under which `HOSTEL_LOG` can choose these lines.
const TARGET: &str = "hostel::audit";

/// A change that somebody asks for. Its line is written when it is told what came
/// of it; if it is never told, the line says that.
pub(super) struct Audit {
    who: Author,
    what: &'static str,
    service: Cow<'static, str>,
    /// What the change is about beside the service.
    about: String,
    told: bool,
}

impl Audit {
    /// `who` asks for `what` to be done to `service`, as the request has it.
    pub(super) fn of(who: Author, what: &'static str, service: impl Into<Cow<'static, str>>) -> Self {
        Self { who, what, service: service.into(), about: String::new(), told: false }
    }

    /// The same, with what else is known of it.
    pub(super) fn about(mut self, about: impl Into<String>) -> Self {
        self.about = about.into();
        self
    }

    /// What came of it: `done` in a word, or why not.
    pub(super) fn ended<T>(
        mut self,
        outcome: Result<T, Problem>,
        done: impl FnOnce(&T) -> &'static str,
    ) -> Result<T, Problem> {
        self.told = true;
        match &outcome {
            Ok(value) => self.line(done(value), ""),
            Err(problem) => self.line("refused", problem.detail()),
        }
        outcome
    }

    fn line(&self, outcome: &str, reason: &str) {
        let Self { who, what, service, about, told: _ } = self;
        // Quoted where a client chose the words.
        let (service, about, reason) = (service.as_ref(), about.as_str(), (!reason.is_empty()).then_some(reason));
        tracing::info!(target: TARGET, %who, what, service, about, outcome, reason, "a change was asked for");
    }
}

/// `who` asked for something that is another's. Reading leaves no line, here as elsewhere.
pub(super) fn beyond<B>(who: Author, request: &Request<B>, problem: &Problem) {
    if ![Method::GET, Method::HEAD].contains(request.method()) {
        let audit = Audit::of(who, "beyond its reach", "").about(request.uri().path());
        // What is answered is up to whoever refused.
        let _ = audit.ended(Err::<(), _>(problem.clone()), |()| "done");
    }
}

impl Drop for Audit {
    fn drop(&mut self) {
        if !self.told {
            self.line("broken-off", "whoever asked has left, or the host ended");
        }
    }
}
