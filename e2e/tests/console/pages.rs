//! The console in a real browser against real hosts.

use muster_api::{
    jobs::Job,
    pushes::{Push, SettingsChange},
};
use muster_e2e::{
    Host,
    console::{run_spec, told},
    guest, named_host, push_of,
};
use reqwest::Method;
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn somebody_signs_in_and_out() {
    let host = Host::start().await;
    run_spec("session", told(&[("one", &host)])).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_is_pushed_by_drag_and_drop() {
    let host = Host::start().await;
    run_spec("push", told(&[("one", &host)])).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hosts_are_linked_through_the_browser_alone() {
    let (first, _) = named_host("north-1").await;
    let (second, _) = named_host("north-2").await;
    let told = told(&[("north-1", &first), ("north-2", &second)]);
    run_spec("linking", told).await;
}

async fn axe_finds_nothing(width: u32) {
    let host = Host::start().await;
    let mut told = told(&[("one", &host)]);
    told["width"] = width.into();
    run_spec("accessibility", told).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn axe_finds_nothing_on_a_telephone() {
    axe_finds_nothing(360).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn axe_finds_nothing_on_a_laptop() {
    axe_finds_nothing(1280).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn axe_finds_nothing_on_a_large_screen() {
    axe_finds_nothing(3840).await;
}

/// Begins a push whose first health check takes as long as a request may.
async fn slow_push(host: &Host) -> Job {
    let client = host.client().await;
    let health = json!({ "path": "/sleep?ms=600000", "timeout": "10m", "failures": 1 });
    let push = Push {
        settings: SettingsChange {
            health: Some(serde_json::from_value(health).expect("settings")),
            limits: serde_json::from_value(json!({ "time": "10m" })).expect("settings"),
            ..SettingsChange::default()
        },
        ..push_of(vec![client.upload("app.wasm", &guest("hostile")).await])
    };
    client.send(Method::POST, "/apps/slow/pushes", &push).await
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_are_followed_and_found() {
    let host = Host::start().await;
    let mut told = told(&[("one", &host)]);
    told["slow"] = slow_push(&host).await.id.to_string().into();
    run_spec("jobs", told).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_audit_log_is_searched_and_checked() {
    let host = Host::start().await;
    run_spec("audit", told(&[("one", &host)])).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn roles_of_two_hosts_are_switched() {
    let (first, _) = named_host("north-1").await;
    let (second, _) = named_host("north-2").await;
    let told = told(&[("north-1", &first), ("north-2", &second)]);
    run_spec("roles", told).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_is_made_and_taken_apart() {
    let (first, _) = named_host("north-1").await;
    let (second, _) = named_host("north-2").await;
    let told = told(&[("north-1", &first), ("north-2", &second)]);
    run_spec("cluster", told).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn people_keys_and_factors_are_looked_after() {
    let host = Host::start().await;
    run_spec("identity", told(&[("one", &host)])).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_are_changed_in_forms() {
    let host = Host::start().await;
    run_spec("settings", told(&[("one", &host)])).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_stream_is_told_and_taken_up_again() {
    let host = Host::start().await;
    run_spec("dropped", told(&[("one", &host)])).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_host_is_shown_so_before_it_counts_as_lost() {
    let (leader, _) = named_host("north-1").await;
    let (follower, _) = named_host("north-2").await;
    let mut told = told(&[("north-1", &leader), ("north-2", &follower)]);
    told["pid"] = follower.pid().into();
    run_spec("lost", told).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_five_thousand_rows_those_in_view_are_drawn() {
    let host = Host::start().await;
    run_spec("gallery", told(&[("one", &host)])).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_are_loaded_later_and_say_so_if_they_cannot_be() {
    let host = Host::start().await;
    run_spec("later", told(&[("one", &host)])).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_new_is_shown_around_once() {
    let host = Host::start().await;
    run_spec("tour", told(&[("one", &host)])).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn members_are_added_let_in_and_removed() {
    let host = Host::start().await;
    run_spec("members", told(&[("one", &host)])).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn access_roles_are_made_and_given() {
    let host = Host::start().await;
    run_spec("access", told(&[("one", &host)])).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn terms_are_added_and_accepted_on_the_way_in() {
    let host = Host::start().await;
    run_spec("terms", told(&[("one", &host)])).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_passkey_is_made_and_signs_in() {
    let host = Host::start().await;
    run_spec("passkeys", told(&[("one", &host)])).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_of_an_app_are_drawn() {
    let host = Host::start().await;
    run_spec("metrics", told(&[("one", &host)])).await;
}
