//! How far somebody reaches: the operator everywhere, a tenant's token to what is the tenant's.
//!
//! Whatever has no rule here is the operator's, so that a new resource is closed
//! until somebody decides. What belongs to another owner is answered as what does not
//! exist. Resources that show several services show a tenant its own; they ask
//! [`Reach::includes`] themselves.

use std::sync::Arc;

use hostel_model::name::ServiceName;
use hostel_model::tenant::TenantName;
use http::Request;

use crate::admin::context::no_service;
use crate::admin::problem::Problem;
use crate::live::tenant::{LiveTenant, Tenancy};

/// Before the name of a service in a path.
const OF_SERVICES: &str = "/v1/services/";

/// How far somebody reaches.
#[derive(Clone)]
pub(super) struct Reach(Option<Own>);

/// What is a tenant's, at the moment of the request.
#[derive(Clone)]
struct Own {
    tenant: Arc<LiveTenant>,
    tenancy: Arc<Tenancy>,
}

/// Whom a resource is for.
enum Rule<'p> {
    /// Whoever may ask at all. What it shows is nobody's, or chosen by [`Reach::includes`].
    Anybody,
    /// Whose the service of this name is.
    Owner(&'p str),
    /// The operator.
    Operator,
}

impl Reach {
    /// The operator's.
    pub(super) fn everything() -> Self {
        Self(None)
    }

    /// That of the tenant `name`; nothing if the configuration does not name it.
    pub(super) fn of(name: &TenantName, tenancy: Arc<Tenancy>) -> Option<Self> {
        let tenant = Arc::clone(tenancy.tenant(name)?);
        Some(Self(Some(Own { tenant, tenancy })))
    }

    /// The tenant whose token it is; none for the operator.
    pub(super) fn tenant(&self) -> Option<&Arc<LiveTenant>> {
        self.0.as_ref().map(|own| &own.tenant)
    }

    /// Whether `service`, deployed or not, is within it.
    pub(super) fn includes(&self, service: &ServiceName) -> bool {
        let owns = |own: &Own| own.tenancy.owner(service).is_some_and(|owner| owner.name == own.tenant.name);
        self.0.as_ref().is_none_or(owns)
    }

    /// Refuses what is beyond it.
    pub(super) fn check<B>(&self, request: &Request<B>) -> Result<(), Problem> {
        if self.0.is_none() {
            return Ok(());
        }
        match rule(request.uri().path()) {
            Rule::Anybody => Ok(()),
            Rule::Owner(name) => match ServiceName::parse(name) {
                Ok(service) if self.includes(&service) => Ok(()),
                _ => Err(no_service()),
            },
            Rule::Operator => {
                let detail = "This is for the operator; the token of a tenant sees and changes what is the tenant's.";
                Err(Problem::forbidden(detail))
            }
        }
    }
}

/// The one table of who may ask for what.
fn rule(path: &str) -> Rule<'_> {
    match path {
        "/livez" | "/readyz" | "/openapi.json" | "/v1/status" | "/v1/services" | "/v1/routes" | "/v1/limits"
        | "/v1/explain" | "/v1/artifacts" | "/v1/deployments" => Rule::Anybody,
        _ => match path.strip_prefix(OF_SERVICES) {
            // As it stands there: a name has nothing that would have to be escaped.
            Some(rest) => Rule::Owner(rest.split('/').next().unwrap_or_default()),
            None => Rule::Operator,
        },
    }
}
