//! Linked hosts whose network is bad: cut, slow, lossy, and with addresses that
//! change.

use std::time::Duration;

use futures::future::join_all;
use muster_api::{
    audit::AuditRecord,
    hosts::HostState,
    id::HostId,
    links::{Link, LinkTokenState, Standing},
    page::Page,
    plan::Plan,
    platform_log::PlatformLog,
};
use muster_e2e::{Client, Network, eventually, eventually_within, refuse};
use reqwest::{Method, StatusCode};
use serde_json::json;
use time::OffsetDateTime;
use tokio::time::timeout;
use uuid::Uuid;

/// Longer than a leader waits for a host that it has let in to confirm.
const LAPSE: Duration = Duration::from_secs(180);

/// Clients of all hosts, of which the first leads and the others follow.
async fn linked(network: &Network) -> Vec<Client> {
    let clients = clients(network).await;
    for follower in &clients[1..] {
        follower.join(&clients[0].link_token().await.token).await;
    }
    clients
}

async fn clients(network: &Network) -> Vec<Client> {
    join_all((0..network.len()).map(|host| network.host(host).client())).await
}

/// What of a group must not change because links were bad: who is in it, and
/// under which papers.
type Papers = (Vec<(HostId, String, OffsetDateTime)>, Vec<Option<Uuid>>);

async fn papers(clients: &[Client]) -> Papers {
    let hosts = clients[0].hosts().await;
    let hosts = hosts
        .into_iter()
        .map(|host| (host.id, host.fingerprint, host.certificate_not_after));
    let links = join_all(clients.iter().map(Client::link)).await;
    let links = links.into_iter().map(|link| link.cluster);
    (hosts.collect(), links.collect())
}

/// Waits until the leader sees a host in that state, and the host the leader
/// accordingly.
async fn sees(leader: &Client, name: &str, follower: &Client, state: HostState) {
    let what = format!("{name} is seen as {state:?}, and sees its leader so");
    eventually(&what, async || {
        let there = leader.linked_host(name).await?;
        let known = follower.link().await.leader?;
        let reachable = state != HostState::Unreachable;
        (there.state == state && known.reachable == reachable).then_some(())
    })
    .await;
}

/// Waits until a host follows nobody and has nothing left of having done so.
async fn stands_alone(host: &Client) -> Link {
    let link = eventually("a host stands alone", async || {
        let link = host.link().await;
        (link.standing == Standing::Alone).then_some(link)
    })
    .await;
    assert_eq!(
        (&link.leader, link.cluster, link.certificate_not_after),
        (&None, None, None)
    );
    link
}

#[tokio::test]
async fn a_cut_is_seen_at_both_ends_and_heals() {
    let Some(mut network) = Network::start(3).await else {
        return;
    };
    let clients = linked(&network).await;
    let [leader, south, east] = &clients[..] else {
        unreachable!("three were started")
    };
    sees(leader, "south", south, HostState::Ready).await;
    let before = papers(&clients).await;
    for way in ["both ways", "from the leader", "to the leader"] {
        println!("cut {way}");
        match way {
            "both ways" => network.cut(0, 1),
            "from the leader" => network.cut_one_way(0, 1),
            _ => network.cut_one_way(1, 0),
        }
        sees(leader, "south", south, HostState::Unreachable).await;
        // Whoever is not concerned is not.
        sees(leader, "east", east, HostState::Ready).await;
        network.mend(0, 1);
        sees(leader, "south", south, HostState::Ready).await;
        assert_eq!(papers(&clients).await, before, "cut {way}");
        assert_eq!(south.link().await.standing, Standing::Follower);
    }
}

#[tokio::test]
async fn slow_and_lossy_links_link_and_hold() {
    let Some(mut network) = Network::start(3).await else {
        return;
    };
    network.slow(1, Duration::from_millis(200));
    network.lossy(2, 20);
    let clients = clients(&network).await;
    let leader = &clients[0];
    for follower in &clients[1..] {
        let token = leader.link_token().await.token;
        // Where every fifth packet is lost it may take more than one attempt.
        eventually("a bad line is enough to link", async || {
            let answer = follower.joining(&token).send().await;
            let answer = answer.expect("the host answers");
            let status = answer.status();
            let text = answer.text().await.expect("a body");
            assert!(
                status == StatusCode::OK || text.contains("unreachable"),
                "{status}: {text}"
            );
            (status == StatusCode::OK).then_some(())
        })
        .await;
    }
    for (name, follower) in [("south", &clients[1]), ("east", &clients[2])] {
        sees(leader, name, follower, HostState::Ready).await;
    }
    // Heartbeats go on coming.
    let mut seen = [OffsetDateTime::UNIX_EPOCH; 2];
    for _ in 0..4 {
        for (seen, follower) in seen.iter_mut().zip(&clients[1..]) {
            let before = *seen;
            *seen = eventually("another heartbeat is answered", async || {
                let last = follower.link().await.leader?.last_seen_at?;
                (last > before).then_some(last)
            })
            .await;
        }
    }
    network.heal();
    for (name, follower) in [("south", &clients[1]), ("east", &clients[2])] {
        sees(leader, name, follower, HostState::Ready).await;
    }
    assert_eq!(leader.hosts().await.len(), 3);
}

#[tokio::test]
async fn addresses_change_and_hosts_stay_who_they_are() {
    let Some(mut network) = Network::start(3).await else {
        return;
    };
    let clients = linked(&network).await;
    let before = papers(&clients).await;
    // The follower and the leader, as they run and while they are down.
    for (host, down) in [(1, false), (0, false), (1, true), (0, true)] {
        println!("host {host} moves, down: {down}");
        if down {
            network.host_mut(host).kill();
        }
        let address = network.fresh_address();
        network.move_host(host, address);
        if down {
            network.host_mut(host).start_again();
            network.host_mut(host).wait_ready().await;
        }
        let now = clients_that_find(&network).await;
        assert_eq!(papers(&now).await, before);
    }
}

/// Clients of all hosts, once the leader finds every follower, and they it, where
/// they are.
async fn clients_that_find(network: &Network) -> Vec<Client> {
    let clients = clients(network).await;
    for (host, follower) in clients.iter().enumerate().skip(1) {
        let own = network.peer_address(host);
        eventually("everybody knows where everybody is", async || {
            let link = follower.link().await;
            let all = clients[0].hosts().await;
            let there = all.into_iter().find(|host| host.id == link.host)?;
            let leader = link.leader?;
            (there.about.addresses == [own.clone()]
                && there.state == HostState::Ready
                && leader.addresses == [network.peer_address(0)]
                && leader.reachable)
                .then_some(())
        })
        .await;
    }
    clients
}

#[tokio::test]
async fn a_host_forced_out_while_cut_off_hears_of_it_and_comes_anew() {
    let Some(mut network) = Network::start(3).await else {
        return;
    };
    let clients = linked(&network).await;
    let [leader, south, east] = &clients[..] else {
        unreachable!("three were started")
    };
    network.cut(0, 1);
    sees(leader, "south", south, HostState::Unreachable).await;
    let forced = leader.request(Method::DELETE, "/hosts/south?force=true");
    let forced = forced.send().await.expect("an answer");
    assert!(forced.status().is_success(), "{forced:?}");
    assert!(leader.linked_host("south").await.is_none());
    assert_eq!(
        south.link().await.standing,
        Standing::Follower,
        "it cannot know"
    );

    network.heal();
    let link = stands_alone(south).await;
    let why = link.ended.expect("a reason");
    assert!(why.contains("forced out"), "{why}");
    let audit: Page<AuditRecord> = leader.get("/audit?limit=50").await;
    let back = audit
        .items
        .iter()
        .filter(|it| it.entry.action == "host.come-back");
    assert_eq!(back.count(), 1, "the leader has noticed: {audit:#?}");
    sees(leader, "east", east, HostState::Ready).await;

    south.join(&leader.link_token().await.token).await;
    sees(leader, "south", south, HostState::Ready).await;
    assert_eq!(leader.hosts().await.len(), 3);
}

#[tokio::test]
async fn a_host_forced_out_hears_it_of_a_leader_that_leads_others_by_now() {
    let Some(mut network) = Network::start(3).await else {
        return;
    };
    let clients = clients(&network).await;
    let [leader, south, east] = &clients[..] else {
        unreachable!("three were started")
    };
    south.join(&leader.link_token().await.token).await;
    network.cut(0, 1);
    let gone = leader.request(Method::DELETE, "/hosts/south?force=true");
    assert!(gone.send().await.expect("an answer").status().is_success());
    let stop = "/link/actions/stop-leading";
    let _: Plan = leader.send(Method::POST, stop, &json!({})).await;
    // Another group, of which south knows nothing but the leader's key.
    east.join(&leader.link_token().await.token).await;
    assert_eq!(south.link().await.standing, Standing::Follower);

    network.heal();
    let why = stands_alone(south).await.ended.expect("a reason");
    assert!(why.contains("ended the group"), "{why}");
    sees(leader, "east", east, HostState::Ready).await;
    south.join(&leader.link_token().await.token).await;
    sees(leader, "south", south, HostState::Ready).await;
}

#[tokio::test]
async fn leader_and_follower_who_both_move_apart_find_each_other_through_a_third() {
    let Some(mut network) = Network::start(3).await else {
        return;
    };
    let clients = linked(&network).await;
    sees(&clients[0], "south", &clients[1], HostState::Ready).await;
    eventually("it knows of the third", async || {
        let log: PlatformLog = clients[1].get("/log").await;
        (log.missing.len() == 2).then_some(())
    })
    .await;
    network.cut(0, 1);
    for host in [0, 1] {
        let address = network.fresh_address();
        network.move_host(host, address);
    }
    let east = &clients[2];
    let there = network.peer_address(0);
    eventually("the third knows where the leader is", async || {
        let leader = east.link().await.leader?;
        (leader.addresses == [there.clone()]).then_some(())
    })
    .await;
    network.heal();
    clients_that_find(&network).await;
}

#[tokio::test]
async fn whoever_leaves_while_cut_off_has_left_when_it_heals() {
    let Some(mut network) = Network::start(2).await else {
        return;
    };
    let clients = linked(&network).await;
    let (leader, south) = (&clients[0], &clients[1]);
    network.cut(0, 1);
    let leave = south.request(Method::POST, "/link/actions/leave");
    refuse(leave.json(&json!({})), 409, "unreachable").await;
    assert_eq!(south.link().await.standing, Standing::Leaving);
    assert_eq!(leader.hosts().await.len(), 2, "it cannot know");
    network.heal();
    stands_alone(south).await;
    assert_eq!(leader.hosts().await.len(), 1);
}

#[tokio::test]
async fn a_join_that_nobody_waits_for_comes_to_an_end() {
    let Some(mut network) = Network::start(2).await else {
        return;
    };
    let clients = clients(&network).await;
    let (leader, south) = (&clients[0], &clients[1]);
    // Slow enough to be still in the middle of it when whoever asked has gone.
    network.slow(1, Duration::from_millis(300));
    let token = leader.link_token().await.token;
    let asked = timeout(Duration::from_millis(900), south.joining(&token).send());
    assert!(asked.await.is_err(), "it takes longer");
    network.heal();
    let link = settled(south).await;
    if link.standing == Standing::Alone {
        south.join(&leader.link_token().await.token).await;
    }
    sees(leader, "south", south, HostState::Ready).await;
}

/// After how many bytes a join is cut off: a whole one takes about 20,000.
const CUTS: [u64; 15] = [
    1, 200, 600, 1_200, 2_400, 3_200, 4_000, 4_800, 5_600, 6_400, 7_200, 8_400, 9_600, 11_000,
    13_000,
];

#[tokio::test]
async fn a_join_that_is_cut_anywhere_leaves_nothing_behind() {
    let Some(mut network) = Network::start(6).await else {
        return;
    };
    let clients = clients(&network).await;
    let (leader, joiners) = (&clients[0], &clients[1..]);
    let mut lapsed = false;
    for cuts in CUTS.chunks(joiners.len()) {
        let mut let_in = false;
        let mut tokens = Vec::new();
        for (host, &bytes) in (1..).zip(cuts) {
            tokens.push(leader.link_token().await.token);
            network.cut_after(host, bytes);
        }
        let asked = joiners.iter().zip(&tokens).map(async |(joiner, token)| {
            let answer = joiner.joining(token).send().await.expect("an answer");
            let status = answer.status();
            (status, answer.text().await.expect("a body"))
        });
        let answers = join_all(asked).await;
        let known = leader.hosts().await;
        for ((joiner, (status, text)), bytes) in joiners.iter().zip(&answers).zip(cuts) {
            let link = joiner.link().await;
            let there = known.iter().find(|host| host.id == link.host);
            let there = there.map(|host| host.state);
            println!(
                "after {bytes} bytes: {status}, {:?} here and {there:?} there",
                link.standing
            );
            assert!(
                *status == StatusCode::OK || text.contains("\"unreachable\""),
                "{status}: {text}"
            );
            let_in |= link.standing == Standing::Alone && there.is_some();
        }
        network.heal();
        for joiner in joiners {
            settled(joiner).await;
        }
        if let_in && !lapsed {
            // What was given up is over by itself; later rounds do not wait.
            assert_clean(leader, joiners).await;
            lapsed = true;
        }
        for joiner in joiners {
            if joiner.link().await.standing == Standing::Alone {
                joiner.join(&leader.link_token().await.token).await;
            }
            joiner.leave().await;
            stands_alone(joiner).await;
        }
        assert_eq!(leader.hosts().await.len(), 1);
    }
    assert!(lapsed, "no cut fell between letting in and hearing of it");
}

/// Waits until a host is in no middle of anything.
async fn settled(host: &Client) -> Link {
    eventually("a host is a follower or none", async || {
        let link = host.link().await;
        matches!(link.standing, Standing::Alone | Standing::Follower).then_some(link)
    })
    .await
}

/// Waits until the leader counts whoever follows it and nobody else.
async fn assert_clean(leader: &Client, others: &[Client]) {
    let links = join_all(others.iter().map(Client::link)).await;
    let followers = links
        .iter()
        .filter(|link| link.standing == Standing::Follower);
    let mut followers: Vec<HostId> = followers.map(|link| link.host).collect();
    followers.sort();
    eventually_within(LAPSE, "the leader counts its followers alone", async || {
        let hosts = leader.hosts().await;
        let mut listed: Vec<_> = hosts[1..].iter().map(|host| host.id).collect();
        listed.sort();
        let tokens = leader.link_tokens().await;
        let open = |state| matches!(state, LinkTokenState::Offered | LinkTokenState::Pending);
        let none_open = !tokens.iter().any(|token| open(token.state));
        (listed == followers && none_open).then_some(())
    })
    .await;
}
