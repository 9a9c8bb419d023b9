//! `/ports`: who listens where, and a rule set that lets in what is needed and
//! nothing else.

use std::{
    io::Write,
    net::Ipv4Addr,
    process::{Child, Command, Stdio},
};

use futures::future::join_all;
use http::Method;
use muster_api::{
    apps::{AppDetail, InstanceState},
    hosts::HostState,
    ports::{Audience, PortRules, Ports, Reachable},
};
use muster_e2e::{Client, Host, Network, eventually, guest, only_field, refuse};
use reqwest::StatusCode;
use serde_json::json;

/// A port that somebody on a host's machine listens on who is not Muster.
const OTHER: u16 = 9_999;

/// What a host lets in.
async fn rules(client: &Client, query: &str) -> PortRules {
    client.get(&format!("/ports/rules{query}")).await
}

/// Puts rules in force on a host's machine.
fn load(network: &Network, host: usize, rules: &PortRules) {
    let mut nft = network
        .command(host, "nft")
        .args(["-f", "-"])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("nft runs");
    let mut stdin = nft.stdin.take().expect("it is piped");
    stdin
        .write_all(rules.nftables.as_bytes())
        .expect("it reads");
    drop(stdin);
    let ended = nft.wait_with_output().expect("it ends");
    let told = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success(), "{told}\n{}", rules.nftables);
}

/// Whether one host's machine can connect to a port of another.
fn connects(network: &Network, from: usize, to: Ipv4Addr, port: u16) -> bool {
    let target = format!("TCP:{to}:{port},connect-timeout=2");
    let mut socat = network.command(from, "socat");
    socat.args(["-u", "OPEN:/dev/null", &target]);
    socat.stderr(Stdio::null());
    socat.status().expect("socat runs").success()
}

/// Somebody who listens on a host's machine.
struct Listener(Child);

impl Listener {
    fn start(network: &Network, host: usize) -> Self {
        let listen = format!("TCP-LISTEN:{OTHER},fork,reuseaddr");
        let socat = network
            .command(host, "socat")
            .args(["-u", &listen, "OPEN:/dev/null"])
            .spawn();
        Self(socat.expect("socat runs"))
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn a_host_says_where_it_listens_and_for_whom() {
    let host = Host::start().await;
    let client = host.client().await;
    let ports: Ports = client.get("/ports").await;
    let [management, apps, peers] = &ports.items[..] else {
        panic!("there are three: {ports:?}")
    };
    let url = format!("http://{}:{}", management.address, management.port);
    assert_eq!(url, host.url());
    assert_eq!(management.role, "controller");
    assert_eq!(management.needed_by, Audience::PeopleAndPrograms);
    assert!(management.open && management.reachable == Reachable::FromHere);
    assert_eq!(
        (apps.address, apps.port),
        (host.apps().ip(), host.apps().port())
    );
    assert_eq!(apps.needed_by, Audience::UsersOfApps);
    assert_eq!((peers.port, peers.open), (7444, false), "it leads nobody");
    assert_eq!(peers.needed_by, Audience::HostsOfTheGroup);
    assert_eq!(peers.reachable, Reachable::FromElsewhere);

    let get = |path: &str| client.request(Method::GET, path);
    let problem = refuse(get("/ports/rules?ssh_port=0"), 422, "invalid-request").await;
    assert_eq!(only_field(&problem), "ssh_port");
    let problem = refuse(get("/ports/rules?peers=north"), 422, "invalid-request").await;
    assert_eq!(only_field(&problem), "peers");
    refuse(get("/ports/rules?ssh_port=65536"), 400, "invalid-query").await;
}

#[tokio::test]
async fn what_nft_reads_has_no_mistake() {
    let host = Host::start().await;
    let client = host.client().await;
    let peers = "peers=192.0.2.7,192.0.2.0/24,2001:db8::/32,2001:db8::7&ssh_port=2222";
    let set = rules(&client, &format!("?{peers}")).await;
    assert!(
        set.nftables.contains("tcp dport 2222 accept"),
        "{}",
        set.nftables
    );
    assert!(set.unresolved.is_empty());
    let checked = Command::new("nft")
        .args(["-c", "-f", "-"])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut nft) = checked else {
        eprintln!("skipped: there is no nft; `cargo xtask servers` installs it");
        return;
    };
    let mut stdin = nft.stdin.take().expect("it is piped");
    stdin.write_all(set.nftables.as_bytes()).expect("it reads");
    drop(stdin);
    let ended = nft.wait_with_output().expect("it ends");
    let told = String::from_utf8_lossy(&ended.stderr);
    if told.contains("Operation not permitted") {
        eprintln!("skipped: only root may ask nft");
        return;
    }
    assert!(ended.status.success(), "{told}\n{}", set.nftables);
}

#[tokio::test]
async fn under_its_rules_a_group_lives_and_strangers_stay_out() {
    let Some(network) = Network::start(4).await else {
        return;
    };
    let clients = join_all((0..4).map(|host| network.host(host).client())).await;
    let [leader, south, east, _] = &clients[..] else {
        unreachable!("four were started")
    };
    let north = network.address(0);
    let _listener = Listener::start(&network, 0);
    eventually("somebody listens", async || {
        connects(&network, 1, north, OTHER).then_some(())
    })
    .await;

    // A host that is yet to be linked has to be let in, and nobody else is.
    let expected = format!("?peers={}", network.address(1));
    load(&network, 0, &rules(leader, &expected).await);
    assert!(!connects(&network, 1, north, OTHER), "it is closed");
    south.join(&leader.link_token().await.token).await;
    load(&network, 1, &rules(south, "").await);
    load(&network, 0, &rules(leader, "").await);
    let held = rules(leader, "").await.nftables;
    assert!(held.contains(&network.address(1).to_string()), "{held}");
    assert!(connects(&network, 1, north, 7444), "a peer");
    assert!(!connects(&network, 2, north, 7444), "a stranger");
    assert!(
        connects(&network, 2, north, 8080),
        "who uses apps may be anybody"
    );
    assert!(
        connects(&network, 2, north, 7480),
        "who looks after it may be, too"
    );
    assert!(!connects(&network, 2, north, OTHER), "it is closed");
    refuse(
        east.joining(&leader.link_token().await.token),
        409,
        "unreachable",
    )
    .await;

    // Over the loopback interface all is as it was.
    assert!(connects(&network, 0, Ipv4Addr::LOCALHOST, OTHER));
    // Heartbeats, calls, blocks and requests of apps go both ways.
    eventually("the leader sees its follower", async || {
        let there = leader.linked_host("south").await?;
        (there.state == HostState::Ready).then_some(())
    })
    .await;
    let carried = leader
        .request(Method::GET, "/ports")
        .header("muster-node", "south");
    let carried = carried.send().await.expect("an answer");
    let carried: Ports = carried.json().await.expect("ports");
    assert_eq!(carried.host, "south");
    assert!(carried.items.iter().all(|port| port.open), "{carried:?}");
    leader.push_component("shop", &guest("hello")).await;
    let scaled = json!({ "instances": 2 });
    let job = leader.send(Method::PATCH, "/apps/shop", &scaled).await;
    leader.finished(&job).await;
    eventually("both run an instance", async || {
        let shown: AppDetail = leader.get("/apps/shop").await;
        let running = shown.placements.iter();
        let running = running.filter(|it| it.state == InstanceState::Running);
        let hosts: Vec<_> = running.map(|it| it.host.as_str()).collect();
        (hosts.contains(&"north") && hosts.contains(&"south")).then_some(())
    })
    .await;
    for client in [leader, south] {
        eventually("the app answers", async || {
            let (status, _) = client.ask("shop.localhost", "/").await;
            (status == StatusCode::OK).then_some(())
        })
        .await;
        for _ in 0..8 {
            assert_eq!(client.ask("shop.localhost", "/").await.0, StatusCode::OK);
        }
    }
}
