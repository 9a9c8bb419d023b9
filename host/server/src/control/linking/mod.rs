//! How this host is linked with others. Each membership is a pair of state
//! machines, of which `muster_peering::membership` has the rules; here they are
//! kept in the store, fed with what happens, and obeyed.
//!
//! | file | what |
//! | --- | --- |
//! | `own` | what this host keeps of itself: key, standing, certificate |
//! | `about` | what it tells others: version, system, addresses |
//! | `leading` | the leader's side: authority, link tokens |
//! | `entrance` | the leader's side: who asks to be let in |
//! | `members` | the leader's side: what members say, taking them out |
//! | `hosts` | the leader's side: the group's hosts as they are shown |
//! | `following` | the follower's side: joining, heartbeats, leaving |
//! | `saying` | the follower's side: what is said to the leader, and its answers |
//! | `news` | the follower's side: what is to run, as the leader tells it |
//! | `presence` | the leader's side: whether hosts are there, and that people hear of it |
//! | `meanwhile` | what happens on a follower while its leader is away |
//! | `whereabouts` | where hosts are, and how that gets about |
//! | `renewal` | new certificates in time |
//! | `draining` | which hosts get nothing new |
//! | `group` | who is in the group and how they are dialled, and what part this host has |
//! | `port` | the port for peers, open as long as there may be any |
//! | `telling` | what the leader tells its followers of the group |
//! | `succession` | another control-plane host leads: taking over, handing over, finding who does |

mod about;
pub(crate) mod draining;
mod entrance;
mod following;
mod group;
mod hosts;
mod leading;
mod meanwhile;
mod members;
mod news;
mod own;
mod port;
mod presence;
mod renewal;
mod saying;
mod succession;
mod telling;
mod whereabouts;

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock, atomic::AtomicBool},
    time::{Duration, Instant},
};

use arc_swap::ArcSwapOption;
use muster_api::{
    bundles::ContentProgress,
    hosts::{Capacity, HostMode},
    id::{HostId, LinkId},
    links::{Leader, Link, Standing},
};
use muster_blocks::Blocks;
use muster_identity::seal::Sealer;
use muster_ingress::Door;
use muster_logging::Recent;
use muster_peering::{
    HostKey, Leaf, PeeringError, Pin,
    membership::{Refusal, joiner, presence::Presence},
    tls::PeerIdentity,
};
use muster_store::Store;
use time::OffsetDateTime;
use tokio::sync::Notify;
use uuid::Uuid;

pub(crate) use self::{
    group::{Member, Part},
    hosts::one_called,
    own::forget_lead,
    succession::{NO_LEADER, no_leader},
    telling::Followed,
};
use self::{
    meanwhile::Meanwhile,
    own::{Lead, Own},
    telling::Published,
};
use super::{
    error::ControlError,
    leadership::Leadership,
    staging::Workshop,
    state::State,
    this_host::{Name, next_addresses},
};
use crate::{
    agent::fleet::Fleet,
    logs::Logs,
    peers::{Listening, blocks::Nearness, kept::Kept},
    releases::Releases,
    roles::Roles,
};

/// What an operator has decided about links before the host starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkOptions {
    /// Where peers are listened to, as long as there may be any.
    pub peers: SocketAddr,
    /// Where peers reach this host, as `host:port`; what the machine's network
    /// interfaces say unless told.
    pub peer_addresses: Vec<String>,
    /// Where apps are reached.
    pub apps: SocketAddr,
    /// Where load balancers reach apps, as `host:port`; what the machine's
    /// network interfaces say unless told.
    pub app_addresses: Vec<String>,
    /// How Muster is installed.
    pub mode: HostMode,
    /// Whether the host may be linked at all.
    pub multi_node: bool,
    /// What the host shares a fate with, such as a rack or a room.
    pub zone: Option<String>,
    /// What apps may ask of the host that runs them.
    pub labels: BTreeMap<String, String>,
}

/// How this host is linked.
#[derive(Clone)]
pub(crate) struct Links(Arc<Inner>);

struct Inner {
    /// What this host keeps of itself.
    own: Store,
    /// The group's state, while this host works on it; its own otherwise.
    state: RwLock<State>,
    roles: Arc<Roles>,
    fleet: Arc<Fleet>,
    blocks: Blocks,
    door: Door,
    host: HostId,
    name: Name,
    key: HostKey,
    sealer: Sealer,
    options: LinkOptions,
    started: Instant,
    memory: Mutex<Memory>,
    members: Arc<RwLock<HashMap<Uuid, Pin>>>,
    /// Who was a member and may be told how that ended.
    former: Arc<RwLock<HashSet<PeerIdentity>>>,
    port: tokio::sync::Mutex<Option<Listening>>,
    /// One exchange with the leader at a time.
    turn: tokio::sync::Mutex<()>,
    refreshing: tokio::sync::Mutex<()>,
    wake: Notify,
    /// What followers are told.
    published: Published,
    /// Sounds when what this host is to do has changed.
    told: Notify,
    nearness: Mutex<Nearness>,
    kept: Mutex<Kept>,
    /// What the leader may ask of this host.
    served: ArcSwapOption<Served>,
    capacity: OnceLock<Capacity>,
    /// Whether this host is about to stop.
    leaving: AtomicBool,
}

/// What the leader may ask of this host: its API, the logs of apps, what it logs
/// itself, staging, a share of the state.
pub(crate) struct Served {
    pub(crate) api: axum::Router,
    /// Whether the API stands on the group's state: not on a host that stands by, nor
    /// on one that leads from now on before it has taken that up.
    pub(crate) of_group: bool,
    pub(crate) logs: Arc<Logs>,
    pub(crate) recent: Recent,
    pub(crate) workshop: Workshop,
    pub(crate) leadership: Leadership,
    pub(crate) releases: Releases,
}

/// What the store holds, for those who cannot wait for it, and what nobody
/// keeps.
#[derive(Default)]
struct Memory {
    own: Own,
    lead: Option<Lead>,
    /// Members by host, as they were heard.
    presence: HashMap<HostId, Presence>,
    /// Memberships that were over, whose hosts have come back to hear so.
    came_back: HashSet<LinkId>,
    /// The addresses that all followers were told, while this host leads.
    announced: Option<Vec<String>>,
    /// When that was.
    announced_at: Option<Instant>,
    /// When the leader has answered last.
    leader_seen: Option<(Instant, OffsetDateTime)>,
    /// What to add to the clock here to have the leader's.
    offset: time::Duration,
    /// What the leader has told of the group.
    followed: Arc<Followed>,
    /// What this host has of the group's content.
    content: ContentProgress,
    /// Which of the leader's settings count here.
    settings: Option<String>,
    /// By which state of the group this host routes: its digest.
    routed: Option<String>,
    /// Where this host is about to move, beside where it is.
    next_addresses: Vec<String>,
    /// What the leader has not been told yet.
    meanwhile: Meanwhile,
    /// On whose state this host works.
    works_on: WorksOn,
    /// Who has the lease on it, as far as this host has heard.
    lease: Option<HostId>,
    /// Which hosts do, while this one leads.
    control: Vec<HostId>,
}

/// On whose state a host works.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum WorksOn {
    /// Its own.
    #[default]
    Its,
    /// That which it shares with others.
    Shared,
    /// None: it shares one, and does not lead.
    None,
}

impl Memory {
    /// Whom this host follows, unless it leads itself.
    fn leader(&self) -> Option<PeerIdentity> {
        self.own.state.leader().filter(|_| self.lead.is_none())
    }
}

impl Links {
    /// Takes up what was kept.
    pub(crate) async fn open(
        own: State,
        roles: Arc<Roles>,
        fleet: Arc<Fleet>,
        (blocks, door): (Blocks, Door),
        name: Name,
        options: LinkOptions,
    ) -> Result<Self, ControlError> {
        let (store, sealer) = (own.store.clone(), own.sealer.clone());
        let key = own::key(&store, &sealer).await?;
        let memory = Memory {
            next_addresses: next_addresses(&store).await?,
            own: own::load(&store).await?,
            lead: own::lead(&store).await?,
            meanwhile: Meanwhile::recalled(own::meanwhile(&store).await?),
            ..Memory::default()
        };
        let links = Self(Arc::new(Inner {
            own: store,
            state: RwLock::new(own),
            roles,
            host: fleet.host,
            fleet,
            blocks,
            door,
            name,
            key,
            sealer,
            options,
            started: Instant::now(),
            memory: Mutex::new(memory),
            members: Arc::default(),
            former: Arc::default(),
            port: tokio::sync::Mutex::default(),
            turn: tokio::sync::Mutex::default(),
            refreshing: tokio::sync::Mutex::default(),
            wake: Notify::new(),
            published: Published::default(),
            told: Notify::new(),
            nearness: Mutex::default(),
            kept: Mutex::default(),
            served: ArcSwapOption::empty(),
            capacity: OnceLock::new(),
            leaving: AtomicBool::new(false),
        }));
        links.recall().await?;
        links.resume().await?;
        Ok(links)
    }

    /// How this host is linked.
    pub(crate) fn show(&self) -> Result<Link, ControlError> {
        let memory = self.memory();
        let (own, lead) = (&memory.own, memory.lead.as_ref());
        let standing = match own.state {
            _ if lead.is_some() => Standing::Leader,
            joiner::State::Alone => Standing::Alone,
            joiner::State::Asking { .. } | joiner::State::Confirming { .. } => Standing::Joining,
            joiner::State::Following { .. } => Standing::Follower,
            joiner::State::Leaving { .. } => Standing::Leaving,
        };
        let leaf = lead.map(|lead| lead.leaf.as_str()).or(own.leaf.as_deref());
        let leaf = leaf.map(Leaf::from_pem).transpose().map_err(damaged)?;
        let seen = memory.leader_seen;
        let leader = memory.leader().zip(own.leader.clone());
        Ok(Link {
            host: self.0.host,
            standing,
            cluster: own.cluster.or(lead.map(|lead| lead.cluster)),
            leader: leader.map(|(peer, leader)| Leader {
                id: HostId(peer.host),
                name: leader.name,
                addresses: leader.addresses,
                reachable: seen.is_some_and(|(at, _)| at.elapsed() < UNREACHABLE_AFTER),
                last_seen_at: seen.map(|(_, at)| at),
            }),
            followers: u32::try_from(memory.presence.len()).unwrap_or(u32::MAX),
            addresses: own.addresses.list.clone(),
            certificate_not_after: leaf.map(|leaf| leaf.not_after()),
            clock_offset_ms: millis(memory.offset),
            ended: own.ended.clone(),
        })
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.0.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The time since the host has started, which nobody can set.
    fn monotonic(&self) -> Duration {
        self.0.started.elapsed()
    }
}

/// After how long a silence the leader counts as unreachable, too.
const UNREACHABLE_AFTER: Duration = muster_peering::membership::presence::UNREACHABLE_AFTER;

fn millis(duration: time::Duration) -> i64 {
    i64::try_from(duration.whole_milliseconds()).unwrap_or(i64::MAX)
}

/// What was kept of a link, or comes out of one's own key, cannot be read.
fn damaged(error: PeeringError) -> ControlError {
    ControlError::Internal(format!("what is kept of the link cannot be used: {error}"))
}

/// A refusal says what is wrong, and after a semicolon what to do.
fn refused(refusal: &Refusal) -> ControlError {
    let told = refusal.to_string();
    let (message, remedy) = told.split_once("; ").unwrap_or((&told, ""));
    ControlError::Conflict {
        code: refusal.code(),
        message: message.to_owned(),
        remedy: remedy.to_owned(),
    }
}
