//! What hosts must agree on, once nothing is wrong with their network any more.

use std::{
    collections::BTreeSet,
    net::SocketAddr,
    time::{Duration, Instant},
};

use muster_api::{
    hosts::{HostState, LinkedHost},
    id::HostId,
    links::{Link, LinkToken, LinkTokenState, Standing},
};
use tokio::{net::TcpStream, time::timeout};

use super::{workloads, world::World};

/// How long it may take: longer than a leader waits for a host that it has let
/// in to confirm.
const PATIENCE: Duration = Duration::from_secs(180);

/// What one host says.
#[derive(Debug)]
struct View {
    link: Link,
    hosts: Vec<LinkedHost>,
    tokens: Vec<LinkToken>,
    /// Whether its port for peers is open.
    open: bool,
    /// Where others find it.
    address: String,
}

/// Waits until all hosts agree.
///
/// # Panics
/// If they do not.
pub async fn reach(world: &World) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let views = look(world).await;
        let complaint = match disagreement(&views) {
            Some(complaint) => complaint,
            None => match workloads::disagreement(world).await {
                Some(complaint) => complaint,
                None => return,
            },
        };
        assert!(Instant::now() < deadline, "{complaint}: {views:#?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn look(world: &World) -> Vec<View> {
    let mut views = Vec::new();
    for (host, client) in world.all().enumerate() {
        let address = world.network.peer_address(host);
        let at: SocketAddr = address.parse().expect("an address");
        let connected = timeout(Duration::from_secs(5), TcpStream::connect(at)).await;
        views.push(View {
            link: client.link().await,
            hosts: client.hosts().await,
            tokens: client.link_tokens().await,
            open: matches!(connected, Ok(Ok(_))),
            address,
        });
    }
    views
}

/// The first thing that is not as it must be.
fn disagreement(views: &[View]) -> Option<String> {
    views.iter().find_map(|view| {
        let complaint = match view.link.standing {
            Standing::Alone => alone(view),
            Standing::Leader => leads(view, views),
            Standing::Follower => follows(view, views),
            Standing::Joining | Standing::Leaving => Some("is in the middle of something"),
        };
        complaint.map(|complaint| format!("{} {complaint}", view.link.host))
    })
}

fn alone(view: &View) -> Option<&'static str> {
    let link = &view.link;
    complain(&[
        (link.leader.is_none(), "is alone and has a leader"),
        (link.cluster.is_none(), "is alone and has a group"),
        (
            link.certificate_not_after.is_none(),
            "is alone and has a certificate",
        ),
        (link.followers == 0, "is alone and has followers"),
        (view.hosts.is_empty(), "is alone and lists hosts"),
        (!is_any_open(view), "is alone and has tokens out"),
        (!view.open, "is alone and listens for peers"),
    ])
}

fn leads(view: &View, views: &[View]) -> Option<&'static str> {
    let own = view.link.host;
    let followers: BTreeSet<HostId> = views
        .iter()
        .filter(|other| leader(other) == Some(own))
        .map(|other| other.link.host)
        .collect();
    let Some((first, members)) = view.hosts.split_first() else {
        return Some("leads and lists nobody");
    };
    let listed: BTreeSet<HostId> = members.iter().map(|host| host.id).collect();
    let used: Vec<_> = view.tokens.iter().filter(|token| is_used(token)).collect();
    let used_by: BTreeSet<HostId> = used.iter().filter_map(|token| token.host).collect();
    complain(&[
        (first.id == own, "does not list itself"),
        (listed == followers, "lists others than follow it"),
        (
            listed.len() == members.len() && view.link.followers as usize == members.len(),
            "does not know how many follow it",
        ),
        (
            used_by == listed && used.len() == members.len(),
            "has a membership more or less than members",
        ),
        (!is_any_open(view), "has tokens out"),
        (view.open, "does not listen for peers"),
        (
            members
                .iter()
                .all(|host| matches!(host.state, HostState::Ready | HostState::InUse)),
            "lists somebody who is not there",
        ),
    ])
}

fn follows(view: &View, views: &[View]) -> Option<&'static str> {
    let link = &view.link;
    let Some(known) = &link.leader else {
        return Some("follows nobody");
    };
    let Some(leader) = views.iter().find(|other| other.link.host == known.id) else {
        return Some("follows a stranger");
    };
    let Some(there) = leader.hosts.iter().find(|host| host.id == link.host) else {
        return Some("is not known to its leader");
    };
    complain(&[
        (
            leader.link.standing == Standing::Leader && leader.link.cluster == link.cluster,
            "follows in a group that is not its leader's",
        ),
        (known.reachable, "does not reach its leader"),
        (
            known.addresses == [leader.address.clone()],
            "looks for its leader elsewhere",
        ),
        (
            there.about.addresses == [view.address.clone()],
            "is looked for elsewhere by its leader",
        ),
        (
            link.certificate_not_after == Some(there.certificate_not_after),
            "has another certificate than its leader says",
        ),
        (view.hosts.is_empty(), "follows and lists hosts"),
        (!is_any_open(view), "follows and has tokens out"),
        (view.open, "does not listen for peers"),
    ])
}

fn leader(view: &View) -> Option<HostId> {
    let leader = view.link.leader.as_ref();
    leader.map(|leader| leader.id)
}

/// Whether somebody could still be let in with a token that is out.
fn is_any_open(view: &View) -> bool {
    view.tokens.iter().any(|token| {
        matches!(
            token.state,
            LinkTokenState::Offered | LinkTokenState::Pending
        )
    })
}

fn is_used(token: &LinkToken) -> bool {
    token.state == LinkTokenState::Used
}

/// What is said of the first thing that does not hold.
fn complain(all: &[(bool, &'static str)]) -> Option<&'static str> {
    all.iter().find(|(holds, _)| !holds).map(|(_, what)| *what)
}
