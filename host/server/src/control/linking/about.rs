//! What this host tells others of itself.

use std::{
    collections::HashSet,
    fs,
    net::{IpAddr, SocketAddr},
    sync::atomic::Ordering,
};

use muster_api::{
    apps::DesiredState,
    hosts::{About, Capacity, HostMode},
    units::ByteSize,
};
use muster_peering::membership::{Facts, Mode, joiner::State};

use super::{ControlError, Links, millis};
use crate::peers::PROTOCOL;

/// Where Linux says how much memory there is.
const MEMORY: &str = "/proc/meminfo";
/// Where a Linux system says what it is.
const OS_RELEASE: &str = "/etc/os-release";

impl Links {
    /// What two hosts have to know of each other before they are linked.
    pub(super) async fn facts(&self) -> Result<Facts, ControlError> {
        // What is on its way to run counts, such as a push that is being staged.
        let jobs = self.state().job_list_unfinished().await?;
        let busy: HashSet<_> = jobs.iter().filter_map(|job| job.app).collect();
        let apps = self.state().app_all().await?;
        let started = apps
            .iter()
            .filter(|app| app.state == DesiredState::Started || busy.contains(&app.id));
        Ok(Facts {
            version: muster_store::version().to_owned(),
            protocol: PROTOCOL,
            mode: match self.0.options.mode {
                HostMode::Appliance => Mode::Appliance,
                HostMode::Agent => Mode::Agent,
            },
            os: operating_system(),
            multi_node: self.0.options.multi_node,
            workloads: u32::try_from(started.count()).unwrap_or(u32::MAX),
            host: self.0.host.0,
            fingerprint: self.0.key.fingerprint(),
        })
    }

    /// What this host says of itself with each heartbeat.
    pub(super) async fn about(&self) -> About {
        let roles = self.roles().await;
        let workloads = self.0.fleet.here.reports().len();
        let apps = self.apps(&roles);
        let memory = self.memory();
        About {
            version: muster_store::version().to_owned(),
            mode: self.0.options.mode,
            os: operating_system(),
            addresses: memory.own.addresses.list.clone(),
            generation: memory.own.addresses.generation,
            apps,
            roles,
            capacity: *self.0.capacity.get_or_init(capacity),
            zone: self.0.options.zone.clone(),
            labels: self.0.options.labels.clone(),
            workloads: u32::try_from(workloads).unwrap_or(u32::MAX),
            content: memory.content.clone(),
            settings: memory.settings.clone(),
            clock_offset_ms: millis(memory.offset),
        }
    }

    /// The roles that it plays, beside those that every host has.
    async fn roles(&self) -> Vec<String> {
        let list = self.0.roles.list().await;
        let roles = list.map(|page| page.items).unwrap_or_default();
        roles
            .into_iter()
            .filter(|role| !role.builtin && role.plugin.is_some() && role.state.is_played())
            .map(|role| role.name)
            .collect()
    }

    /// Where this host is reached: at the moment, as far as the machine knows, and
    /// after that where it is about to move.
    pub(super) fn addresses_now(&self) -> Vec<String> {
        let mut all = self.addresses_here();
        let next = self.next_addresses();
        all.extend(
            next.into_iter()
                .filter(|it| !all.contains(it))
                .collect::<Vec<_>>(),
        );
        all
    }

    fn addresses_here(&self) -> Vec<String> {
        let options = &self.0.options;
        reached(options.peers, &options.peer_addresses)
    }

    /// Where load balancers reach the apps behind this host's router. Nothing
    /// before it knows what to route, and once it is about to stop.
    fn apps(&self, roles: &[String]) -> Vec<String> {
        let knows = {
            let memory = self.memory();
            match (memory.own.state, &memory.routed) {
                (State::Alone, Some(_)) => memory.lead.is_some(),
                // What it routes by must be of this group.
                (State::Following { .. }, Some(told)) => !told.is_empty(),
                _ => false,
            }
        };
        let routes = roles.iter().any(|role| role == "router");
        if !knows || !routes || self.0.leaving.load(Ordering::Relaxed) {
            return Vec::new();
        }
        let options = &self.0.options;
        reached(options.apps, &options.app_addresses)
    }

    /// Notes by which state of the group this host routes; an empty one is its
    /// own.
    pub(crate) fn note_routed(&self, told: &str) {
        let mut memory = self.memory();
        let was_of_group = memory.routed.as_ref().map(|told| told.is_empty());
        if memory.routed.as_deref() != Some(told) {
            memory.routed = Some(told.to_owned());
        }
        if was_of_group != Some(told.is_empty()) {
            drop(memory);
            self.0.wake.notify_one();
        }
    }

    /// This host is about to stop: load balancers are to send it nothing more.
    pub(crate) fn leaves(&self) {
        self.0.leaving.store(true, Ordering::Relaxed);
        self.0.wake.notify_one();
        self.0.told.notify_waiters();
    }
}

/// Where others reach what listens at an address: where they were told, or at
/// the addresses of the machine.
fn reached(listening: SocketAddr, told: &[String]) -> Vec<String> {
    if !told.is_empty() {
        return told.to_vec();
    }
    let port = listening.port();
    if !listening.ip().is_unspecified() {
        return vec![listening.to_string()];
    }
    let all = if_addrs::get_if_addrs().unwrap_or_default();
    let mut found: Vec<IpAddr> = all
        .into_iter()
        .map(|interface| interface.ip())
        .filter(|ip| listening.is_ipv6() || ip.is_ipv4())
        .filter(|ip| !ip.is_loopback() && !is_link_local(*ip))
        .collect();
    found.sort_by_key(|ip| (ip.is_ipv6(), *ip));
    found.dedup();
    if found.is_empty() {
        found.push(std::net::Ipv4Addr::LOCALHOST.into());
    }
    found
        .into_iter()
        .map(|ip| SocketAddr::new(ip, port).to_string())
        .collect()
}

/// What this machine has to give.
fn capacity() -> Capacity {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let memory = fs::read_to_string(MEMORY).unwrap_or_default();
    Capacity {
        memory: ByteSize(total(&memory).unwrap_or_default()),
        cpu: u64::try_from(cores).unwrap_or(1).saturating_mul(1_000),
        disk: ByteSize(
            rustix::fs::statvfs(".")
                .map(|disk| disk.f_blocks.saturating_mul(disk.f_frsize))
                .unwrap_or(u64::MAX),
        ),
    }
}

/// All memory, in bytes.
fn total(memory: &str) -> Option<u64> {
    let line = memory
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1_024)
}

/// Such addresses mean something only on one cable.
fn is_link_local(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    }
}

/// The system's name and version, such as `debian 12`.
fn operating_system() -> String {
    let text = fs::read_to_string(OS_RELEASE).unwrap_or_default();
    named(&text).unwrap_or_else(|| std::env::consts::OS.to_owned())
}

fn named(release: &str) -> Option<String> {
    let value = |key: &str| {
        release.lines().find_map(|line| {
            let value = line.strip_prefix(key)?.strip_prefix('=')?;
            Some(value.trim().trim_matches('"').to_owned())
        })
    };
    let name = value("ID").filter(|name| !name.is_empty())?;
    Some(match value("VERSION_ID") {
        Some(version) if !version.is_empty() => format!("{name} {version}"),
        _ => name,
    })
}

#[cfg(test)]
mod tests {
    use super::{named, total};

    #[test]
    fn a_system_has_a_name_and_maybe_a_version() {
        let debian = "PRETTY_NAME=\"Debian 12\"\nVERSION_ID=\"12\"\nID=debian\n";
        assert_eq!(named(debian).as_deref(), Some("debian 12"));
        assert_eq!(named("ID=arch\n").as_deref(), Some("arch"));
        assert_eq!(named("ID_LIKE=debian\n"), None);
        assert_eq!(named(""), None);
    }

    #[test]
    fn memory_is_told_in_kibibytes() {
        let told = "MemTotal:        2048 kB\nMemFree:          100 kB\n";
        assert_eq!(total(told), Some(2 << 20));
        assert_eq!(total("MemFree: 1 kB\n"), None);
    }
}
