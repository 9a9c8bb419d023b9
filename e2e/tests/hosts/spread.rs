//! Apps that run on several hosts at once.

use std::collections::BTreeSet;

use http::Method;
use muster_api::{
    apps::{AppDetail, Instance, InstanceState},
    audit::AuditRecord,
    hosts::LinkedHost,
    id::HostId,
    jobs::JobState,
    links::{Link, LinkTokenSecret},
    logs::LogLine,
    page::Page,
    plan::Plan,
    pushes::{Push, SettingsChange},
    roles::{Role, RoleState},
    settings::Placement,
    status::Info,
};
use muster_e2e::{
    Client, Load, eventually, guest, hello_version, host_with_peers, named_host, push_of, refuse,
};
use reqwest::StatusCode;
use serde_json::{Value, json};

/// Links a host to the leader.
async fn link(leader: &Client, follower: &Client) -> HostId {
    let token: LinkTokenSecret = leader.send(Method::POST, "/link-tokens", &json!({})).await;
    let join = json!({ "token": token.token });
    let link: Link = follower
        .send(Method::POST, "/link/actions/join", &join)
        .await;
    link.host
}

async fn push(leader: &Client, version: u32) {
    let wasm = leader.upload("app.wasm", &hello_version(version)).await;
    let job = leader.push("busy", &push_of(vec![wasm])).await;
    assert_eq!(job.state, JobState::Succeeded, "{job:#?}");
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
    let (_north, leader) = named_host("north").await;
    let (_south, south) = named_host("south").await;
    let (_east, east) = named_host("east").await;
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
    let (_north, leader) = named_host("north").await;
    let (_south, south) = named_host("south").await;
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
    let (_north, leader) = named_host("north").await;
    let (mut lost, south) = named_host("south").await;
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
    let (mut north, leader) = named_host("north").await;
    let (mut follower, south) = named_host("south").await;
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

/// Two hosts with an app of four instances, and load on both routers.
#[tokio::test]
async fn roll_outs_over_hosts_cost_no_request() {
    let (north, leader) = named_host("north").await;
    let (south, follower) = named_host("south").await;
    link(&leader, &follower).await;
    push(&leader, 0).await;
    scale(&leader, "busy", 4).await;
    settled(&leader, "busy", 4).await;
    reaches(&follower, "busy").await;
    let loads = [
        Load::start(north.apps(), "busy.localhost", "/", 3),
        Load::start(south.apps(), "busy.localhost", "/", 3),
    ];
    for load in &loads {
        load.more(50).await;
    }
    for version in 1..4 {
        push(&leader, version).await;
        for load in &loads {
            load.more(50).await;
        }
    }
    for instances in [1, 5, 2] {
        scale(&leader, "busy", instances).await;
        for load in &loads {
            load.more(50).await;
        }
    }
    for (load, name) in loads.into_iter().zip(["north", "south"]) {
        let answers = load.end().await;
        assert!(
            answers.failed.is_empty(),
            "on {name} {} of {} requests failed, such as: {:#?}\n{}\n{}",
            answers.failed.len(),
            answers.good.values().sum::<u64>(),
            &answers.failed[..answers.failed.len().min(3)],
            north.log(),
            south.log()
        );
    }
}

#[tokio::test]
async fn instances_are_where_the_app_wants_them_or_nowhere() {
    let (_north, leader) = named_host("north").await;
    let (_south, south) =
        host_with_peers(&[("MUSTER_NAME", "south"), ("MUSTER_ZONE", "cellar")]).await;
    link(&leader, &south).await;
    let wanting = async |placement: Placement, instances| {
        let wasm = leader.upload("app.wasm", &guest("hello")).await;
        let push = Push {
            instances: Some(instances),
            settings: SettingsChange {
                placement: Some(placement),
                ..SettingsChange::default()
            },
            ..push_of(vec![wasm])
        };
        leader.push("shop", &push).await
    };
    let cellar = Placement {
        zones: vec!["cellar".to_owned()],
        ..Placement::default()
    };
    let job = wanting(cellar.clone(), 2).await;
    assert_eq!(job.state, JobState::Succeeded, "{job:#?}");
    let all = settled(&leader, "shop", 2).await;
    assert_eq!(on(&all, "south").len(), 2);
    assert!(all[0].why.as_ref().is_some_and(|why| !why.is_empty()));

    // Where there is no such place, the release is given up and the old one goes on.
    let attic = Placement {
        zones: vec!["attic".to_owned()],
        ..Placement::default()
    };
    let job = wanting(attic, 2).await;
    let problem = job.problem.expect("it fails");
    assert!(
        problem.detail.contains("north") && problem.detail.contains("south"),
        "{problem:?}"
    );
    let one_each = Placement {
        one_per_host: true,
        ..cellar
    };
    let job = wanting(one_each, 2).await;
    assert!(job.problem.is_some(), "there is one host for two instances");
    let all = settled(&leader, "shop", 2).await;
    assert_eq!(all[0].release, 1);

    let nobody = Placement {
        zones: vec![String::new()],
        ..Placement::default()
    };
    let push = Push {
        settings: SettingsChange {
            placement: Some(nobody),
            ..SettingsChange::default()
        },
        ..push_of(vec![leader.upload("app.wasm", &guest("hello")).await])
    };
    let push = leader
        .request(Method::POST, "/apps/shop/pushes")
        .json(&push);
    let problem = refuse(push, 422, "invalid-request").await;
    assert_eq!(muster_e2e::only_field(&problem), "placement.zones");
}

#[tokio::test]
async fn the_log_of_an_app_comes_from_all_hosts() {
    let (_north, leader) = named_host("north").await;
    let (_south, south) = named_host("south").await;
    link(&leader, &south).await;
    push(&leader, 0).await;
    scale(&leader, "busy", 2).await;
    settled(&leader, "busy", 2).await;
    reaches(&south, "busy").await;
    let page: Page<LogLine> = leader.get("/apps/busy/logs?source=access").await;
    let of = |host: &str| {
        page.items
            .iter()
            .any(|line| line.host.as_deref() == Some(host))
    };
    assert!(
        of("south"),
        "who takes a request in writes it down: {page:?}"
    );
    let page: Page<LogLine> = leader.get("/apps/busy/logs?source=platform").await;
    let hosts: BTreeSet<_> = page
        .items
        .iter()
        .filter_map(|it| it.host.as_deref())
        .collect();
    assert_eq!(hosts, BTreeSet::from(["north", "south"]));
    let page: Page<LogLine> = leader.get("/apps/busy/logs?host=south&text=serves").await;
    assert!(!page.items.is_empty());
    assert!(
        page.items
            .iter()
            .all(|it| it.host.as_deref() == Some("south") && it.message.contains("serves"))
    );
}

#[tokio::test]
async fn another_app_of_the_same_name_has_another_log() {
    let (_north, leader) = named_host("north").await;
    let (_south, south) = named_host("south").await;
    link(&leader, &south).await;
    let run = async || {
        push(&leader, 0).await;
        scale(&leader, "busy", 2).await;
        settled(&leader, "busy", 2).await;
        reaches(&south, "busy").await;
        let shown: AppDetail = leader.get("/apps/busy").await;
        shown.app.created_at
    };
    let lines = async || -> Vec<LogLine> {
        let page: Page<LogLine> = leader.get("/apps/busy/logs?host=south&tail=10000").await;
        page.items
    };
    run().await;
    assert!(!lines().await.is_empty());
    let deleted = leader.request(Method::DELETE, "/apps/busy").send().await;
    assert!(deleted.expect("an answer").status().is_success());
    let made = run().await;
    let lines = lines().await;
    assert!(!lines.is_empty());
    assert!(lines.iter().all(|line| line.time >= made), "{lines:#?}");
}

#[tokio::test]
async fn a_drained_host_is_emptied_and_can_go() {
    let (_north, leader) = named_host("north").await;
    let (south_host, south) = named_host("south").await;
    link(&leader, &south).await;
    push(&leader, 0).await;
    scale(&leader, "busy", 4).await;
    settled(&leader, "busy", 4).await;
    let load = Load::start(south_host.apps(), "busy.localhost", "/", 2);
    load.more(20).await;

    let remove = leader.request(Method::DELETE, "/hosts/south");
    let problem = refuse(remove, 409, "in-use").await;
    assert!(problem.remedy.unwrap().contains("muster node drain"));
    let plan: Plan = leader
        .send(
            Method::POST,
            "/hosts/south/actions/drain?dry_run=true",
            &json!({}),
        )
        .await;
    assert!(!plan.done);
    let moves = plan
        .changes
        .iter()
        .filter(|line| line.contains("starts on north"));
    assert_eq!(moves.count(), 2, "{plan:?}");
    let all = settled(&leader, "busy", 4).await;
    assert_eq!(on(&all, "south").len(), 2, "nothing has moved yet");

    let plan: Plan = leader
        .send(Method::POST, "/hosts/south/actions/drain", &json!({}))
        .await;
    assert!(plan.done);
    eventually("the host is empty", async || {
        let host: LinkedHost = leader.get("/hosts/south").await;
        (host.draining && host.about.workloads == 0).then_some(())
    })
    .await;
    let all = settled(&leader, "busy", 4).await;
    assert_eq!(on(&all, "north").len(), 4);
    load.more(20).await;
    let answers = load.end().await;
    assert!(answers.failed.is_empty(), "{:#?}", answers.failed);

    let plan: Plan = leader
        .send(Method::DELETE, "/hosts/south", &json!({}))
        .await;
    assert!(plan.done);
    eventually("it stands alone", async || {
        let link: Link = south.get("/link").await;
        link.leader.is_none().then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_leader_has_its_hosts_answer() {
    let (_north, leader) = named_host("north").await;
    let (_south, south) = named_host("south").await;
    link(&leader, &south).await;
    let of =
        |name: &str, method, path: &str| leader.request(method, path).header("muster-node", name);
    let info: Info = of("south", Method::GET, "/info")
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(info.name, "south");

    let removed = of("south", Method::DELETE, "/roles/stager")
        .send()
        .await
        .unwrap();
    assert_eq!(removed.status(), StatusCode::OK);
    let role: Role = south.get("/roles/stager").await;
    assert_eq!(role.state, RoleState::Absent);
    let audit: Page<AuditRecord> = south.get("/audit?limit=20").await;
    let entry = audit
        .items
        .iter()
        .find(|it| it.entry.action == "role.remove");
    assert_eq!(entry.expect("it is written down").entry.actor, "admin");
    eventually("the leader knows", async || {
        let info: Info = leader.get("/info").await;
        let routers = info.elsewhere.get("router")? == &["south"];
        (routers && !info.elsewhere.contains_key("stager")).then_some(())
    })
    .await;

    refuse(of("west", Method::GET, "/info"), 404, "host-not-found").await;
    refuse(of("south", Method::GET, "/users"), 409, "not-of-a-host").await;
    // Nobody but the leader can have a host answer so.
    let forged = south.anonymous(Method::GET, "/api/v1/info").header(
        "muster-delegate",
        r#"{"name":"admin","permission":"status:read","origin":null}"#,
    );
    refuse(forged, 401, "unauthorized").await;
}
