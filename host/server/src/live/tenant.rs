//! Tenants at work: what the services of each use together, whatever the configuration says next.
//!
//! A [`LiveTenant`] is made when its name first appears and stays as long as the
//! process, so that what is in use stays counted when its numbers change, or when it
//! goes and comes back. A service holds its tenant: a request looks nothing up.

use std::collections::BTreeMap;
use std::sync::Arc;

use hostel_model::name::ServiceName;
use hostel_model::platform::Clock;
use hostel_model::tenant::{Tenant, TenantName, Tenants};
use hostel_sandbox::TenantShare;

use crate::dispatch::admission::{Group, Permits, Queue};

/// What the services of one tenant use together.
pub struct LiveTenant {
    /// Its name.
    pub name: TenantName,
    /// Requests and calls of its services at once.
    pub permits: Permits,
    /// Requests that wait for one: as many as its services together let in.
    pub queue: Queue,
    /// Whose turn it is where tenants take turns.
    pub group: Group,
    /// Deployments that its tokens asked for and that are not done.
    pub deployments: Permits,
    /// What it shares in the sandbox.
    pub share: Arc<TenantShare>,
}

impl LiveTenant {
    fn change(&self, tenant: &Tenant) {
        let limits = &tenant.limits;
        self.permits.resize(limits.requests.map_or(u32::MAX, std::num::NonZeroU32::get));
        self.deployments.resize(limits.compile_slots.map_or(u32::MAX, std::num::NonZeroU32::get));
        self.share.change(tenant);
    }
}

/// All tenants that ever were.
#[derive(Default)]
pub struct TenantRegister {
    known: BTreeMap<TenantName, Arc<LiveTenant>>,
}

impl TenantRegister {
    /// `rules` with those of its tenants that are known, and with new ones, on a host with so many `threads`
    /// that run guests. Numbers of known ones stay as they are until `Tenancy::take_effect`.
    pub fn tenancy(&mut self, rules: &Tenants, threads: u32, clock: &Arc<dyn Clock>) -> Arc<Tenancy> {
        let mut tenants = BTreeMap::new();
        for tenant in rules.iter() {
            // The first group is the operator's.
            let group = Group(u32::try_from(self.known.len() + 1).unwrap_or(u32::MAX));
            let live = self.known.entry(tenant.name.clone()).or_insert_with(|| {
                let live = LiveTenant {
                    name: tenant.name.clone(),
                    permits: Permits::new(u32::MAX),
                    queue: Queue::new(u32::MAX),
                    group,
                    deployments: Permits::new(u32::MAX),
                    share: Arc::new(TenantShare::new(tenant, threads, clock)),
                };
                live.change(tenant);
                Arc::new(live)
            });
            tenants.insert(tenant.name.clone(), Arc::clone(live));
        }
        Arc::new(Tenancy { rules: rules.clone(), tenants })
    }
}

/// Whose what is, at one instant.
#[derive(Default)]
pub struct Tenancy {
    rules: Tenants,
    tenants: BTreeMap<TenantName, Arc<LiveTenant>>,
}

impl Tenancy {
    /// What the configuration says.
    #[must_use]
    pub fn rules(&self) -> &Tenants {
        &self.rules
    }

    /// Whose `service` is, deployed or not; nobody's is the operator's.
    #[must_use]
    pub fn owner(&self, service: &ServiceName) -> Option<&Arc<LiveTenant>> {
        self.rules.owner(service).and_then(|tenant| self.tenants.get(&tenant.name))
    }

    /// The tenant of this name.
    #[must_use]
    pub fn tenant(&self, name: &TenantName) -> Option<&Arc<LiveTenant>> {
        self.tenants.get(name)
    }

    /// Whether both services have the same owner.
    #[must_use]
    pub fn same_owner(&self, one: &ServiceName, other: &ServiceName) -> bool {
        self.rules.owner(one).map(|tenant| &tenant.name) == self.rules.owner(other).map(|tenant| &tenant.name)
    }

    /// From now on the numbers of the configuration hold.
    pub(crate) fn take_effect(&self) {
        for rule in self.rules.iter() {
            if let Some(tenant) = self.tenants.get(&rule.name) {
                tenant.change(rule);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;
    use std::time::{Duration, SystemTime};

    use hostel_model::platform::{BoxTask, Monotonic};
    use hostel_model::tenant::{ServicePattern, TenantLimits};

    use super::*;

    struct Still;

    impl Clock for Still {
        fn now(&self) -> Monotonic {
            Monotonic::default()
        }
        fn wall(&self) -> SystemTime {
            SystemTime::UNIX_EPOCH
        }
        fn sleep_until(&self, _at: Monotonic) -> BoxTask {
            Box::pin(std::future::pending())
        }
        fn pause_thread(&self, _time: Duration) {}
    }

    fn rules(requests: &[(&str, u32)]) -> Tenants {
        let tenant = |(name, requests): &(&str, u32)| Tenant {
            name: TenantName::parse(name).unwrap(),
            services: ServicePattern::parse(&format!("{name}-*")).unwrap(),
            hosts: Vec::new(),
            limits: TenantLimits { requests: NonZeroU32::new(*requests), ..TenantLimits::default() },
        };
        Tenants::of(requests.iter().map(tenant).collect())
    }

    fn service(name: &str) -> ServiceName {
        ServiceName::parse(name).unwrap()
    }

    #[test]
    fn a_tenant_that_goes_and_comes_back_still_has_what_it_uses() {
        let (mut register, clock) = (TenantRegister::default(), Arc::new(Still) as Arc<dyn Clock>);
        let mut tenancy = |requests: &[(&str, u32)]| {
            let tenancy = register.tenancy(&rules(requests), 2, &clock);
            tenancy.take_effect();
            tenancy
        };
        let first = tenancy(&[("acme", 2), ("beta", 1)]);
        let acme = Arc::clone(first.owner(&service("acme-a")).unwrap());
        let out = [acme.permits.for_call().unwrap(), acme.permits.for_call().unwrap()];
        assert!(acme.permits.for_call().is_none());
        assert!(tenancy(&[("beta", 1)]).owner(&service("acme-a")).is_none(), "it is the operator's meanwhile");
        let again = tenancy(&[("acme", 3)]);
        let acme = again.tenant(&TenantName::parse("acme").unwrap()).unwrap();
        let third = acme.permits.for_call();
        assert!(third.is_some() && acme.permits.for_call().is_none());
        drop((out, third));
        assert_eq!(acme.permits.used(), 0);
    }

    #[test]
    fn tenants_and_the_operator_take_turns_as_groups_of_their_own() {
        let mut register = TenantRegister::default();
        let tenancy = register.tenancy(&rules(&[("acme", 2), ("beta", 1)]), 2, &(Arc::new(Still) as Arc<dyn Clock>));
        let group = |name: &str| tenancy.owner(&service(name)).map_or(Group::default(), |tenant| tenant.group);
        let groups = [group("acme-a"), group("beta-a"), group("users")];
        assert!(groups[0] != groups[1] && groups[1] != groups[2] && groups[0] != groups[2], "{groups:?}");
        assert_eq!(group("acme-a"), group("acme-b"));
        assert!(tenancy.same_owner(&service("acme-a"), &service("acme-b")));
        assert!(tenancy.same_owner(&service("users"), &service("orders")));
        assert!(!tenancy.same_owner(&service("users"), &service("acme-a")));
        assert!(!tenancy.same_owner(&service("beta-a"), &service("acme-a")));
    }
}
