//! The hosts while a plan is made: what is taken of each, and which one suits an instance best.

use std::collections::HashMap;

use uuid::Uuid;

use crate::allocation::usage;
use crate::amounts::Amounts;
use crate::snapshot::{App, Condition, Host, Snapshot};
use crate::why::{Headroom, RunnerUp, Standing, Why, WhyNot};

/// Hosts by the order of their ids, with what is placed and planned on each.
pub(crate) struct Ground<'a> {
    hosts: Vec<&'a Host>,
    at: HashMap<Uuid, usize>,
    /// A number for each host's zone.
    zones: Vec<usize>,
    zone_count: usize,
    used: Vec<Amounts>,
    run_apps: u32,
}

/// How many instances are on each host and in each zone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Spread {
    hosts: Vec<u32>,
    zones: Vec<u32>,
}

impl Spread {
    pub fn on_host(&self, host: usize) -> u32 {
        self.hosts[host]
    }

    pub fn in_zone_of(&self, host: usize, ground: &Ground) -> u32 {
        self.zones[ground.zones[host]]
    }

    pub fn add(&mut self, host: usize, ground: &Ground) {
        self.hosts[host] += 1;
        self.zones[ground.zones[host]] += 1;
    }

    pub fn remove(&mut self, host: usize, ground: &Ground) {
        self.hosts[host] -= 1;
        self.zones[ground.zones[host]] -= 1;
    }
}

/// A release that needs hosts.
pub(crate) struct Seeker<'a> {
    pub app: &'a App,
    /// Hosts that it may be on, were they empty.
    eligible: Vec<usize>,
    /// Its own instances.
    own: Spread,
    /// With one instance per host: the hosts that have one, those about to stop included.
    taken: Vec<bool>,
    /// Whether there was no host for one of its instances. Within a plan hosts only fill, so
    /// there is none for its other instances either.
    pub stuck: bool,
}

impl<'a> Ground<'a> {
    pub fn of(snapshot: &'a Snapshot) -> Self {
        let mut hosts: Vec<&Host> = snapshot.hosts.iter().collect();
        hosts.sort_by_key(|host| host.id);
        hosts.dedup_by_key(|host| host.id);
        let mut numbers: HashMap<Option<&str>, usize> = HashMap::new();
        let zones = hosts
            .iter()
            .map(|host| {
                let next = numbers.len();
                *numbers.entry(host.zone.as_deref()).or_insert(next)
            })
            .collect();
        let run_apps = hosts.iter().filter(|host| host.runs_apps).count();
        Self {
            at: hosts.iter().enumerate().map(|(n, it)| (it.id, n)).collect(),
            zones,
            zone_count: numbers.len(),
            used: usage(snapshot).into_iter().map(|it| it.used).collect(),
            run_apps: u32::try_from(run_apps).unwrap_or(u32::MAX),
            hosts,
        }
    }

    pub fn find(&self, id: Uuid) -> Option<usize> {
        self.at.get(&id).copied()
    }

    pub fn host(&self, host: usize) -> &'a Host {
        self.hosts[host]
    }

    pub fn hosts(&self) -> impl Iterator<Item = (usize, &'a Host)> {
        self.hosts.iter().copied().enumerate()
    }

    pub fn spread(&self) -> Spread {
        Spread {
            hosts: vec![0; self.hosts.len()],
            zones: vec![0; self.zone_count],
        }
    }

    /// The scarcest of what is left on a host.
    pub fn headroom(&self, host: usize) -> u32 {
        Headroom::of(self.hosts[host].capacity(), self.used[host]).least()
    }

    /// A release that needs hosts, with where its instances are that stay, and all its hosts.
    pub fn seeker(&self, app: &'a App, stay: &[usize], present: &[usize]) -> Seeker<'a> {
        let mut own = self.spread();
        for &host in stay {
            own.add(host, self);
        }
        let mut taken = Vec::new();
        if app.constraints.one_per_host {
            taken = vec![false; self.hosts.len()];
            for &host in present {
                taken[host] = true;
            }
        }
        let may = |(n, host)| may_be_on(app, host).is_ok().then_some(n);
        Seeker {
            app,
            eligible: self.hosts().filter_map(may).collect(),
            own,
            taken,
            stuck: false,
        }
    }

    /// The best host for one more instance, which from now on is taken there. `family` counts
    /// the instances of all releases of the app, where there are several.
    pub fn choose(
        &mut self,
        seeker: &mut Seeker,
        family: Option<&mut Spread>,
    ) -> Option<(usize, Why)> {
        let needs = seeker.app.needs();
        let mut fits = 0;
        let mut first: Option<(usize, Standing)> = None;
        let mut second: Option<(usize, Standing)> = None;
        let ahead = |one: &Standing, other: &Option<(usize, Standing)>| {
            other.is_none_or(|(_, other)| one.order() < other.order())
        };
        for &host in &seeker.eligible {
            let used = self.used[host].plus(needs);
            let capacity = self.hosts[host].capacity();
            if !capacity.cover(used) || seeker.taken.get(host) == Some(&true) {
                continue;
            }
            fits += 1;
            let (in_zone, on_host) = (seeker.own.in_zone_of(host, self), seeker.own.on_host(host));
            let (all_in_zone, all_on_host) = match &family {
                Some(family) => (family.in_zone_of(host, self), family.on_host(host)),
                None => (in_zone, on_host),
            };
            let standing = Standing {
                in_zone,
                others_in_zone: all_in_zone - in_zone,
                on_host,
                others_on_host: all_on_host - on_host,
                headroom: Headroom::of(capacity, used),
            };
            // Hosts come in the order of their ids, so that of equals the first one stays ahead.
            if ahead(&standing, &first) {
                second = first.replace((host, standing));
            } else if ahead(&standing, &second) {
                second = Some((host, standing));
            }
        }
        let (host, standing) = first?;
        self.used[host] = self.used[host].plus(needs);
        seeker.own.add(host, self);
        if let Some(family) = family {
            family.add(host, self);
        }
        if let Some(taken) = seeker.taken.get_mut(host) {
            *taken = true;
        }
        let why = Why {
            fits,
            hosts: self.run_apps,
            name: self.hosts[host].name.clone(),
            zone: self.hosts[host].zone.clone(),
            standing,
            second: second.map(|(host, standing)| RunnerUp {
                host: self.hosts[host].id,
                name: self.hosts[host].name.clone(),
                standing,
            }),
            moved: None,
        };
        Some((host, why))
    }

    /// Everything that keeps an instance from a host; empty where it fits.
    pub fn why_not(&self, seeker: &Seeker, host: usize) -> Vec<WhyNot> {
        let mut reasons = Vec::new();
        if let Err(reason) = may_be_on(seeker.app, self.hosts[host]) {
            let whole_host = matches!(reason, WhyNot::Lost | WhyNot::Draining | WhyNot::RunsNoApps);
            reasons.push(reason);
            if whole_host {
                return reasons;
            }
        }
        if seeker.taken.get(host) == Some(&true) {
            reasons.push(WhyNot::OnePerHost);
        }
        let needs = seeker.app.needs();
        let capacity = self.hosts[host].capacity();
        // Nothing more fits on a host that holds more than it can, not even what takes nothing.
        let free = capacity.minus(self.used[host]);
        let lacks = |capacity: u64, used: u64, needed: u64| used.saturating_add(needed) > capacity;
        let used = self.used[host];
        if lacks(capacity.memory, used.memory, needs.memory) {
            reasons.push(WhyNot::Memory {
                needed: needs.memory,
                free: free.memory,
            });
        }
        if lacks(capacity.cpu, used.cpu, needs.cpu) {
            reasons.push(WhyNot::Cpu {
                needed: needs.cpu,
                free: free.cpu,
            });
        }
        if lacks(capacity.disk, used.disk, needs.disk) {
            reasons.push(WhyNot::Disk {
                needed: needs.disk,
                free: free.disk,
            });
        }
        reasons
    }
}

/// Whether instances may be on a host at all, whatever else is there.
pub(crate) fn may_be_on(app: &App, host: &Host) -> Result<(), WhyNot> {
    match host.condition {
        Condition::Lost => return Err(WhyNot::Lost),
        Condition::Draining => return Err(WhyNot::Draining),
        Condition::Ready => {}
    }
    if !host.runs_apps {
        return Err(WhyNot::RunsNoApps);
    }
    let zones = &app.constraints.zones;
    let in_zone = |zone: &String| host.zone.as_ref() == Some(zone);
    if !zones.is_empty() && !zones.iter().any(in_zone) {
        return Err(WhyNot::Zone {
            wanted: zones.clone(),
            has: host.zone.clone(),
        });
    }
    for (label, wanted) in &app.constraints.labels {
        let has = host.labels.get(label);
        if has != Some(wanted) {
            return Err(WhyNot::Label {
                label: label.clone(),
                wanted: wanted.clone(),
                has: has.cloned(),
            });
        }
    }
    Ok(())
}
