//! `/log`: what hosts and their roles log themselves, of all hosts of a group.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use http::Method;
use muster_api::{
    links::LinkTokenSecret,
    logging::LogLevel,
    platform_log::{LogGap, PlatformLine, PlatformLog},
};
use muster_e2e::{Client, Host, PASSWORD, eventually, guest, host_with_peers, only_field, refuse};
use reqwest::{Response, StatusCode};
use serde_json::{Value, json};

const GOOD: &str = "correct horse battery staple 42";

/// A host which logs what its plugins do.
async fn host(name: &str) -> (Host, Client) {
    host_with_peers(&[
        ("MUSTER_NAME", name),
        ("MUSTER_LOG", "info,muster::plugin=debug"),
    ])
    .await
}

async fn link(leader: &Client, follower: &Client) {
    let token: LinkTokenSecret = leader.send(Method::POST, "/link-tokens", &json!({})).await;
    follower.join(&token.token).await;
}

async fn log(client: &Client, query: &str) -> PlatformLog {
    client.get(&format!("/log{query}")).await
}

/// Has a host log a line that nobody else logs.
async fn mention(client: &Client) {
    let same = json!({ "logging": { "modules": { "muster::plugin": "debug" } } });
    let _: Value = client.send(Method::PUT, "/logging", &same).await;
}

/// The hosts that a log has lines of.
fn hosts(log: &PlatformLog) -> BTreeSet<&str> {
    log.items.iter().map(|line| line.host.as_str()).collect()
}

enum Event {
    Line(PlatformLine),
    Gap(LogGap),
}

/// The log as it comes.
struct Stream {
    response: Response,
    text: String,
    ready: VecDeque<Event>,
}

impl Stream {
    async fn open(client: &Client, query: &str) -> Self {
        let path = format!("/log?follow=true{query}");
        let response = client.request(Method::GET, &path).send().await;
        let response = response.expect("the host answers");
        assert_eq!(response.status(), StatusCode::OK);
        Self {
            response,
            text: String::new(),
            ready: VecDeque::new(),
        }
    }

    async fn next(&mut self) -> Event {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return event;
            }
            let chunk = self.response.chunk().await.expect("it does not break");
            let chunk = chunk.expect("it does not end");
            self.text
                .push_str(std::str::from_utf8(&chunk).expect("text"));
            while let Some((event, rest)) = self.text.split_once("\n\n") {
                let field = |name: &str| {
                    let prefix = format!("{name}: ");
                    event.lines().find_map(|line| line.strip_prefix(&prefix))
                };
                let data = field("data").unwrap_or_default();
                match field("event") {
                    Some("line") => {
                        let line = serde_json::from_str(data).expect("a line");
                        self.ready.push_back(Event::Line(line));
                    }
                    Some("missing") => {
                        let gap = serde_json::from_str(data).expect("a gap");
                        self.ready.push_back(Event::Gap(gap));
                    }
                    _ => {}
                }
                self.text = rest.to_owned();
            }
        }
    }

    /// The next line that is wanted.
    async fn line(&mut self, wanted: impl Fn(&PlatformLine) -> bool) -> PlatformLine {
        loop {
            if let Event::Line(line) = self.next().await
                && wanted(&line)
            {
                return line;
            }
        }
    }

    /// The next host whose lines are missing or come again.
    async fn gap(&mut self) -> LogGap {
        loop {
            if let Event::Gap(gap) = self.next().await {
                return gap;
            }
        }
    }
}

#[tokio::test]
async fn a_host_shows_what_it_logs_and_less_where_less_is_asked_for() {
    let (host, client) = host("north").await;
    client.push_component("shop", &guest("hello")).await;
    let all = log(&client, "?tail=10000").await;
    assert!(all.missing.is_empty());
    let is_sorted = all.items.is_sorted_by(|a, b| a.sequence < b.sequence);
    assert!(is_sorted, "{all:?}");
    let serves = all.items.iter().find(|it| it.message == "the host serves");
    let serves = serves.expect("the host has said that it serves");
    assert_eq!(serves.host, "north");
    assert_eq!(serves.target, "muster_server::boot");
    assert_eq!(serves.fields["host"], "north");
    assert!(serves.level == LogLevel::Info && serves.role.is_none());
    // What standard error has is what the log has.
    let stderr = host.log();
    for line in &all.items {
        assert!(stderr.contains(&line.message), "{line:?}\n{stderr}");
    }

    type Holds = fn(&PlatformLine) -> bool;
    let cases: [(&str, Holds); 5] = [
        ("role=router", |it| it.role.as_deref() == Some("router")),
        ("target=muster_server::boot", |it| {
            it.target == "muster_server::boot"
        }),
        ("level=info", |it| it.level <= LogLevel::Info),
        ("text=generation", |it| it.message.contains("generation")),
        ("host=north&text=serves", |it| it.message.contains("serves")),
    ];
    for (query, holds) in cases {
        let found = log(&client, &format!("?tail=10000&{query}")).await.items;
        let expected = all.items.iter().filter(|it| holds(it)).count();
        assert!(found.iter().all(holds), "{query}: {found:?}");
        assert!(expected > 0 && found.len() >= expected, "{query}");
        assert!(found.len() < all.items.len(), "{query}");
    }
    assert_eq!(log(&client, "?tail=2").await.items.len(), 2);
    assert_eq!(log(&client, "?tail=0").await.items.len(), 0);
    let none = log(&client, "?since=2999-01-01T00:00:00Z").await;
    assert!(none.items.is_empty());
    let later = serves.time + time::Duration::MICROSECOND;
    let later = later.format(&time::format_description::well_known::Rfc3339);
    let since = format!("?tail=10000&since={}", later.expect("a moment"));
    let since = log(&client, &since).await.items;
    assert!(since.len() < all.items.len());
    assert!(since.iter().all(|it| it.message != "the host serves"));
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_and_not_everybody_reads_it() {
    let (host, client) = host("north").await;
    let get = |path: &str| client.request(Method::GET, path);
    let problem = refuse(get("/log?tail=10001"), 422, "invalid-request").await;
    assert_eq!(only_field(&problem), "tail");
    refuse(get("/log?level=loud"), 400, "invalid-query").await;
    refuse(get("/log?since=yesterday"), 400, "invalid-query").await;
    refuse(get("/log?hots=north"), 400, "invalid-query").await;
    refuse(get("/log?host=nowhere"), 404, "host-not-found").await;
    let gone = "/log?host=north,nowhere&follow=true";
    refuse(get(gone), 404, "host-not-found").await;
    for (kind, may) in [("viewer", false), ("developer", false), ("operator", true)] {
        let new = json!({ "name": kind, "type": kind, "password": GOOD });
        let _: Value = client.send(Method::POST, "/users", &new).await;
        let user = Client::login_as(&host.url(), host.apps(), kind, GOOD).await;
        let asked = user.request(Method::GET, "/log").send().await;
        let expected = if may {
            StatusCode::OK
        } else {
            StatusCode::FORBIDDEN
        };
        assert_eq!(asked.expect("an answer").status(), expected, "{kind}");
    }
}

#[tokio::test]
async fn secrets_are_in_no_line_even_where_all_is_logged() {
    let (host, client) = host("north").await;
    let loud = json!({ "logging": { "level": "trace" } });
    let _: Value = client.send(Method::PUT, "/logging", &loud).await;
    let again = host.client().await;
    let token: LinkTokenSecret = client.send(Method::POST, "/link-tokens", &json!({})).await;
    let quiet = json!({ "logging": { "level": "info" } });
    let _: Value = client.send(Method::PUT, "/logging", &quiet).await;
    let all = log(&client, "?tail=10000").await;
    assert!(all.items.iter().any(|it| it.level == LogLevel::Debug));
    let text = serde_json::to_string(&all).expect("JSON");
    for secret in [PASSWORD, client.token(), again.token(), &token.token] {
        assert!(!text.contains(secret), "a secret was logged");
    }
}

/// Whether lines are by time, but for those that several threads of one host wrote at
/// the same moment: they stay as they came.
fn is_by_time(log: &PlatformLog) -> bool {
    let mut latest = BTreeMap::new();
    let times = log.items.iter().map(|line| {
        let latest = latest.entry(&line.host).or_insert(line.time);
        *latest = line.time.max(*latest);
        *latest
    });
    times.is_sorted()
}

#[tokio::test]
async fn lines_come_from_all_hosts_and_one_that_is_away_is_told() {
    let (_north, leader) = host("north").await;
    let (mut south_host, south) = host("south").await;
    let (_east, east) = host("east").await;
    link(&leader, &south).await;
    link(&leader, &east).await;
    let all = log(&leader, "?tail=10000").await;
    assert_eq!(hosts(&all), BTreeSet::from(["east", "north", "south"]));
    assert!(all.missing.is_empty(), "{:?}", all.missing);
    assert!(is_by_time(&all), "{all:?}");
    let two = log(&leader, "?host=south,east").await;
    assert_eq!(hosts(&two), BTreeSet::from(["east", "south"]));
    let router = log(&leader, "?host=east&role=router").await;
    assert!(!router.items.is_empty());
    assert!(
        router
            .items
            .iter()
            .all(|it| it.role.as_deref() == Some("router"))
    );

    // Carried by the leader, it is that host's alone.
    let carried = leader
        .request(Method::GET, "/log")
        .header("muster-node", "south");
    let carried = carried.send().await.expect("an answer");
    let carried: PlatformLog = carried.json().await.expect("a log");
    assert_eq!(hosts(&carried), BTreeSet::from(["south"]));
    assert!(carried.missing.is_empty());

    // A follower has its own, and says what is not there.
    eventually("a follower knows who else there is", async || {
        let own = log(&south, "").await;
        assert_eq!(hosts(&own), BTreeSet::from(["south"]));
        let missing: BTreeSet<_> = own.missing.iter().map(|gap| gap.host.as_str()).collect();
        (missing == BTreeSet::from(["east", "north"])).then_some(())
    })
    .await;

    let mut stream = Stream::open(&leader, "&tail=0").await;
    mention(&south).await;
    let new = |host: &'static str| {
        move |it: &PlatformLine| it.host == host && it.message == "logging was changed"
    };
    let line = stream.line(new("south")).await;
    assert_eq!(line.fields["actor"], "admin");
    mention(&leader).await;
    stream.line(new("north")).await;

    south_host.kill();
    let gap = stream.gap().await;
    assert_eq!(gap.host, "south");
    assert!(gap.reason.is_some());
    let rest = log(&leader, "?tail=10000").await;
    assert_eq!(hosts(&rest), BTreeSet::from(["east", "north"]));
    let [gap] = &rest.missing[..] else {
        panic!("one is away: {:?}", rest.missing)
    };
    assert_eq!(gap.host, "south");
    assert!(gap.reason.is_some());

    south_host.start_again();
    let gap = stream.gap().await;
    assert_eq!((gap.host.as_str(), gap.reason), ("south", None));
    // From where it was: what it said while it started is not lost.
    stream
        .line(|it| it.host == "south" && it.message == "the host serves")
        .await;
    let (one, other) = tokio::join!(stream.line(new("east")), mention(&east),);
    assert_eq!((one.host.as_str(), other), ("east", ()));
}

#[tokio::test]
async fn a_stream_begins_with_the_last_lines_and_takes_what_is_asked_for() {
    let (_host, client) = host("north").await;
    mention(&client).await;
    let query = "&tail=1&level=info&target=muster_server::control::logging";
    let mut stream = Stream::open(&client, query).await;
    let first = stream.line(|_| true).await;
    assert_eq!(first.message, "logging was changed");
    client.push_component("shop", &guest("hello")).await;
    mention(&client).await;
    let next = stream.line(|_| true).await;
    assert_eq!(next.message, "logging was changed", "nothing else came");
    assert!(next.sequence > first.sequence);
}
