//! A load balancer in front of the routers of a group.

use std::collections::BTreeSet;

use http::Method;
use muster_api::{
    config::load_balancer::Policy, load_balancer::UpstreamState, problem::Problem, roles::Role,
};
use muster_e2e::{
    Answers, Client, Edge, Load, assert_remedy, balanced_group, eventually, guest, host_with_peers,
    named_host, raw, refuse,
};
use reqwest::StatusCode;
use serde_json::{Value, json};

const APP: &str = "shop.localhost";

/// Has the app answer on that host's router.
async fn reaches(client: &Client) {
    eventually("the router knows the app", async || {
        let (status, _) = client.ask(APP, "/").await;
        (status == StatusCode::OK).then_some(())
    })
    .await;
}

fn assert_all_good(answers: &Answers) {
    assert!(
        answers.failed.is_empty(),
        "{} failed: {:#?}",
        answers.failed.len(),
        &answers.failed[..answers.failed.len().min(5)]
    );
}

/// How many requests each router has answered, by name.
async fn served(edge: &Edge) -> Vec<(String, u64)> {
    let mut all: Vec<_> = edge
        .status()
        .await
        .upstreams
        .into_iter()
        .map(|it| (it.name, it.served))
        .collect();
    all.sort();
    all
}

async fn ask(edge: &Edge, path: &str) -> (StatusCode, String) {
    let request = format!("GET {path} HTTP/1.1\r\nhost: {APP}\r\nconnection: close\r\n\r\n");
    let answer = raw(edge.plain, request.as_bytes()).await;
    (answer.status, answer.body)
}

#[tokio::test]
async fn routers_come_and_go_and_nothing_is_lost() {
    let ((_north, leader), (mut south_host, south), edge) = balanced_group().await;
    leader.push_component("shop", &guest("hello")).await;
    for client in [&leader, &south] {
        reaches(client).await;
    }
    assert_eq!(edge.status().await.policy, Policy::RoundRobin);
    let load = Load::start(edge.plain, APP, "/", 4);
    load.more(300).await;
    let before = served(&edge).await;
    assert!(before.iter().all(|(_, count)| *count > 50), "{before:?}");

    // A host drains: it gets nothing new, and then is back.
    let _: Value = leader
        .send(Method::POST, "/hosts/south/actions/drain", &json!({}))
        .await;
    edge.sees("south", UpstreamState::Draining).await;
    let drained = served(&edge).await;
    load.more(200).await;
    assert_eq!(served(&edge).await[1], drained[1]);
    let _: Value = leader
        .send(Method::POST, "/hosts/south/actions/resume", &json!({}))
        .await;
    edge.sees("south", UpstreamState::Up).await;

    // A third comes.
    let (_east, east) = named_host("east").await;
    let token = leader.link_token().await;
    east.join(&token.token).await;
    edge.knows(&["east", "north", "south"], UpstreamState::Up)
        .await;
    load.more(200).await;
    assert!(served(&edge).await[0].1 > 20);

    // One loses its role, another one stops, and comes back.
    let removed = east.request(Method::DELETE, "/roles/router").send().await;
    assert!(removed.expect("an answer").status().is_success());
    edge.knows(&["north", "south"], UpstreamState::Up).await;
    load.more(100).await;
    south_host.stop().await;
    edge.knows(&["north"], UpstreamState::Up).await;
    load.more(100).await;
    south_host.start_again();
    south_host.wait_ready().await;
    edge.knows(&["north", "south"], UpstreamState::Up).await;
    load.more(300).await;
    assert_all_good(&load.end().await);
}

#[tokio::test]
async fn a_killed_router_costs_next_to_nothing_and_comes_back() {
    let ((_north, leader), (mut south_host, south), edge) = balanced_group().await;
    leader.push_component("shop", &guest("hello")).await;
    for client in [&leader, &south] {
        reaches(client).await;
    }
    let load = Load::start(edge.plain, APP, "/", 4);
    load.more(200).await;
    south_host.kill();
    load.more(400).await;
    eventually("the router is out", async || {
        let upstreams = edge.status().await.upstreams;
        let south = upstreams.iter().find(|it| it.name == "south")?;
        (south.state != UpstreamState::Up && south.last_failure.is_some()).then_some(())
    })
    .await;
    south_host.start_again();
    south_host.wait_ready().await;
    edge.sees("south", UpstreamState::Up).await;
    load.more(200).await;
    // What has no body is safe to do again: not even the requests that were
    // under way when the power went are lost.
    assert_all_good(&load.end().await);
}

#[tokio::test]
async fn every_policy_spreads_requests() {
    let ((_north, leader), (_south_host, south), edge) = balanced_group().await;
    leader.push_component("shop", &guest("hostile")).await;
    for client in [&leader, &south] {
        reaches_headers(client).await;
    }
    for policy in ["least-requests", "power-of-two"] {
        let before = settled(&leader, &edge, json!({ "policy": policy })).await;
        for _ in 0..40 {
            assert_eq!(ask(&edge, "/headers").await.0, StatusCode::OK);
        }
        let after = served(&edge).await;
        let counts: Vec<_> = after
            .iter()
            .zip(&before)
            .map(|(after, before)| after.1 - before.1)
            .collect();
        assert!(
            counts.iter().all(|count| *count > 5),
            "{policy}: {counts:?}"
        );
    }
    // By weight: one gets three of four.
    let weights = json!({ "weights": { "south": 3 } });
    let before = settled(&leader, &edge, weights).await;
    for _ in 0..80 {
        ask(&edge, "/headers").await;
    }
    let south_got = served(&edge).await[1].1 - before[1].1;
    assert!((55..=65).contains(&south_got), "{south_got}");

    // By a header: the same key always gets the same router.
    let hash = json!({ "policy": "consistent-hash", "hash_header": "x-session" });
    settled(&leader, &edge, hash).await;
    let mut chosen = BTreeSet::new();
    for session in 0..12 {
        let before = served(&edge).await;
        for _ in 0..5 {
            let request = format!(
                "GET /headers HTTP/1.1\r\nhost: {APP}\r\nx-session: user-{session}\r\nconnection: close\r\n\r\n"
            );
            assert_eq!(
                raw(edge.plain, request.as_bytes()).await.status,
                StatusCode::OK
            );
        }
        let after = served(&edge).await;
        let moved: Vec<_> = after
            .iter()
            .zip(&before)
            .filter(|(a, b)| a.1 != b.1)
            .collect();
        assert_eq!(moved.len(), 1, "{moved:?}");
        assert_eq!(moved[0].0.1 - moved[0].1.1, 5);
        chosen.insert(moved[0].0.0.clone());
    }
    assert_eq!(chosen.len(), 2, "both routers have sessions");
}

/// Puts settings in force on the load balancer; gives what was served until then.
async fn settled(leader: &Client, edge: &Edge, values: Value) -> Vec<(String, u64)> {
    leader.set_balancing(values.clone()).await;
    eventually("the settings have arrived", async || {
        let shown: Value = edge.client.get("/config/load-balancer").await;
        let all = values.as_object().expect("an object");
        all.iter()
            .all(|(name, value)| shown["values"][name] == *value)
            .then_some(())
    })
    .await;
    served(edge).await
}

async fn reaches_headers(client: &Client) {
    eventually("the router knows the app", async || {
        let (status, _) = client.ask(APP, "/headers").await;
        (status == StatusCode::OK).then_some(())
    })
    .await;
}

#[tokio::test]
async fn apps_learn_of_clients_and_proxies_are_believed_if_trusted() {
    let ((_north, leader), (_south_host, south), edge) = balanced_group().await;
    leader.push_component("shop", &guest("hostile")).await;
    for client in [&leader, &south] {
        reaches_headers(client).await;
    }
    let claims = "x-forwarded-for: 192.0.2.9\r\nx-forwarded-proto: https\r\nx-forwarded-host: www.test\r\nx-real-ip: 192.0.2.9\r\nforwarded: for=192.0.2.9\r\nmuster-app: x\r\n";
    let request =
        format!("GET /headers HTTP/1.1\r\nhost: {APP}\r\n{claims}connection: close\r\n\r\n");
    let told = |body: &str| -> Vec<String> {
        let mut lines: Vec<_> = body
            .lines()
            .map(|line| line.trim().to_ascii_lowercase())
            .filter(|line| {
                line.contains("forwarded") || line.contains("real-ip") || line.contains("muster")
            })
            .collect();
        lines.sort();
        lines
    };
    // Nobody is trusted: what the client claims is gone.
    let answer = raw(edge.plain, request.as_bytes()).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    let lines = told(&answer.body);
    let text = lines.join("\n");
    assert!(
        !text.contains("192.0.2.9") && !text.contains("www.test"),
        "{text}"
    );
    assert!(text.contains("x-forwarded-for: 127.0.0.1"), "{text}");
    assert!(text.contains("x-forwarded-proto: http"), "{text}");
    assert!(text.contains(&format!("x-forwarded-host: {APP}")), "{text}");
    assert_eq!(lines.len(), 3, "{text}");

    // It is trusted now, with its headers.
    settled(
        &leader,
        &edge,
        json!({ "trusted_proxies": ["127.0.0.0/8"] }),
    )
    .await;
    let text = eventually("the proxy is believed", async || {
        let answer = raw(edge.plain, request.as_bytes()).await;
        let text = told(&answer.body).join("\n");
        text.contains("192.0.2.9").then_some(text)
    })
    .await;
    assert!(
        text.contains("x-forwarded-for: 192.0.2.9, 127.0.0.1"),
        "{text}"
    );
    assert!(text.contains("x-forwarded-proto: https"), "{text}");
    assert!(text.contains("x-forwarded-host: www.test"), "{text}");
    assert!(!text.contains("real-ip"), "{text}");

    // Or by the PROXY protocol, of either version, in both directions.
    for send in [Value::Null, json!("v1"), json!("v2")] {
        let mut values =
            json!({ "trusted_proxies": ["127.0.0.0/8"], "accept_proxy_protocol": true });
        if !send.is_null() {
            values["send_proxy_protocol"] = send.clone();
        }
        settled(&leader, &edge, values).await;
        let plain = format!("GET /headers HTTP/1.1\r\nhost: {APP}\r\nconnection: close\r\n\r\n");
        let line = "PROXY TCP4 192.0.2.7 198.51.100.2 4711 80\r\n".as_bytes();
        let mut binary = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x0c".to_vec();
        binary.extend([192, 0, 2, 7, 198, 51, 100, 2, 0x12, 0x67, 0, 80]);
        for header in [line, &binary] {
            let sent = [header, plain.as_bytes()].concat();
            let text = eventually("the header is taken", async || {
                let answer = raw(edge.plain, &sent).await;
                let text = told(&answer.body).join("\n");
                (answer.status == StatusCode::OK && text.contains("192.0.2.7")).then_some(text)
            })
            .await;
            assert!(text.contains("x-forwarded-for: 192.0.2.7"), "{send} {text}");
        }
    }
}

#[tokio::test]
async fn a_load_balancer_takes_no_other_role_and_the_other_way_round() {
    let (_north, leader) = named_host("north").await;
    let problem: Problem = refuse(
        leader.request(Method::PUT, "/roles/load-balancer"),
        409,
        "role-alone",
    )
    .await;
    let remedy = problem.remedy.expect("a remedy");
    assert_remedy(&remedy);
    for role in ["dea", "router", "stager"] {
        assert!(problem.detail.contains(role), "{}", problem.detail);
        assert!(
            remedy.contains(&format!("muster role remove {role}")),
            "{remedy}"
        );
    }
    // A token cannot ask for it either.
    let edge = Edge::start("edge", &leader).await;
    for role in ["dea", "router", "stager"] {
        let path = format!("/roles/{role}");
        let problem = refuse(edge.client.request(Method::PUT, &path), 409, "role-alone").await;
        let remedy = problem.remedy.expect("a remedy");
        assert!(
            remedy.contains("muster role remove load-balancer"),
            "{remedy}"
        );
    }
    let (_other, other) = host_with_peers(&[]).await;
    let token = leader.link_token().await;
    let join = json!({ "token": token.token, "roles": ["load-balancer", "router"] });
    let joining = other
        .request(Method::POST, "/link/actions/join")
        .json(&join);
    refuse(joining, 422, "invalid-request").await;
    let role: Role = edge.client.get("/roles/load-balancer").await;
    assert!(role.alone);
    refuse(
        leader.request(Method::GET, "/load-balancer"),
        409,
        "role-missing",
    )
    .await;
}

#[tokio::test]
async fn a_load_balancer_drains_stops_and_says_why_it_cannot_start() {
    let ((_north, leader), (_south_host, south), edge) = balanced_group().await;
    leader.push_component("shop", &guest("hello")).await;
    for client in [&leader, &south] {
        reaches(client).await;
    }
    let health = b"GET /.well-known/muster/health HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    assert_eq!(raw(edge.plain, health).await.status, StatusCode::OK);
    for router in [&leader, &south] {
        let (status, _) = router.ask("any.test", "/.well-known/muster/health").await;
        assert_eq!(status, StatusCode::OK);
    }

    // Drained: whoever checks it looks elsewhere, and clients that come are served.
    let _: Value = leader
        .send(Method::POST, "/hosts/edge/actions/drain", &json!({}))
        .await;
    eventually("it tells that it drains", async || {
        let answer = raw(edge.plain, health).await;
        (answer.status == StatusCode::SERVICE_UNAVAILABLE).then_some(())
    })
    .await;
    assert!(edge.status().await.draining);
    let once = format!("GET / HTTP/1.1\r\nhost: {APP}\r\n\r\n");
    let answer = raw(edge.plain, once.as_bytes()).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.field("connection"), Some("close"));
    let _: Value = leader
        .send(Method::POST, "/hosts/edge/actions/resume", &json!({}))
        .await;
    eventually("it drains no more", async || {
        (raw(edge.plain, health).await.status == StatusCode::OK).then_some(())
    })
    .await;

    // Whoever asks without TLS is sent to where there is some.
    settled(&leader, &edge, json!({ "redirect_to_https": true })).await;
    let to = eventually("it redirects", async || {
        let request = format!("GET /a?b HTTP/1.1\r\nhost: {APP}:80\r\nconnection: close\r\n\r\n");
        let answer = raw(edge.plain, request.as_bytes()).await;
        (answer.status == StatusCode::PERMANENT_REDIRECT)
            .then(|| answer.field("location").map(str::to_owned))
            .flatten()
    })
    .await;
    assert_eq!(to, format!("https://{APP}:{}/a?b", edge.tls.port()));
    settled(&leader, &edge, json!({})).await;

    let metrics = edge
        .client
        .as_is(Method::GET, "/metrics")
        .send()
        .await
        .expect("an answer")
        .text()
        .await
        .expect("text");
    let counted = "muster_load_balancer_requests_total{upstream=\"north\",status=\"2xx\"}";
    assert!(metrics.contains(counted), "{metrics}");

    // Stopped, it closes its ports; what takes one of them meanwhile is told.
    let _: Value = edge
        .client
        .send(
            Method::POST,
            "/roles/load-balancer/actions/stop",
            &json!({}),
        )
        .await;
    eventually("its ports are closed", async || {
        let dialled = tokio::net::TcpStream::connect(edge.plain).await;
        dialled.is_err().then_some(())
    })
    .await;
    assert_eq!(edge.status().await.address, None);
    let taken = std::net::TcpListener::bind(edge.tls).expect("the port is free");
    let _: Value = edge
        .client
        .send(
            Method::POST,
            "/roles/load-balancer/actions/start",
            &json!({}),
        )
        .await;
    let why = eventually("it says why it does not listen", async || {
        let role: Role = edge.client.get("/roles/load-balancer").await;
        role.last_error
    })
    .await;
    assert!(why.contains(&edge.tls.to_string()), "{why}");
    assert!(why.contains("--balancer-tls"), "{why}");
    drop(taken);
    eventually("it listens again", async || {
        tokio::net::TcpStream::connect(edge.plain).await.ok()
    })
    .await;
    eventually("it serves again", async || {
        (ask(&edge, "/").await.0 == StatusCode::OK).then_some(())
    })
    .await;
}

#[tokio::test]
async fn several_load_balancers_agree_without_knowing_of_each_other() {
    let ((_north, leader), (_south_host, south), edge) = balanced_group().await;
    let other = Edge::start("other", &leader).await;
    other.knows(&["north", "south"], UpstreamState::Up).await;
    leader.push_component("shop", &guest("hello")).await;
    for client in [&leader, &south] {
        reaches(client).await;
    }
    let hash = json!({ "policy": "consistent-hash", "hash_header": "x-session" });
    for edge in [&edge, &other] {
        settled(&leader, edge, hash.clone()).await;
    }
    for session in 0..10 {
        let mut chosen = BTreeSet::new();
        for edge in [&edge, &other] {
            let before = served(edge).await;
            let request = format!(
                "GET / HTTP/1.1\r\nhost: {APP}\r\nx-session: {session}\r\nconnection: close\r\n\r\n"
            );
            assert_eq!(
                raw(edge.plain, request.as_bytes()).await.status,
                StatusCode::OK
            );
            let after = served(edge).await;
            let moved = after.iter().zip(&before).filter(|(a, b)| a != b);
            chosen.extend(moved.map(|(a, _)| a.0.clone()));
        }
        assert_eq!(chosen.len(), 1, "session {session}: {chosen:?}");
    }
}
