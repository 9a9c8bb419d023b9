//! `/apps/{app}/logs`: what apps write, what they are asked, and what the host
//! has to say about them.

use std::{collections::VecDeque, time::Duration};

use muster_api::{
    logs::{LogLine, LogSource},
    page::Page,
};
use muster_e2e::{Case, Client, Host, eventually, guest, only_field, refuse, refuse_all};
use reqwest::{Method, Response, StatusCode};
use serde_json::Value;

/// How long a line may take to come.
const PATIENCE: Duration = Duration::from_secs(30);

async fn tail(client: &Client, query: &str) -> Vec<LogLine> {
    let page: Page<LogLine> = client.get(&format!("/apps/shop/logs{query}")).await;
    assert_eq!(page.next, None);
    page.items
}

/// Waits until the log has a line that is asked for.
async fn until(client: &Client, wanted: impl Fn(&LogLine) -> bool) -> LogLine {
    eventually("the line is in the log", async || {
        tail(client, "").await.into_iter().find(&wanted)
    })
    .await
}

/// Asks the app, and gives the request's id.
async fn ask(client: &Client, path: &str) -> String {
    let reply = client
        .app(Method::GET, "shop.localhost", path)
        .send()
        .await
        .expect("the host answers");
    assert_eq!(reply.status(), StatusCode::OK);
    let id = reply.headers()["x-request-id"]
        .to_str()
        .expect("text")
        .to_owned();
    reply.bytes().await.expect("a body");
    id
}

/// A stream of server-sent events.
struct Events {
    response: Response,
    text: String,
    lines: VecDeque<(String, LogLine)>,
}

impl Events {
    async fn open(client: &Client, query: &str, last: Option<&str>) -> Self {
        let path = format!("/apps/shop/logs?follow=true{query}");
        let mut request = client.request(Method::GET, &path);
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let response = request.send().await.expect("the host answers");
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self {
            response,
            text: String::new(),
            lines: VecDeque::new(),
        }
    }

    /// The next line with its event's id; none if the host ended the stream.
    async fn next(&mut self) -> Option<(String, LogLine)> {
        tokio::time::timeout(PATIENCE, self.read())
            .await
            .expect("a line or the end comes")
    }

    async fn read(&mut self) -> Option<(String, LogLine)> {
        while self.lines.is_empty() {
            let chunk = self
                .response
                .chunk()
                .await
                .expect("the stream does not break")?;
            self.text
                .push_str(std::str::from_utf8(&chunk).expect("text"));
            while let Some((event, rest)) = self.text.split_once("\n\n") {
                let field = |name: &str| {
                    let prefix = format!("{name}: ");
                    event.lines().find_map(|line| line.strip_prefix(&prefix))
                };
                if let Some(data) = field("data") {
                    assert_eq!(field("event"), Some("line"), "{event}");
                    let id = field("id").expect("an event has an id").to_owned();
                    self.lines
                        .push_back((id, serde_json::from_str(data).expect("JSON")));
                }
                self.text = rest.to_owned();
            }
        }
        self.lines.pop_front()
    }
}

#[tokio::test]
async fn a_log_has_what_was_written_asked_and_decided() {
    let host = Host::start().await;
    let client = host.client().await;
    client.push_component("shop", &guest("hostile")).await;
    let request = ask(&client, "/log?lines=2").await;
    let access = until(&client, |line| line.source == LogSource::Access).await;
    assert_eq!(access.request.as_deref(), Some(request.as_str()));
    assert!(
        access.message.starts_with("GET /log?lines=2 200 7B "),
        "{access:?}"
    );

    let lines = tail(&client, "").await;
    assert!(
        lines.is_sorted_by(|one, other| one.sequence < other.sequence),
        "{lines:?}"
    );
    let of =
        |source| -> Vec<&LogLine> { lines.iter().filter(|line| line.source == source).collect() };
    for (source, texts) in [
        (LogSource::Stdout, ["out 0", "out 1"]),
        (LogSource::Stderr, ["err 0", "err 1"]),
    ] {
        let found = of(source);
        let messages: Vec<_> = found.iter().map(|line| line.message.trim_end()).collect();
        assert_eq!(messages, texts);
        for line in found {
            assert_eq!(line.request.as_deref(), Some(request.as_str()), "{line:?}");
            assert_eq!(line.instance.as_deref(), Some("0/1"), "{line:?}");
            assert_eq!(line.app, "shop");
        }
    }
    let platform: Vec<_> = of(LogSource::Platform)
        .iter()
        .map(|line| line.message.clone())
        .collect();
    assert!(
        platform.contains(&"instance 0/1 serves".to_owned()),
        "{platform:?}"
    );
    assert!(
        platform
            .iter()
            .any(|line| line.contains("app.wasm: a component")),
        "{platform:?}"
    );

    // A failure is told once, with the request that met it.
    let reply = client
        .app(Method::GET, "shop.localhost", "/trap")
        .send()
        .await
        .unwrap();
    let id = reply.headers()["x-request-id"].to_str().unwrap().to_owned();
    assert_eq!(reply.status(), StatusCode::BAD_GATEWAY);
    let told = |line: &LogLine| {
        line.source == LogSource::Platform && line.request.as_deref() == Some(id.as_str())
    };
    let line = until(&client, told).await;
    assert!(line.message.contains("the app trapped"), "{line:?}");
    assert_eq!(
        tail(&client, "")
            .await
            .iter()
            .filter(|line| told(line))
            .count(),
        1
    );

    let all = tail(&client, "?tail=10000").await;
    for count in [0, 1, 3] {
        let last = tail(&client, &format!("?tail={count}")).await;
        assert_eq!(last, all[all.len() - count..]);
    }
}

#[tokio::test]
async fn what_cannot_be_asked_of_a_log_is_refused() {
    let host = Host::start().await;
    let client = host.client().await;
    client.push_component("shop", &guest("hello")).await;
    let logs = |query: &str| format!("/apps/shop/logs?{query}");
    let case = |path: String, status, code| Case::new(Method::GET, path, Value::Null, status, code);
    refuse_all(
        &client,
        vec![
            case(
                "/apps/nobody/logs?follow=true".to_owned(),
                404,
                "app-not-found",
            ),
            case(logs("tail=-1"), 400, "invalid-query"),
            case(logs("tail=all"), 400, "invalid-query"),
            case(logs("follow=always"), 400, "invalid-query"),
            Case {
                field: Some("tail"),
                ..case(logs("tail=10001"), 422, "invalid-request")
            },
        ],
    )
    .await;
    let request = client.request(Method::GET, &logs("tail=10001&follow=true"));
    let problem = refuse(request, 422, "invalid-request").await;
    assert_eq!(only_field(&problem), "tail");
}

#[tokio::test]
async fn a_log_can_be_followed_and_picked_up_again() {
    let mut host = Host::start().await;
    let client = host.client().await;
    client.push_component("shop", &guest("hello")).await;
    ask(&client, "/log?first").await;
    until(&client, |line| line.source == LogSource::Access).await;
    let known = tail(&client, "").await;

    let mut all = Events::open(&client, "", None).await;
    for line in &known {
        let (id, next) = all.next().await.unwrap();
        assert_eq!((id, &next), (line.sequence.to_string(), line));
    }
    let mut new = Events::open(&client, "&tail=0", None).await;
    ask(&client, "/log?second").await;
    for events in [&mut all, &mut new] {
        let (_, line) = events.next().await.unwrap();
        assert_eq!(line.source, LogSource::Stdout);
        assert!(line.message.contains("/log?second"), "{line:?}");
    }
    drop(all);

    // From the id of an event on, whatever `tail` says.
    let place = known[1].sequence.to_string();
    let mut again = Events::open(&client, "&tail=1", Some(&place)).await;
    for line in &known[2..] {
        assert_eq!(again.next().await.unwrap().1, *line);
    }
    let (_, line) = again.next().await.unwrap();
    assert!(line.message.contains("/log?second"), "{line:?}");
    // An id that is none says nothing.
    let mut odd = Events::open(&client, "&tail=1", Some("yesterday")).await;
    let newest = tail(&client, "?tail=1").await.remove(0);
    assert_eq!(odd.next().await.unwrap().1, newest);

    // A host that stops ends its streams, instead of waiting for them.
    assert!(host.stop().await.success());
    while new.next().await.is_some() {}
}

#[tokio::test]
async fn who_follows_a_log_misses_nothing_after_a_restart() {
    let mut host = Host::start().await;
    let client = host.client().await;
    client.push_component("shop", &guest("hello")).await;
    for number in 0..20 {
        ask(&client, &format!("/log?{number}")).await;
    }
    let last = tail(&client, "?tail=1")
        .await
        .remove(0)
        .sequence
        .to_string();
    host.kill_and_restart();
    host.wait_ready().await;
    let client = host.client().await;
    // As a browser does: with the id of the last event it has seen.
    let mut events = Events::open(&client, "", Some(&last)).await;
    ask(&client, "/log?after").await;
    loop {
        let (_, line) = events.next().await.expect("the stream goes on");
        if line.message.contains("/log?after") {
            break;
        }
    }
}

#[tokio::test]
async fn the_log_of_a_deleted_app_ends() {
    let host = Host::start().await;
    let client = host.client().await;
    client.push_component("shop", &guest("hello")).await;
    let mut events = Events::open(&client, "&tail=0", None).await;
    let _: Value = client
        .send(Method::DELETE, "/apps/shop", &Value::Null)
        .await;
    while events.next().await.is_some() {}
    // A new app of that name begins a new log.
    client.push_component("shop", &guest("hello")).await;
    let serving = tail(&client, "")
        .await
        .iter()
        .filter(|line| line.message.ends_with(" serves"))
        .count();
    assert_eq!(serving, 1);
}
