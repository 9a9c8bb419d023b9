//! The load balancer of this host, if it is one: what it knows of the group's
//! routers and of the configuration, and its listeners as long as somebody plays
//! the role. And, on every host, whose word on clients is believed.

use std::{
    collections::HashSet,
    io,
    net::{IpAddr, SocketAddr},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use muster_api::{
    config::load_balancer::{LoadBalancer as Section, Policy, ProxyProtocol},
    id::HostId,
};
use muster_engine::plugin::balancing;
use muster_ingress::{
    BalancerSlot, Fronts,
    balance::{
        Balance, Balancer, BalancerOptions, Certificates, Check, Listed, ProxyVersion, Shown,
        Terms, keep_checking,
    },
};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::{
    control::config::Config,
    peers::state::{Entrance, Entrances},
    roles::Roles,
};

/// How long requests may finish when the role is stopped.
const GRACE: Duration = Duration::from_secs(30);
/// How long to wait before addresses that cannot be listened on are tried again.
const AGAIN: Duration = Duration::from_secs(2);

/// What the load balancer is made of.
pub(crate) struct Balancing {
    pub(crate) host: HostId,
    pub(crate) roles: Arc<Roles>,
    /// What operators have settled about it.
    pub(crate) section: watch::Sender<Section>,
    /// Where it listens, without TLS and with it.
    pub(crate) listen: (SocketAddr, SocketAddr),
    pub(crate) slot: BalancerSlot,
    pub(crate) balance: Arc<Balance>,
    pub(crate) certificates: Arc<Certificates>,
    pub(crate) fronts: Arc<Fronts>,
    pub(crate) known: Mutex<Entrances>,
    /// Held while what is known is put in force: what was known before must not come
    /// after what is known now.
    pub(crate) settling: Mutex<()>,
    /// Whether the host is about to stop.
    pub(crate) stopping: AtomicBool,
    /// Where it listens at the moment.
    pub(crate) listening: Mutex<Option<(SocketAddr, SocketAddr)>>,
}

impl Balancing {
    /// Takes in by which hosts requests come into the group.
    pub(crate) fn know(&self, entrances: &Entrances) {
        let news = {
            let mut known = lock(&self.known);
            let news = *known != *entrances;
            if news {
                known.clone_from(entrances);
            }
            news
        };
        if news {
            self.settle();
        }
    }

    /// Whether there are load balancers in front of this host.
    pub(crate) fn is_behind_others(&self) -> bool {
        !lock(&self.known).balancers.is_empty()
    }

    /// This host is about to stop: whoever checks the load balancer is to look
    /// elsewhere.
    pub(crate) fn leave(&self) {
        self.stopping.store(true, Ordering::Relaxed);
        self.balance.set_leaving(true);
    }

    /// The routers, and how they do.
    pub(crate) fn upstreams(&self) -> Vec<Shown> {
        self.balance.shown()
    }

    /// Where it listens at the moment, without TLS and with it.
    pub(crate) fn addresses(&self) -> Option<(SocketAddr, SocketAddr)> {
        *lock(&self.listening)
    }

    /// Does what the configuration says, until that is another one.
    pub(crate) async fn heed(self: Arc<Self>, config: Config, stop: CancellationToken) {
        let mut changes = config.changes();
        loop {
            changes.mark_unchanged();
            self.section.send_replace(config.get());
            tokio::select! {
                _ = changes.changed() => {}
                () = stop.cancelled() => return,
            }
        }
    }

    /// Keeps the listeners open as long as somebody plays the role, until
    /// stopped.
    pub(crate) async fn run(self: Arc<Self>, stop: CancellationToken) {
        let (mut seated, mut changes) = (self.roles.seated(), self.section.subscribe());
        let mut running: Option<(Balancer, CancellationToken)> = None;
        loop {
            seated.mark_unchanged();
            changes.mark_unchanged();
            self.settle();
            let mut again = false;
            match (self.roles.has_balancer(), running.take()) {
                (true, None) => match self.open() {
                    Ok(balancer) => {
                        let checking = stop.child_token();
                        let balance = Arc::clone(&self.balance);
                        tokio::spawn(keep_checking(balance, checking.clone()));
                        running = Some((balancer, checking));
                    }
                    Err((address, error)) => {
                        again = true;
                        self.roles.balancer_hindered(&hindrance(address, &error));
                    }
                },
                (false, Some(open)) => self.close(open).await,
                (_, unchanged) => running = unchanged,
            }
            tokio::select! {
                _ = seated.changed() => {}
                _ = changes.changed() => {}
                () = tokio::time::sleep(AGAIN), if again => {}
                () = stop.cancelled() => break,
            }
        }
        if let Some(open) = running {
            self.close(open).await;
        }
    }

    fn open(&self) -> Result<Balancer, (SocketAddr, io::Error)> {
        let (plain, tls) = self.listen;
        let balancer = Balancer::start(BalancerOptions {
            plain,
            tls,
            workers: std::thread::available_parallelism().map_or(1, usize::from),
            slot: self.slot.clone(),
            balance: Arc::clone(&self.balance),
            certificates: Arc::clone(&self.certificates),
        })?;
        let (plain, tls) = balancer.addresses();
        tracing::info!(%plain, %tls, "the load balancer listens");
        *lock(&self.listening) = Some((plain, tls));
        Ok(balancer)
    }

    async fn close(&self, (balancer, checking): (Balancer, CancellationToken)) {
        *lock(&self.listening) = None;
        checking.cancel();
        let _ = tokio::task::spawn_blocking(move || balancer.stop(GRACE)).await;
        self.roles.balancer_closed();
        tracing::info!("the load balancer has stopped");
    }

    /// Puts in force what is known.
    fn settle(&self) {
        let _one = lock(&self.settling);
        let section = self.section.borrow().clone();
        let known = lock(&self.known).clone();
        let terms = terms(&section);
        let addresses = known.balancers.iter().flat_map(|it| &it.addresses);
        let fronts: HashSet<IpAddr> = addresses.filter_map(|it| ip(it)).collect();
        self.roles.linger(!known.balancers.is_empty());
        self.fronts.replace(fronts, terms.trusted.clone());
        let own = known.balancers.iter().find(|it| it.host == self.host);
        let stopping = self.stopping.load(Ordering::Relaxed);
        self.balance
            .set_leaving(stopping || own.is_some_and(|own| own.draining));
        let machine = Machine::now();
        let listed = known
            .routers
            .iter()
            .filter(|it| section.include_self || !self.is_own(it, own))
            .map(|it| listed(it, &section, &machine));
        self.balance.replace(listed.collect(), terms);
    }

    /// Whether a router is at this load balancer's own address.
    fn is_own(&self, router: &Entrance, own: Option<&Entrance>) -> bool {
        let listening = [self.listen.0.to_string(), self.listen.1.to_string()];
        router.host == self.host
            || router.apps.iter().any(|it| listening.contains(it))
            || own.is_some_and(|own| own.apps.iter().any(|it| router.apps.contains(it)))
    }
}

/// Which addresses are this machine's.
struct Machine(HashSet<IpAddr>);

impl Machine {
    fn now() -> Self {
        let all = if_addrs::get_if_addrs().unwrap_or_default();
        Self(all.into_iter().map(|it| it.ip()).collect())
    }

    fn has(&self, address: IpAddr) -> bool {
        address.is_loopback() || self.0.contains(&address)
    }
}

fn listed(router: &Entrance, section: &Section, machine: &Machine) -> Listed {
    let is_here = || {
        let mut addresses = router.addresses.iter().filter_map(|it| ip(it));
        addresses.any(|it| machine.has(it))
    };
    let on_loopback = |it: &String| ip(it).is_some_and(|ip| ip.is_loopback());
    let out_of_reach = router.apps.iter().all(on_loopback) && !is_here();
    Listed {
        id: router.host.0,
        name: router.name.clone(),
        addresses: router.apps.clone(),
        weight: section.weights.get(&router.name).copied().unwrap_or(1),
        draining: router.draining,
        out_of_reach: out_of_reach.then(|| {
            "its apps are reached from its own machine alone; start that host with an --apps address that others reach, such as 0.0.0.0:8080".to_owned()
        }),
    }
}

/// The address in `host:port`, unless that is a name.
fn ip(address: &str) -> Option<IpAddr> {
    let address: SocketAddr = address.parse().ok()?;
    Some(address.ip().to_canonical())
}

fn terms(section: &Section) -> Terms {
    let checks = &section.checks;
    Terms {
        policy: match section.policy {
            Policy::RoundRobin => balancing::Policy::RoundRobin,
            Policy::LeastRequests => balancing::Policy::LeastRequests,
            Policy::PowerOfTwo => balancing::Policy::PowerOfTwo,
            Policy::ConsistentHash => balancing::Policy::ConsistentHash,
        },
        hash_key: match &section.hash_header {
            Some(name) => balancing::HashKey::Header(name.to_ascii_lowercase()),
            None => balancing::HashKey::ClientAddress,
        },
        retries: section.retries,
        patience: section.response_timeout.into(),
        trusted: section
            .trusted_proxies
            .iter()
            .filter_map(|it| it.parse().ok())
            .collect(),
        accept_proxy: section.accept_proxy_protocol,
        send_proxy: section.send_proxy_protocol.map(|version| match version {
            ProxyProtocol::V1 => ProxyVersion::V1,
            ProxyProtocol::V2 => ProxyVersion::V2,
        }),
        failures: section.ejection.failures,
        rest: section.ejection.rest.into(),
        check: checks.enabled.then(|| Check {
            path: checks.path.clone(),
            every: checks.interval.into(),
            patience: checks.timeout.into(),
            good: checks.healthy_after,
            bad: checks.unhealthy_after,
        }),
        to_https: section.redirect_to_https,
    }
}

fn hindrance(address: SocketAddr, error: &io::Error) -> String {
    let remedy = match error.kind() {
        io::ErrorKind::PermissionDenied => {
            "run the host with the capability CAP_NET_BIND_SERVICE, or choose other ports with --balancer and --balancer-tls"
        }
        _ => "free the address, or choose others with --balancer and --balancer-tls",
    };
    format!("cannot listen on {address}: {error}; {remedy}")
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn router(apps: &str, peers: &str) -> Entrance {
        Entrance {
            host: HostId(Uuid::from_u128(1)),
            name: "edge".to_owned(),
            apps: vec![apps.to_owned()],
            addresses: vec![peers.to_owned()],
            draining: false,
        }
    }

    #[test]
    fn loopback_is_within_reach_on_the_same_machine_alone() {
        let machine = Machine(["10.0.0.1".parse().unwrap()].into());
        for (apps, peers, reached) in [
            ("127.0.0.1:8080", "127.0.0.1:7444", true),
            ("127.0.0.1:8080", "10.0.0.1:7444", true),
            ("127.0.0.1:8080", "10.0.0.2:7444", false),
            ("10.0.0.2:8080", "10.0.0.2:7444", true),
            ("edge.test:8080", "10.0.0.2:7444", true),
        ] {
            let listed = listed(&router(apps, peers), &Section::default(), &machine);
            assert_eq!(listed.out_of_reach.is_none(), reached, "{apps} {peers}");
        }
    }

    #[test]
    fn every_setting_counts() {
        let section: Section = serde_json::from_value(serde_json::json!({
            "policy": "consistent-hash", "hash_header": "X-Session", "retries": 7,
            "response_timeout": "9s", "checks": { "enabled": false },
            "ejection": { "failures": 5, "rest": "3s" },
            "trusted_proxies": ["10.0.0.0/8"], "accept_proxy_protocol": true,
            "send_proxy_protocol": "v1", "redirect_to_https": true,
        }))
        .unwrap();
        let expected = Terms {
            policy: balancing::Policy::ConsistentHash,
            hash_key: balancing::HashKey::Header("x-session".to_owned()),
            retries: 7,
            patience: Duration::from_secs(9),
            trusted: vec!["10.0.0.0/8".parse().unwrap()],
            accept_proxy: true,
            send_proxy: Some(ProxyVersion::V1),
            failures: 5,
            rest: Duration::from_secs(3),
            check: None,
            to_https: true,
        };
        assert_eq!(terms(&section), expected);
        let check = terms(&Section::default()).check.unwrap();
        assert_eq!(check.every, Duration::from_secs(2));
    }
}
