//! The plan: what starts where, what stops, and what finds no host.
//!
//! # What goes where
//! An instance fits on a host that is ready, runs apps, satisfies the app's constraints and has
//! the memory, CPU and disk. Of the hosts that it fits on, it gets the one with the fewest
//! instances of its release in the zone, then on the host itself (instances of the app's other
//! releases decide where these are equal), then the one with most headroom: the largest of what
//! would be left of the scarcest resource. Then the order of host ids decides.
//! The release counts before the app, because after a roll-out only it is left.
//!
//! Where there is not room for all, an instance that nobody else stands in for comes first: an
//! app's first before another app's second, and whatever serves already and should only move
//! comes last. Among equals the largest is placed first, as it is the hardest to place.
//!
//! # What stays
//! Everything that is where it may be. Nothing moves because another host would be better, so
//! a host that comes back gets new instances only. Also a host with less capacity than before
//! keeps what it has; it gets nothing new.
//!
//! Indexes are names, not ranks: with fewer instances wanted, those stop that leave the rest
//! spread best, and the others keep their indexes. Four instances less one may be 0, 1 and 3.
//! A new instance gets the lowest index that is free.
//!
//! # What leaves
//! An instance on a host that is draining, does not run apps any more or no longer satisfies the
//! constraints is replaced first: it stays while the same index starts elsewhere, and a later
//! plan stops it, once the snapshot has both and the new one runs (or the old one does not run
//! either). If nothing fits, it stays where it is, and [`Unplaced`] tells why nothing fits.
//!
//! An instance on a lost host starts elsewhere, and its old placement stops in the same plan:
//! the lost host cannot be asked, and when it comes back it learns that the instance is not its
//! own any more. If nothing fits, the old placement is kept besides being reported as unplaced:
//! it costs nothing, and if its host is the first to come back, the instance is there again
//! without a start. It ends when a host has room, when fewer instances are wanted, or when the
//! lost host is removed for good.
//!
//! # What counts as taken
//! Everything placed, until the snapshot has it no longer: what a plan stops makes room for the
//! next plan only, so that no order in which hosts carry out a plan puts more on one than it
//! can hold. Instances of releases that the snapshot does not have count for nothing, as nobody
//! knows what they take; leave a release in, with no instances wanted, until its last one is gone.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::allocation::in_order;
use crate::choose::{Ground, Seeker, Spread};
use crate::keep::{Kept, Move, keep};
use crate::snapshot::{App, Placement, Snapshot};
use crate::why::{Moved, StopWhy, Why, WhyNot};

/// What to do about a snapshot. `stays` and `stops` together are all that was placed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// What starts, the most urgent first.
    pub starts: Vec<Choice>,
    /// What stops, by release, index and host.
    pub stops: Vec<Stop>,
    /// What stays, by release, index and host.
    pub stays: Vec<Placement>,
    /// What should start and cannot, by release and index.
    pub unplaced: Vec<Unplaced>,
}

impl Plan {
    /// Whether there is nothing to start or stop. There may be something [unplaced](Unplaced).
    #[must_use]
    pub fn changes_nothing(&self) -> bool {
        self.starts.is_empty() && self.stops.is_empty()
    }
}

/// An instance to start, and why there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    /// The instance, not running yet.
    pub placement: Placement,
    /// Why it goes there.
    pub why: Why,
}

/// An instance to stop, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stop {
    /// The instance.
    pub placement: Placement,
    /// Why it stops.
    pub why: StopWhy,
}

/// An instance that should start, while no host can have it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unplaced {
    /// The release.
    pub release: Uuid,
    /// The app's name.
    pub name: String,
    /// The instance's index.
    pub index: u32,
    /// Where it remains meanwhile: on a host that it should leave, or on a lost one.
    pub meanwhile: Option<Placement>,
    /// Every host by the order of ids, and what keeps the instance from it once the plan is
    /// carried out. What asks for the same shares the list.
    pub reasons: Arc<[HostReasons]>,
}

impl fmt::Display for Unplaced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no host for {} {}", self.name, self.index)?;
        if self.reasons.is_empty() {
            return f.write_str(": there are no hosts");
        }
        for (n, host) in self.reasons.iter().enumerate() {
            write!(f, "{}{host}", if n == 0 { ": " } else { "; " })?;
        }
        Ok(())
    }
}

/// What keeps an instance from a host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostReasons {
    /// The host.
    pub host: Uuid,
    /// Its name.
    pub name: String,
    /// The reasons, at least one.
    pub why_not: Vec<WhyNot>,
}

impl fmt::Display for HostReasons {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        for (n, reason) in self.why_not.iter().enumerate() {
            write!(f, "{}{reason}", if n == 0 { " " } else { ", " })?;
        }
        Ok(())
    }
}

/// An instance that needs a host.
struct Need {
    /// Which of the seekers it is of.
    seeker: usize,
    index: u32,
    from: Option<Move>,
    /// How many of its release are placed before it.
    rank: usize,
}

/// Decides what starts, stops and stays, by the rules on top of this file.
///
/// What already is as it should be costs next to nothing; every start looks once at each host.
#[must_use]
pub fn plan(snapshot: &Snapshot) -> Plan {
    let mut ground = Ground::of(snapshot);
    let mut apps: Vec<&App> = snapshot.apps.iter().collect();
    apps.sort_by_key(|app| app.release);
    apps.dedup_by_key(|app| app.release);
    let placed = in_order(&snapshot.placed);
    let mut by_release: BTreeMap<Uuid, &[Placement]> = placed
        .chunk_by(|one, other| one.release == other.release)
        .map(|same| (same[0].release, same))
        .collect();

    let kept: Vec<Kept> = apps
        .iter()
        .map(|app| {
            let placed = by_release.remove(&app.release).unwrap_or_default();
            keep(app, placed, &ground)
        })
        .collect();
    let mut families = families(&apps, &kept, &ground);
    let mut plan = Plan::default();
    for placement in by_release.into_values().flatten() {
        plan.stops.push(Stop {
            placement: *placement,
            why: StopWhy::ReleaseGone,
        });
    }
    let mut seekers: Vec<Seeker> = Vec::new();
    let mut needs: Vec<Need> = Vec::new();
    for (app, kept) in apps.iter().zip(kept) {
        plan.stays.extend(kept.stays);
        plan.stops.extend(kept.stops);
        if kept.missing.is_empty() && kept.moves.is_empty() {
            continue;
        }
        let seeker = seekers.len();
        seekers.push(ground.seeker(app, &kept.settled, &kept.present));
        let moves = kept.moves.into_iter();
        let moves = moves.map(|from| (from.placement.index, Some(from)));
        let missing = kept.missing.into_iter().map(|index| (index, None));
        let mut wanted: Vec<_> = missing.chain(moves).collect();
        wanted.sort_by_key(|(index, from)| (from.as_ref().is_some_and(Move::serves), *index));
        let wanted = wanted.into_iter().enumerate();
        needs.extend(wanted.map(|(n, (index, from))| Need {
            seeker,
            index,
            from,
            rank: kept.settled.len() + n,
        }));
    }
    needs.sort_by_key(|need| {
        let app = seekers[need.seeker].app;
        (
            need.from.as_ref().is_some_and(Move::serves),
            need.rank,
            Reverse((app.memory, app.cpu, app.disk)),
            need.seeker,
        )
    });
    let mut waiting = Vec::new();
    for need in needs {
        let seeker = &mut seekers[need.seeker];
        if !place(&need, seeker, &mut ground, &mut families, &mut plan) {
            waiting.push(need);
        }
    }
    plan.unplaced = unplaced(waiting, &seekers, &ground);
    plan.stops
        .sort_by_key(|it| (it.placement.release, it.placement.index, it.placement.host));
    plan.stays.sort_by_key(|it| (it.release, it.index, it.host));
    plan
}

/// How the instances of each app with several releases are spread.
fn families(apps: &[&App], kept: &[Kept], ground: &Ground) -> HashMap<Uuid, Spread> {
    let mut releases: HashMap<Uuid, usize> = HashMap::new();
    for app in apps {
        *releases.entry(app.app).or_default() += 1;
    }
    let mut families: HashMap<Uuid, Spread> = HashMap::new();
    for (app, kept) in apps
        .iter()
        .zip(kept)
        .filter(|(app, _)| releases[&app.app] > 1)
    {
        let family = families.entry(app.app).or_insert_with(|| ground.spread());
        for &host in &kept.settled {
            family.add(host, ground);
        }
    }
    families
}

/// Finds a host for an instance. Without one, what it has stays.
fn place(
    need: &Need,
    seeker: &mut Seeker,
    ground: &mut Ground,
    families: &mut HashMap<Uuid, Spread>,
    plan: &mut Plan,
) -> bool {
    let family = families.get_mut(&seeker.app.app);
    let found = if seeker.stuck {
        None
    } else {
        ground.choose(seeker, family)
    };
    let lost = need.from.as_ref().filter(|from| from.lost());
    let Some((host, mut why)) = found else {
        seeker.stuck = true;
        plan.stays.extend(lost.map(|from| from.placement));
        return false;
    };
    if let Some(from) = lost {
        plan.stops.push(Stop {
            placement: from.placement,
            why: StopWhy::HostLost {
                to: why.name.clone(),
            },
        });
    }
    why.moved = need.from.as_ref().map(|from| Moved {
        from: ground.host(from.host).name.clone(),
        why: from.why.clone(),
    });
    plan.starts.push(Choice {
        placement: Placement {
            release: seeker.app.release,
            index: need.index,
            host: ground.host(host).id,
            running: false,
        },
        why,
    });
    true
}

/// Tells for each instance that found no host what keeps it from every one.
fn unplaced(waiting: Vec<Need>, seekers: &[Seeker], ground: &Ground) -> Vec<Unplaced> {
    let mut shared: HashMap<_, Arc<[HostReasons]>> = HashMap::new();
    let mut unplaced: Vec<Unplaced> = waiting
        .into_iter()
        .map(|need| {
            let seeker = &seekers[need.seeker];
            let App { constraints, .. } = seeker.app;
            // What the release has itself matters only with one instance per host.
            let alone = constraints.one_per_host.then_some(need.seeker);
            let alike = (seeker.app.needs(), constraints, alone);
            let reasons = shared.entry(alike).or_insert_with(|| {
                let hosts = ground.hosts();
                let reasons = hosts.map(|(n, host)| HostReasons {
                    host: host.id,
                    name: host.name.clone(),
                    why_not: ground.why_not(seeker, n),
                });
                reasons.collect()
            });
            Unplaced {
                release: seeker.app.release,
                name: seeker.app.name.clone(),
                index: need.index,
                meanwhile: need.from.map(|from| from.placement),
                reasons: Arc::clone(reasons),
            }
        })
        .collect();
    unplaced.sort_by_key(|it| (it.release, it.index));
    unplaced
}
