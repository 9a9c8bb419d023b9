//! Why an instance goes where it goes, in numbers and in words for people.

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::amounts::{Amounts, Bytes, Cores};

/// Why a host cannot have an instance, or cannot keep one. As text it goes on after the host's
/// name: "bravo is draining".
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "kebab-case", tag = "reason")]
pub enum WhyNot {
    /// Nothing is heard of it.
    #[error("is lost")]
    Lost,
    /// It is being emptied.
    #[error("is draining")]
    Draining,
    /// It does not have the role.
    #[error("does not run apps")]
    RunsNoApps,
    /// A label is missing or has another value.
    #[error("{}", label_text(.label, .wanted, .has.as_deref()))]
    Label {
        /// The label's name.
        label: String,
        /// The value that the app asks for.
        wanted: String,
        /// The value on the host.
        has: Option<String>,
    },
    /// It is in none of the zones that the app asks for.
    #[error("{}", zone_text(.wanted, .has.as_deref()))]
    Zone {
        /// The zones that would do.
        wanted: Vec<String>,
        /// The host's zone.
        has: Option<String>,
    },
    /// It has an instance of the release, and only one is allowed.
    #[error("has an instance already, and only one per host is allowed")]
    OnePerHost,
    /// Not enough memory is free.
    #[error("has {} of memory free ({} needed)", Bytes(*.free), Bytes(*.needed))]
    Memory {
        /// Bytes that an instance takes.
        needed: u64,
        /// Bytes that are free.
        free: u64,
    },
    /// Not enough CPU is free.
    #[error("has {} free ({} needed)", Cores(*.free), Cores(*.needed))]
    Cpu {
        /// Thousandths of a core that an instance takes.
        needed: u64,
        /// Thousandths of a core that are free.
        free: u64,
    },
    /// Not enough disk is free.
    #[error("has {} of disk free ({} needed)", Bytes(*.free), Bytes(*.needed))]
    Disk {
        /// Bytes that an instance takes.
        needed: u64,
        /// Bytes that are free.
        free: u64,
    },
}

fn label_text(label: &str, wanted: &str, has: Option<&str>) -> String {
    match has {
        Some(has) => format!("has the label {label}={has}, not {label}={wanted}"),
        None => format!("lacks the label {label}={wanted}"),
    }
}

fn zone_text(wanted: &[String], has: Option<&str>) -> String {
    let wanted = wanted.join(" or ");
    match has {
        Some(has) => format!("is in zone {has}, not in {wanted}"),
        None => format!("is in no zone, not in {wanted}"),
    }
}

/// What would be left of a host, in millionths of what it can hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Headroom {
    /// Memory.
    pub memory: u32,
    /// CPU.
    pub cpu: u32,
    /// Disk.
    pub disk: u32,
}

impl Headroom {
    /// What is left of `capacity` when `used` is taken. A resource that a host has none of
    /// limits nothing: what needs it does not fit anyway.
    #[must_use]
    pub fn of(capacity: Amounts, used: Amounts) -> Self {
        let free = capacity.minus(used);
        Self {
            memory: millionths(free.memory, capacity.memory),
            cpu: millionths(free.cpu, capacity.cpu),
            disk: millionths(free.disk, capacity.disk),
        }
    }

    /// The scarcest of the three.
    #[must_use]
    pub fn least(self) -> u32 {
        self.memory.min(self.cpu).min(self.disk)
    }
}

fn millionths(part: u64, whole: u64) -> u32 {
    let parts = (u128::from(part) * 1_000_000).checked_div(u128::from(whole));
    parts.map_or(1_000_000, |it| u32::try_from(it).unwrap_or(1_000_000))
}

/// Millionths as percent with one decimal, rounded down.
struct Percent(u32);

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0 / 10_000, self.0 / 1_000 % 10) {
            (whole, 0) => write!(f, "{whole} %"),
            (whole, tenths) => write!(f, "{whole}.{tenths} %"),
        }
    }
}

/// How a host stood among those that an instance fits on, before it got it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// Instances of the same release in the host's zone.
    pub in_zone: u32,
    /// Instances of other releases of the app in the host's zone.
    pub others_in_zone: u32,
    /// Instances of the same release on the host.
    pub on_host: u32,
    /// Instances of other releases of the app on the host.
    pub others_on_host: u32,
    /// What would be left with the instance on it.
    pub headroom: Headroom,
}

impl Standing {
    /// The order of preference: the least comes first.
    pub(crate) fn order(&self) -> (u32, u32, u32, u32, std::cmp::Reverse<u32>) {
        (
            self.in_zone,
            self.others_in_zone,
            self.on_host,
            self.others_on_host,
            std::cmp::Reverse(self.headroom.least()),
        )
    }
}

/// The host that would have been chosen otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunnerUp {
    /// The host.
    pub host: Uuid,
    /// Its name.
    pub name: String,
    /// How it stood.
    pub standing: Standing,
}

/// Where an instance comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moved {
    /// The name of the host that it leaves.
    pub from: String,
    /// Why it does.
    pub why: WhyNot,
}

/// Why this host was chosen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Why {
    /// Hosts that the instance fits on and may be on.
    pub fits: u32,
    /// Hosts that run apps, in whatever condition.
    pub hosts: u32,
    /// The chosen host's name.
    pub name: String,
    /// Its zone.
    pub zone: Option<String>,
    /// How it stood.
    pub standing: Standing,
    /// Who came second.
    pub second: Option<RunnerUp>,
    /// Set when the instance was elsewhere before.
    pub moved: Option<Moved>,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(Moved { from, why }) = &self.moved {
            write!(f, "{from} {why}; ")?;
        }
        let hosts = if self.hosts == 1 { "host" } else { "hosts" };
        write!(f, "fits on {} of {} {hosts}", self.fits, self.hosts)?;
        let at = &self.standing;
        if let Some(zone) = &self.zone {
            write!(
                f,
                "; zone {zone} has {}",
                count(at.in_zone, at.others_in_zone)
            )?;
        }
        write!(
            f,
            "; {} has {}",
            self.name,
            count(at.on_host, at.others_on_host)
        )?;
        let left = at.headroom;
        write!(
            f,
            "; leaves {} of memory, {} of CPU and {} of disk free",
            Percent(left.memory),
            Percent(left.cpu),
            Percent(left.disk)
        )?;
        match &self.second {
            Some(second) => write!(f, "; {} came second, {}", second.name, self.behind(second)),
            None => Ok(()),
        }
    }
}

impl Why {
    /// What put `second` behind: the first thing in which the two differ.
    fn behind(&self, second: &RunnerUp) -> String {
        let (won, lost) = (&self.standing, &second.standing);
        if (won.in_zone, won.others_in_zone) != (lost.in_zone, lost.others_in_zone) {
            format!(
                "with {} in its zone",
                count(lost.in_zone, lost.others_in_zone)
            )
        } else if (won.on_host, won.others_on_host) != (lost.on_host, lost.others_on_host) {
            format!("with {}", count(lost.on_host, lost.others_on_host))
        } else if won.headroom.least() != lost.headroom.least() {
            let (won, lost) = (won.headroom.least(), lost.headroom.least());
            format!(
                "with {} left of what is scarcest, not {}",
                Percent(lost),
                Percent(won)
            )
        } else {
            "alike in everything but its id".to_owned()
        }
    }
}

/// So many instances of the release, and so many of other releases of the app.
fn count(same: u32, others: u32) -> String {
    let same = match same {
        0 => "no instance of it".to_owned(),
        1 => "1 instance of it".to_owned(),
        n => format!("{n} instances of it"),
    };
    match others {
        0 => same,
        n => format!("{same} and {n} of another release"),
    }
}

/// Why an instance stops.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "kebab-case", tag = "reason")]
pub enum StopWhy {
    /// Nobody wants its release any more.
    #[error("its release is no longer wanted")]
    ReleaseGone,
    /// Fewer instances are wanted.
    #[error("{}", surplus_text(*.wanted, *.on_host))]
    Surplus {
        /// How many are wanted.
        wanted: u32,
        /// How many were on its host when it was chosen, itself included.
        on_host: u32,
    },
    /// The same instance is on another host, which keeps it.
    #[error("{kept} has this instance as well")]
    PlacedTwice {
        /// The host that keeps it.
        kept: String,
    },
    /// Its host is lost, and it goes elsewhere.
    #[error("host lost; {to} has it now")]
    HostLost {
        /// The host that gets it.
        to: String,
    },
    /// Its host is no longer one of the group.
    #[error("host removed")]
    HostRemoved,
    /// It had to leave, and what replaces it is there.
    #[error("its host {why}; {to} has it now")]
    Replaced {
        /// Why it had to leave.
        why: WhyNot,
        /// The host that has it now.
        to: String,
    },
}

fn surplus_text(wanted: u32, on_host: u32) -> String {
    let wanted = match wanted {
        0 => "none are wanted".to_owned(),
        1 => "only 1 is wanted".to_owned(),
        n => format!("only {n} are wanted"),
    };
    match on_host {
        0 | 1 => wanted,
        n => format!("{wanted}, and {n} were on this host"),
    }
}
