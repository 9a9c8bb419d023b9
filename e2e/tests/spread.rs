//! Apps that run on several hosts at once.

use std::collections::BTreeSet;

use http::Method;
use muster_api::{
    apps::{AppDetail, Instance, InstanceState},
    hosts::LinkedHost,
    id::HostId,
    links::{Link, LinkTokenSecret},
    page::Page,
};
use muster_e2e::{Client, Host, HostOptions, eventually, free_address, guest, refuse};
use reqwest::StatusCode;
use serde_json::{Value, json};

/// A host with its own port for peers.
async fn host(name: &str) -> (Host, Client) {
    let env = vec![
        ("MUSTER_NAME".to_owned(), name.to_owned()),
        ("MUSTER_PEERS".to_owned(), free_address().to_string()),
    ];
    let host = Host::start_with(HostOptions {
        env,
        ..HostOptions::default()
    })
    .await;
    let client = host.client().await;
    (host, client)
}

/// Links a host to the leader.
async fn link(leader: &Client, follower: &Client) -> HostId {
    let token: LinkTokenSecret = leader.send(Method::POST, "/link-tokens", &json!({})).await;
    let join = json!({ "token": token.token });
    let link: Link = follower
        .send(Method::POST, "/link/actions/join", &join)
        .await;
    link.host
}

async fn scale(leader: &Client, app: &str, instances: u32) {
    let path = format!("/apps/{app}");
    let job = leader
        .send(Method::PATCH, &path, &json!({ "instances": instances }))
        .await;
    leader.finished(&job).await;
}

/// The app's instances once there are so many, all running.
async fn settled(leader: &Client, app: &str, count: usize) -> Vec<Instance> {
    eventually("the instances run", async || {
        let shown: AppDetail = leader.get(&format!("/apps/{app}")).await;
        let all = shown.placements;
        let runs = |it: &Instance| it.state == InstanceState::Running;
        (all.len() == count && all.iter().all(runs)).then_some(all)
    })
    .await
}

fn on<'a>(instances: &'a [Instance], host: &str) -> Vec<&'a Instance> {
    instances.iter().filter(|it| it.host == host).collect()
}

/// Whether the app answers on that host's router, once its table has come.
async fn reaches(client: &Client, app: &str) {
    eventually("the router knows the app", async || {
        let (status, _) = client.ask(&format!("{app}.localhost"), "/").await;
        (status == StatusCode::OK).then_some(())
    })
    .await;
}

#[tokio::test]
async fn instances_spread_and_every_router_reaches_them() {
    let (_north, leader) = host("north").await;
    let (_south, south) = host("south").await;
    let (_east, east) = host("east").await;
    leader.push_component("shop", &guest("hello")).await;
    link(&leader, &south).await;
    link(&leader, &east).await;

    scale(&leader, "shop", 3).await;
    let all = settled(&leader, "shop", 3).await;
    let names: BTreeSet<_> = all.iter().map(|it| it.host.as_str()).collect();
    assert_eq!(names, BTreeSet::from(["east", "north", "south"]));
    let first = all.iter().find(|it| it.index == 0).expect("an instance");
    assert_eq!(first.host, "north", "what ran before stays where it was");

    for client in [&leader, &south, &east] {
        reaches(client, "shop").await;
        for _ in 0..12 {
            assert_eq!(client.ask("shop.localhost", "/").await.0, StatusCode::OK);
        }
        let body = vec![7_u8; 300_000];
        let echo = client
            .app(Method::POST, "shop.localhost", "/echo")
            .body(body)
            .send()
            .await
            .expect("an answer");
        assert!(echo.status().is_success(), "{}", echo.status());
    }

    // Another app whose first instance is elsewhere; a new release of the first.
    leader.push_component("blog", &guest("hello")).await;
    let blog = settled(&leader, "blog", 1).await;
    reaches(&south, "blog").await;
    leader.push_component("shop", &guest("hello")).await;
    let all = settled(&leader, "shop", 3).await;
    assert!(all.iter().all(|it| it.release == all[0].release), "{all:?}");
    assert_eq!(blog.len(), 1);
}

#[tokio::test]
async fn a_follower_does_what_its_leader_says() {
    let (_north, leader) = host("north").await;
    let (_south, south) = host("south").await;
    link(&leader, &south).await;
    for (method, path) in [
        (Method::POST, "/apps/shop/pushes"),
        (Method::DELETE, "/apps/shop"),
        (Method::POST, "/routes"),
    ] {
        let ask = south.request(method, path).json(&json!({}));
        let problem = refuse(ask, 409, "host-follows").await;
        assert!(problem.detail.contains("north"), "{problem:?}");
    }
    let _: Value = south
        .send(Method::POST, "/link/actions/leave", &json!({}))
        .await;
    south.push_component("mine", &guest("hello")).await;
}

#[tokio::test]
async fn instances_of_a_lost_host_start_elsewhere_and_stay_there() {
    let (_north, leader) = host("north").await;
    let (mut lost, south) = host("south").await;
    link(&leader, &south).await;
    leader.push_component("shop", &guest("hello")).await;
    scale(&leader, "shop", 4).await;
    let all = settled(&leader, "shop", 4).await;
    assert_eq!((on(&all, "north").len(), on(&all, "south").len()), (2, 2));

    lost.kill();
    let all = settled(&leader, "shop", 4).await;
    // What the leader still believes of the lost host does not count as settled.
    let all = if on(&all, "south").is_empty() {
        all
    } else {
        eventually("they start elsewhere", async || {
            let all = settled(&leader, "shop", 4).await;
            on(&all, "south").is_empty().then_some(all)
        })
        .await
    };
    assert_eq!(on(&all, "north").len(), 4);
    for _ in 0..8 {
        assert_eq!(leader.ask("shop.localhost", "/").await.0, StatusCode::OK);
    }

    lost.kill_and_restart();
    lost.wait_ready().await;
    eventually("it is back", async || {
        let hosts: Page<LinkedHost> = leader.get("/hosts").await;
        let back = hosts.items.iter().find(|it| it.name == "south")?;
        (back.state == muster_api::hosts::HostState::Ready).then_some(())
    })
    .await;
    let all = settled(&leader, "shop", 4).await;
    assert_eq!(on(&all, "north").len(), 4, "they do not wander back");
}

#[tokio::test]
async fn a_follower_goes_on_without_its_leader_and_through_its_own_restart() {
    let (mut north, leader) = host("north").await;
    let (mut follower, south) = host("south").await;
    link(&leader, &south).await;
    leader.push_component("shop", &guest("hello")).await;
    scale(&leader, "shop", 2).await;
    let all = settled(&leader, "shop", 2).await;
    assert_eq!(on(&all, "south").len(), 1);
    reaches(&south, "shop").await;

    north.kill();
    for _ in 0..6 {
        assert_eq!(south.ask("shop.localhost", "/").await.0, StatusCode::OK);
    }
    follower.kill_and_restart();
    follower.wait_ready().await;
    let south = follower.client().await;
    reaches(&south, "shop").await;
    for _ in 0..6 {
        assert_eq!(south.ask("shop.localhost", "/").await.0, StatusCode::OK);
    }

    north.kill_and_restart();
    north.wait_ready().await;
    let leader = north.client().await;
    let all = settled(&leader, "shop", 2).await;
    assert_eq!(on(&all, "south").len(), 1, "what runs there stays there");
}
