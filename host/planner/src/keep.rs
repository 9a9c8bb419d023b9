//! What becomes of the instances that a release has: which stay, which go, which must be
//! elsewhere, and which indexes have none.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use crate::choose::{Ground, may_be_on};
use crate::plan::Stop;
use crate::snapshot::{App, Placement};
use crate::why::{StopWhy, WhyNot};

/// The instances of one release, sorted out.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    /// What stays, but for the instances on lost hosts among `moves`, which may or may not.
    pub stays: Vec<Placement>,
    pub stops: Vec<Stop>,
    /// The host of each instance that is where it may be and stays.
    pub settled: Vec<usize>,
    /// The host of each instance there is, those that stop included.
    pub present: Vec<usize>,
    /// Instances that should be elsewhere.
    pub moves: Vec<Move>,
    /// Wanted indexes that nobody has, in their order.
    pub missing: Vec<u32>,
}

/// An instance that should be elsewhere.
#[derive(Debug, Clone)]
pub(crate) struct Move {
    pub placement: Placement,
    pub host: usize,
    pub why: WhyNot,
}

impl Move {
    /// Whether its host cannot be reached.
    pub fn lost(&self) -> bool {
        self.why == WhyNot::Lost
    }

    /// Whether it serves while it is still there.
    pub fn serves(&self) -> bool {
        self.placement.running && !self.lost()
    }
}

/// One instance on one host. `why` is set when it must not be there.
struct Holder {
    placement: Placement,
    host: usize,
    why: Option<WhyNot>,
}

/// How well an instance is held: the greater, the sooner it is given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Hold {
    Serving,
    Settled,
    LeavingServing,
    Leaving,
    Lost,
}

impl Holder {
    fn hold(&self) -> Hold {
        match (&self.why, self.placement.running) {
            (None, true) => Hold::Serving,
            (None, false) => Hold::Settled,
            (Some(WhyNot::Lost), _) => Hold::Lost,
            (Some(_), true) => Hold::LeavingServing,
            (Some(_), false) => Hold::Leaving,
        }
    }
}

/// All that hold the same index, the best first.
struct Group {
    index: u32,
    holders: Vec<Holder>,
}

impl Group {
    fn best(&self) -> &Holder {
        &self.holders[0]
    }
}

/// Sorts out what a release has. `placed` is in order and all of it is of this release.
pub(crate) fn keep(app: &App, placed: &[Placement], ground: &Ground) -> Kept {
    let mut kept = Kept::default();
    let mut groups = groups(app, placed, ground, &mut kept);
    for group in surplus(app, &mut groups, ground) {
        kept.stops.extend(group);
    }
    let taken: BTreeSet<u32> = groups.iter().map(|group| group.index).collect();
    let wanted = usize::try_from(app.instances).unwrap_or(usize::MAX);
    kept.missing = (0..)
        .filter(|index| !taken.contains(index))
        .take(wanted.saturating_sub(taken.len()))
        .collect();
    for group in groups {
        settle(group, ground, &mut kept);
    }
    kept
}

/// Instances by index. Those on hosts that are no longer there stop at once.
fn groups(app: &App, placed: &[Placement], ground: &Ground, kept: &mut Kept) -> Vec<Group> {
    let mut groups = Vec::new();
    for same in placed.chunk_by(|one, other| one.index == other.index) {
        let mut holders = Vec::with_capacity(same.len());
        for placement in same {
            let Some(host) = ground.find(placement.host) else {
                kept.stops.push(Stop {
                    placement: *placement,
                    why: StopWhy::HostRemoved,
                });
                continue;
            };
            kept.present.push(host);
            holders.push(Holder {
                placement: *placement,
                host,
                why: may_be_on(app, ground.host(host)).err(),
            });
        }
        // Stable, and in the order of hosts before: of equals the first host keeps it.
        holders.sort_by_key(Holder::hold);
        if let Some(first) = holders.first() {
            groups.push(Group {
                index: first.placement.index,
                holders,
            });
        }
    }
    if app.constraints.one_per_host {
        one_per_host(&mut groups);
    }
    groups
}

/// Leaves each host one instance, a running one rather than another, and then the lowest index.
fn one_per_host(groups: &mut [Group]) {
    let mut settled: Vec<(bool, u32, usize, usize)> = groups
        .iter()
        .enumerate()
        .filter(|(_, group)| group.best().why.is_none())
        .map(|(n, group)| {
            let best = group.best();
            (!best.placement.running, group.index, best.host, n)
        })
        .collect();
    settled.sort_unstable();
    let mut hosts = BTreeSet::new();
    for (_, _, host, n) in settled {
        if !hosts.insert(host) {
            groups[n].holders[0].why = Some(WhyNot::OnePerHost);
            groups[n].holders.sort_by_key(Holder::hold);
        }
    }
}

/// Takes what is too much out of `groups`, and returns how it stops. What serves nobody goes
/// first, then what would have to move anyway; of the rest, one by one, the instance in the zone
/// and on the host with most of them, on the fullest such host, with the highest index.
fn surplus(app: &App, groups: &mut Vec<Group>, ground: &Ground) -> Vec<Vec<Stop>> {
    let wanted = usize::try_from(app.instances).unwrap_or(usize::MAX);
    let mut too_many = groups.len().saturating_sub(wanted);
    if too_many == 0 {
        return Vec::new();
    }
    let mut spread = ground.spread();
    for group in groups.iter() {
        spread.add(group.best().host, ground);
    }
    let mut gone: BTreeMap<u32, u32> = BTreeMap::new();
    let mut weak: Vec<(Hold, u32, usize)> = groups
        .iter()
        .map(|group| (group.best().hold(), group.index, group.best().host))
        .filter(|(hold, ..)| *hold > Hold::Serving)
        .collect();
    weak.sort_unstable_by_key(|(hold, index, _)| Reverse((*hold, *index)));
    for (_, index, host) in weak.into_iter().take(too_many) {
        gone.insert(index, spread.on_host(host));
        spread.remove(host, ground);
        too_many -= 1;
    }
    let mut on_hosts: BTreeMap<usize, Vec<u32>> = BTreeMap::new();
    for group in groups.iter().filter(|it| !gone.contains_key(&it.index)) {
        on_hosts
            .entry(group.best().host)
            .or_default()
            .push(group.index);
    }
    for _ in 0..too_many {
        let fullest = on_hosts.iter().max_by_key(|(host, indexes)| {
            (
                spread.in_zone_of(**host, ground),
                spread.on_host(**host),
                Reverse(ground.headroom(**host)),
                indexes.last().copied(),
            )
        });
        let Some((&host, _)) = fullest else { break };
        let Some(indexes) = on_hosts.get_mut(&host) else {
            break;
        };
        if let Some(index) = indexes.pop() {
            gone.insert(index, spread.on_host(host));
            spread.remove(host, ground);
        }
        if indexes.is_empty() {
            on_hosts.remove(&host);
        }
    }
    groups
        .extract_if(.., |group| gone.contains_key(&group.index))
        .map(|group| {
            let why = StopWhy::Surplus {
                wanted: app.instances,
                on_host: gone[&group.index],
            };
            let stop = |holder: Holder| Stop {
                placement: holder.placement,
                why: why.clone(),
            };
            group.holders.into_iter().map(stop).collect()
        })
        .collect()
}

/// Decides about an index that stays: who keeps it, and who of the others may stop.
fn settle(group: Group, ground: &Ground, kept: &mut Kept) {
    let mut holders = group.holders.into_iter();
    let Some(best) = holders.next() else { return };
    let name = &ground.host(best.host).name;
    let ready = best.why.is_none();
    for other in holders {
        // What must leave goes on serving until what replaces it does. If it does not serve
        // itself, nothing is lost without it: a crashing app must not hold up a drain.
        let serves_alone = other.placement.running && !best.placement.running;
        let why = match other.why {
            Some(WhyNot::Lost) => StopWhy::HostLost { to: name.clone() },
            Some(_) if ready && serves_alone => {
                kept.stays.push(other.placement);
                continue;
            }
            Some(why) if ready => StopWhy::Replaced {
                why,
                to: name.clone(),
            },
            _ => StopWhy::PlacedTwice { kept: name.clone() },
        };
        kept.stops.push(Stop {
            placement: other.placement,
            why,
        });
    }
    match best.why {
        None => {
            kept.settled.push(best.host);
            kept.stays.push(best.placement);
        }
        Some(why) => {
            if why != WhyNot::Lost {
                kept.stays.push(best.placement);
            }
            kept.moves.push(Move {
                placement: best.placement,
                host: best.host,
                why,
            });
        }
    }
}
