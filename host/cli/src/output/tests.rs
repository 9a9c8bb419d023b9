//! What sample data looks like.

use muster_api::{
    apps::{App, AppDetail},
    audit::{AuditRecord, AuditVerification},
    bundles::{Bundle, BundleDetail},
    certificates::Certificate,
    droplets::Droplet,
    hosts::LinkedHost,
    jobs::Job,
    load_balancer::LoadBalancerStatus,
    logging::LoggingState,
    logs::LogLine,
    metrics::AppMetrics,
    page::Page,
    platform_log::PlatformLog,
    ports::Ports,
    queues::Message,
    roles::Role,
    routes::Route,
    status::{Info, Status},
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::{Format, HostPorts, Queues, Sheet, View, data};

const ID: &str = "01890a5d-ac96-774b-bcce-b302099a8057";

fn now() -> OffsetDateTime {
    OffsetDateTime::parse("2026-03-01T12:00:00Z", &Rfc3339).unwrap()
}

fn read<T: DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).unwrap()
}

fn table<T: View>(value: &T) -> String {
    let mut sheet = Sheet::new(now(), false);
    value.show(&mut sheet);
    sheet.into_text()
}

fn app(name: &str, state: &str, running: u32) -> Value {
    json!({
        "id": ID, "name": name, "project": "shop", "state": state, "instances": 2, "running": running,
        "release": 3, "next_release": null, "droplet": ID,
        "settings": { "allow_outbound": ["api.example.com"] },
        "urls": ["http://shop.localhost:8080/", "http://example.org/shop"],
        "created_at": "2026-02-01T12:00:00.123456Z", "updated_at": "2026-03-01T11:57:00Z",
    })
}

fn role(name: &str, state: &str, plugin: bool) -> Value {
    let plugin = plugin.then(|| json!({
        "name": "muster-router", "version": "0.1.0", "world": "muster:router/router-plugin@0.1.0",
        "imports": ["wasi:logging/logging", "wasi:clocks/monotonic-clock@0.2.0"],
        "digest": "00ff", "bundled": true, "memory_limit": 67_108_864, "call_limit_ms": 1_000,
    }));
    json!({
        "name": name, "state": state, "builtin": plugin.is_none(), "summary": "Does its job",
        "plugin": plugin, "restarts": 1, "last_error": "trapped\u{1b}[2J", "last_error_at": "2026-03-01T11:00:00Z",
    })
}

fn job(state: &str) -> Value {
    json!({
        "id": ID, "kind": "push", "subject": "shop", "state": state, "step": "compiling",
        "log": ["staging", "compiling shop.wasm"], "created_at": "2026-03-01T11:59:20Z",
        "problem": { "code": "invalid", "status": 422, "title": "That is no component",
                     "detail": "shop.wasm is a core module", "remedy": "componentise it" },
    })
}

#[test]
fn apps() {
    let apps: Page<App> =
        read(json!({ "items": [app("shop", "started", 1), app("old", "stopped", 0)] }));
    insta::assert_snapshot!("apps-table", table(&apps));
    insta::assert_snapshot!("apps-yaml", data(Format::Yaml, &apps).unwrap());
    insta::assert_snapshot!(
        "apps-none",
        table(&Page::<App> {
            items: Vec::new(),
            next: None
        })
    );
}

fn linked(name: &str, content: Value) -> Value {
    json!({
        "id": ID, "name": name, "standing": "follower", "state": "ready", "version": "0.1.0",
        "mode": "agent", "os": "debian 12", "addresses": ["192.0.2.1:7444"], "generation": 1,
        "roles": ["dea", "router"], "workloads": 0, "content": content, "clock_offset_ms": 0,
        "applied": "current", "fingerprint": "00ff", "linked_at": "2026-03-01T11:00:00Z",
        "last_seen_at": "2026-03-01T12:00:00Z", "certificate_not_after": "2026-03-31T12:00:00Z",
    })
}

#[test]
fn hosts_and_their_content() {
    let content = |missing: u64, ready: bool| {
        let bundle = json!({ "name": "maps", "digest": "00ff", "missing": missing,
                             "missing_bytes": missing << 22, "ready": ready });
        json!({ "blocks": 9, "missing": missing, "bytes": 9 << 22, "missing_bytes": missing << 22,
                "bundles": [bundle] })
    };
    let nothing = json!({ "blocks": 0, "missing": 0, "bytes": 0, "missing_bytes": 0 });
    let hosts: Page<LinkedHost> = read(json!({ "items": [
        linked("north", content(0, true)), linked("south", content(3, false)),
        linked("east", content(0, false)), linked("west\u{1b}[2J", nothing),
    ]}));
    insta::assert_snapshot!("hosts-table", table(&hosts));
    insta::assert_snapshot!("host-table", table(&hosts.items[1]));
}

#[test]
fn load_balancers() {
    let upstream = |name: &str, state: &str, failure: Value| {
        let mut upstream = json!({
            "host": ID, "name": name, "addresses": ["192.0.2.1:8080"], "weight": 1,
            "state": state, "in_flight": 2, "served": 1_000, "failed": 3,
        });
        if failure.is_string() {
            upstream["last_failure"] = failure;
            upstream["last_failure_at"] = json!("2026-03-01T11:59:00Z");
        }
        upstream
    };
    let mut edge = json!({
        "host": "edge", "address": "0.0.0.0:80", "tls_address": "0.0.0.0:443",
        "policy": "least-requests", "draining": false,
        "upstreams": [
            upstream("north", "up", Value::Null),
            upstream("south", "resting", json!("connection refused\u{1b}[2J")),
            upstream("east", "out-of-reach", json!("its apps are reached from its own machine alone")),
        ],
    });
    let shown: LoadBalancerStatus = read(edge.clone());
    insta::assert_snapshot!("load-balancer-table", table(&shown));
    edge["upstreams"] = json!([]);
    edge["address"] = Value::Null;
    edge["tls_address"] = Value::Null;
    let alone: LoadBalancerStatus = read(edge);
    insta::assert_snapshot!("load-balancer-alone", table(&alone));
}

#[test]
fn certificates() {
    let certificate = json!({
        "name": "shop", "hosts": ["shop.example.org", "*.shop.example.org"],
        "subject": "CN=shop.example.org", "issuer": "CN=Example CA", "self_signed": false,
        "chain": 2, "fingerprint": "00ff", "not_before": "2026-02-01T12:00:00Z",
        "not_after": "2026-05-01T12:00:00Z", "created_at": "2026-03-01T11:57:00Z",
    });
    let all: Page<Certificate> = read(json!({ "items": [certificate] }));
    insta::assert_snapshot!("certificates-table", table(&all));
    let none: Page<Certificate> = read(json!({ "items": [] }));
    insta::assert_snapshot!("certificates-none", table(&none));
    let one: Certificate = read(certificate);
    insta::assert_snapshot!("certificate-table", table(&one));
}

#[test]
fn queues() {
    let queue = json!({ "name": "mails", "about": "E-mails to be sent", "waiting": 2,
        "in_flight": 1, "dead": 1, "oldest_at": "2026-03-01T11:57:00Z" });
    let idle = json!({ "name": "works", "about": "Jobs", "waiting": 0, "in_flight": 0,
        "dead": 0, "oldest_at": null });
    let bus = |bus: Value| Queues {
        bus: read(bus),
        queues: vec![read(queue.clone()), read(idle.clone())],
    };
    let servers = json!(["10.0.0.1:4222", "10.0.0.2:4222"]);
    let near = bus(json!({ "kind": "in-process", "connected": true, "servers": [] }));
    insta::assert_snapshot!("queues-in-process", table(&near));
    let there = bus(
        json!({ "kind": "nats", "connected": true, "servers": servers,
        "server": "n1 (10.0.0.1:4222)" }),
    );
    insta::assert_snapshot!("queues-nats", table(&there));
    let away = bus(
        json!({ "kind": "nats", "connected": false, "servers": servers,
        "problem": "no server can be reached" }),
    );
    insta::assert_snapshot!("queues-away", table(&away));

    let message = json!({
        "id": "0190a7e0-0000-7000-8000-000000000001", "queue": "mails",
        "about": "verify-email ada@example.org", "state": "dead",
        "body": { "occasion": "verify-email", "address": "ada@example.org" },
        "attempts": 1, "last_error": "nobody lives there",
        "created_at": "2026-03-01T11:57:00Z", "due_at": "2026-03-01T11:57:00Z",
        "dead_at": "2026-03-01T11:58:00Z",
    });
    let all: Page<Message> = read(json!({ "items": [message] }));
    insta::assert_snapshot!("messages-table", table(&all));
    let none: Page<Message> = read(json!({ "items": [] }));
    insta::assert_snapshot!("messages-none", table(&none));
    let one: Message = read(message);
    insta::assert_snapshot!("message-table", table(&one));
}

#[test]
fn bundles() {
    let bundle = json!({ "name": "maps", "kind": "files", "count": 2, "size": 5 << 20,
                         "digest": "00ff", "created_at": "2026-03-01T11:57:00Z" });
    let all: Page<Bundle> = read(json!({ "items": [bundle] }));
    insta::assert_snapshot!("bundles-table", table(&all));
    let none: Page<Bundle> = read(json!({ "items": [] }));
    insta::assert_snapshot!("bundles-none", table(&none));
    let mut detail = bundle;
    detail["files"] = json!([{ "path": "deep/a\u{1b}[2J", "size": 5 << 20, "blocks": [] }]);
    detail["hosts"] = json!([
        { "id": ID, "name": "north", "missing": 0, "missing_bytes": 0, "ready": true },
        { "id": ID, "name": "south", "missing": 1, "missing_bytes": 1 << 20, "ready": false },
        { "id": ID, "name": "east", "missing": 0, "missing_bytes": 0, "ready": false,
          "problem": "no space is left" },
    ]);
    let detail: BundleDetail = read(detail);
    insta::assert_snapshot!("bundle-table", table(&detail));
}

#[test]
fn an_app() {
    let mut value = app("shop", "started", 1);
    value["next_release"] = json!(4);
    value["last_failure"] = json!("the health check never passed");
    value["placements"] = json!([
        { "id": ID, "index": 0, "release": 3, "host": "edge-1", "state": "running", "since": "2026-03-01T10:00:00Z" },
        { "id": ID, "index": 1, "release": 3, "host": "edge-1", "state": "crashed", "since": "2026-03-01T11:59:59Z",
          "reason": "unreachable executed" },
    ]);
    let app: AppDetail = read(value);
    insta::assert_snapshot!("app-table", table(&app));
}

#[test]
fn droplets() {
    let droplets: Page<Droplet> = read(json!({ "items": [{
        "id": ID, "detected": "component", "entry": "wasi:http/incoming-handler@0.2",
        "component": "00ff", "size": 3_400_000, "current": true, "created_at": "2026-02-27T12:00:00Z",
    }]}));
    insta::assert_snapshot!("droplets-table", table(&droplets));
}

#[test]
fn app_metrics() {
    let metrics: AppMetrics = read(json!({
        "stretch_seconds": 10, "until": "2026-03-01T12:00:00Z",
        "stretches": [
            { "at": "2026-03-01T11:59:30Z", "requests": 1_250, "failed": 3, "median_micros": 840, "p95_micros": 4_100 },
            { "at": "2026-03-01T11:59:50Z", "requests": 1, "failed": 0, "median_micros": 1_250_000, "p95_micros": 2_400_000 },
        ],
        "missing": [{ "host": "south", "reason": "nothing is heard of it" }],
    }));
    insta::assert_snapshot!("app-metrics-table", table(&metrics));
    let none: AppMetrics = read(json!({
        "stretch_seconds": 10, "until": "2026-03-01T12:00:00Z", "stretches": [], "missing": [],
    }));
    assert_eq!(table(&none), "No request ended in the last hour.\n");
}

#[test]
fn jobs() {
    let mut running = job("running");
    running["progress"] = json!({ "done": 3, "total": 5 });
    let jobs: Page<Job> = read(json!({ "items": [running, job("failed")] }));
    insta::assert_snapshot!("jobs-table", table(&jobs));
    insta::assert_snapshot!("job-table", table(&jobs.items[1]));
}

#[test]
fn routes() {
    let routes: Page<Route> = read(json!({ "items": [
        { "id": ID, "host": "shop.localhost", "path": "/", "sticky": false, "url": "http://shop.localhost:8080/",
          "action": { "kind": "forward", "targets": [{ "app": "shop", "weight": 100 }] } },
        { "id": ID, "host": "*.example", "path": "/shop", "sticky": true, "url": null,
          "action": { "kind": "forward", "targets": [
              { "app": "shop", "weight": 90 }, { "app": "shop-next", "weight": 10 }] } },
        { "id": ID, "host": "old.example", "path": "/", "sticky": false, "url": "http://old.example:8080/",
          "action": { "kind": "redirect", "location": "https://new.example", "status": 308, "keep_path": true } },
    ]}));
    insta::assert_snapshot!("routes-table", table(&routes));
}

#[test]
fn roles() {
    let roles: Page<Role> = read(
        json!({ "items": [role("router", "degraded", true), role("base", "running", false)] }),
    );
    insta::assert_snapshot!("roles-table", table(&roles));
    insta::assert_snapshot!("role-table", table(&roles.items[0]));
}

#[test]
fn status() {
    let status: Status = read(json!({
        "host": "edge-1", "ready": false, "uptime_seconds": 7_300, "apps": 2, "running": 1, "desired": 2,
        "roles": [role("router", "failing", true)], "attention": ["shop: 1 of 2 instances serve"],
    }));
    insta::assert_snapshot!("status-table", table(&status));
}

#[test]
fn colours_change_nothing_else() {
    let apps: Page<App> =
        read(json!({ "items": [app("shop", "started", 1), app("old", "stopped", 0)] }));
    let mut sheet = Sheet::new(now(), true);
    apps.show(&mut sheet);
    let colourful = sheet.into_text();
    assert!(colourful.contains('\u{1b}'));
    let mut parts = colourful.split('\u{1b}');
    let mut plain = parts.next().unwrap().to_owned();
    for part in parts {
        plain.push_str(part.split_once('m').unwrap().1);
    }
    assert_eq!(plain, table(&apps));
}

#[test]
fn info() {
    let info: Info = read(json!({
        "id": ID, "name": "edge-1", "version": "0.1.0", "engine": "48.0.8",
        "management": "http://127.0.0.1:7480", "apps": "http://127.0.0.1:8080", "app_domain": "localhost",
        "roles": ["base", "router"], "available": ["stager"],
        "offered": ["wasi:http/types@0.2.0", "wasi:clocks/wall-clock@0.2.0"],
    }));
    insta::assert_snapshot!("info-table", table(&info));
}

#[test]
fn logs() {
    let line = |source: &str, instance: Value, message: &str| {
        json!({ "sequence": 1, "time": "2026-03-01T11:00:00.5Z", "source": source, "app": "shop",
                "instance": instance, "message": message })
    };
    let lines: Page<LogLine> = read(json!({ "items": [
        line("stdout", json!("0/3"), "hello\n"),
        line("stderr", json!("0/3"), "\u{1b}]0;title\u{7}oh"),
        line("platform", Value::Null, "started"),
    ]}));
    insta::assert_snapshot!("logs-table", table(&lines));
}

#[test]
fn audit() {
    let hash = "00".repeat(32);
    let records: Page<AuditRecord> = read(json!({ "items": [
        { "number": 18, "at": "2026-03-01T11:59:00.5Z", "actor": "(unknown)", "action": "token.create",
          "subject": "/oauth/token", "outcome": "refused", "reason": "invalid_grant", "times": 40,
          "origin": "192.0.2.1", "previous": hash, "hash": hash },
        { "number": 17, "at": "2026-03-01T11:58:00Z", "actor": "ada", "credential": "session 1",
          "action": "app.scale", "subject": "shop\u{1b}[2J", "outcome": "done", "times": 1,
          "before": { "instances": 1 }, "origin": "::1", "previous": hash, "hash": hash },
    ] }));
    insta::assert_snapshot!("audit-table", table(&records));
    let found: AuditVerification = read(json!({
        "whole": false, "broken": { "number": 7, "reason": "it is missing" },
        "head": { "number": 6, "hash": hash }, "entries": 2, "pruned": 4,
    }));
    insta::assert_snapshot!("audit-verification-table", table(&found));
}

#[test]
fn logging() {
    let state: LoggingState = read(json!({
        "logging": { "level": "info", "modules": { "muster_server": "debug", "muster_store": "off" },
                     "format": "json", "to": [{ "kind": "stderr" }, { "kind": "file", "path": "host.log" }] },
        "source": "changed", "until": "2026-03-01T12:10:00Z", "start": {}, "lost": 3,
    }));
    insta::assert_snapshot!("logging-table", table(&state));
}

#[test]
fn what_hosts_log() {
    let log: PlatformLog = read(json!({ "items": [
        { "sequence": 1, "time": "2026-03-01T11:00:00.5Z", "host": "north", "level": "info",
          "target": "muster_server::boot", "message": "the host serves",
          "fields": { "management": "127.0.0.1:7480", "host": "north" } },
        { "sequence": 9, "time": "2026-03-01T11:00:01Z", "host": "south\u{1b}[2J", "level": "warn",
          "target": "muster::plugin", "role": "router", "message": "slow\u{1b}[2J\n" },
    ], "missing": [{ "host": "east", "reason": "no address answers" }] }));
    insta::assert_snapshot!("platform-log-table", table(&log));
    insta::assert_snapshot!("platform-log-json", data(Format::Json, &log).unwrap());
}

#[test]
fn ports() {
    let port = |address: &str, port: u16, needed_by: &str, open: bool| {
        json!({ "address": address, "port": port, "protocol": "tcp", "role": "base",
                "purpose": "what is said", "needed_by": needed_by, "open": open,
                "reachable": if address == "::1" { "from-here" } else { "from-elsewhere" } })
    };
    let ports: Ports = read(json!({ "host": "north", "items": [
        port("::1", 7480, "people-and-programs", true),
        port("0.0.0.0", 8080, "users-of-apps", true),
        port("192.0.2.1", 7444, "hosts-of-the-group", false),
    ]}));
    insta::assert_snapshot!("ports-table", table(&ports));
    let mut all = HostPorts::default();
    all.add("north", Ok(ports));
    all.add("south", Err("the host does not answer".to_owned()));
    insta::assert_snapshot!("ports-all-table", table(&all));
    insta::assert_snapshot!("ports-all-json", data(Format::Json, &all).unwrap());
}
