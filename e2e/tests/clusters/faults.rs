//! What clusters do when their parts fail: changes that were acknowledged are there
//! afterwards, and apps serve meanwhile.

use std::{collections::BTreeSet, time::Duration};

use http::Method;
use muster_api::{
    jobs::{Job, JobState},
    links::{Link, Standing},
    page::Page,
    problem::Problem,
    status::Info,
};
use muster_e2e::{
    Client, Host, Load, eventually, eventually_within, hello_version, host_with_peers, named_host,
    push_of,
    servers::{Pair, Postgres},
};
use reqwest::StatusCode;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

/// Longer than it takes until somebody leads again, on a machine that has other
/// things to do as well.
const TAKEN_OVER: Duration = Duration::from_secs(60);

fn signal(host: &Host, signal: Signal) {
    let pid = i32::try_from(host.pid()).ok().and_then(Pid::from_raw);
    kill_process(pid.expect("it runs"), signal).expect("the process is ours");
}

/// Hosts of a cluster that all share the state in that database.
async fn cluster(url: &str, names: &[&str]) -> (Vec<Host>, Vec<Client>) {
    let env = [("MUSTER_NAME", names[0]), ("MUSTER_DATABASE_URL", url)];
    let (host, client) = host_with_peers(&env).await;
    let (mut hosts, mut clients) = (vec![host], vec![client]);
    for name in &names[1..] {
        let (host, client) = named_host(name).await;
        client.join(&clients[0].link_token().await.token).await;
        hosts.push(host);
        clients.push(client);
    }
    if names.len() > 1 {
        let new = json!({ "name": "north", "control_plane": names });
        let job: Job = clients[0].send(Method::POST, "/clusters", &new).await;
        let job = clients[0].finished(&job).await;
        assert_eq!(job.state, JobState::Succeeded, "{job:#?}");
        for place in 1..names.len() {
            clients[place] = hosts[place].client().await;
        }
    }
    (hosts, clients)
}

async fn push(client: &Client) {
    let wasm = client.upload("app.wasm", &hello_version(1)).await;
    let mut push = push_of(vec![wasm]);
    push.instances = Some(2);
    let job = client.push("busy", &push).await;
    assert_eq!(job.state, JobState::Succeeded, "{job:#?}");
}

async fn serves(client: &Client) {
    eventually("the router leads to the app", async || {
        let (status, _) = client.ask("busy.localhost", "/").await;
        (status == StatusCode::OK).then_some(())
    })
    .await;
}

/// Makes a project. Whether that was acknowledged.
async fn change(client: &Client, name: &str) -> Result<(), Option<Problem>> {
    let request = client.request(Method::POST, "/projects");
    let asked = request.json(&json!({ "name": name })).send().await;
    let Ok(answer) = asked else {
        return Err(None);
    };
    match answer.status().is_success() {
        true => Ok(()),
        false => Err(answer.json().await.ok()),
    }
}

/// The projects by their names.
async fn projects(client: &Client) -> BTreeSet<String> {
    let page: Page<Value> = client.get("/projects?limit=500").await;
    let names = page.items.iter();
    names
        .filter_map(|it| Some(it["name"].as_str()?.to_owned()))
        .collect()
}

/// Waits until a change is acknowledged.
async fn changes_again(client: &Client, what: &str) {
    let mut tries = 0;
    let deadline = tokio::time::Instant::now() + TAKEN_OVER;
    loop {
        tries += 1;
        let name = format!("{what}-{tries}");
        match change(client, &name).await {
            Ok(()) => return,
            Err(problem) => assert!(
                tokio::time::Instant::now() < deadline,
                "no change is taken: {problem:#?}"
            ),
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

#[tokio::test]
async fn a_leader_that_was_paused_past_its_lease_changes_nothing_any_more() {
    let postgres = Postgres::start();
    let url = postgres.url(&postgres.database());
    let (hosts, clients) = cluster(&url, &["a", "b", "c"]).await;
    push(&clients[0]).await;
    serves(&clients[2]).await;
    assert_eq!(change(&clients[0], "before").await.ok(), Some(()));
    // It is stopped in the middle of whatever it does, with a change on its way.
    signal(&hosts[0], Signal::STOP);
    let late = {
        let client = clients[0].clone();
        tokio::spawn(async move { change(&client, "late").await })
    };
    changes_again(&clients[1], "meanwhile").await;
    let there = projects(&clients[1]).await;
    signal(&hosts[0], Signal::CONT);
    // What it was asked for is done by whoever leads now, or refused.
    let late = late.await.unwrap();
    eventually_within(TAKEN_OVER, "the one before follows", async || {
        let asked = clients[0].request(Method::GET, "/link").send().await.ok()?;
        let link: Link = asked.json().await.ok()?;
        // It answers by the one that leads, which is another host.
        let own = clients[1].link().await;
        (link.standing == Standing::Leader && link.host == own.host).then_some(())
    })
    .await;
    let now = projects(&clients[1]).await;
    assert!(there.is_subset(&now), "{there:?} {now:?}");
    assert_eq!(late.is_ok(), now.contains("late"), "{late:#?}");
    serves(&clients[0]).await;
}

/// Whoever asks a host that stands by waits for the next leader, which may turn out
/// to be that host.
#[tokio::test]
async fn a_change_that_waits_for_the_next_leader_is_made_also_where_that_is() {
    let postgres = Postgres::start();
    let url = postgres.url(&postgres.database());
    let (mut hosts, clients) = cluster(&url, &["a", "b", "c"]).await;
    hosts[0].kill();
    let (one, other) = tokio::join!(change(&clients[1], "one"), change(&clients[2], "other"));
    let leads = eventually_within(TAKEN_OVER, "another one leads", async || {
        let asked = clients[1].request(Method::GET, "/info").send().await.ok()?;
        Some(asked.json::<Info>().await.ok()?.name)
    })
    .await;
    let (there, elsewhere) = match leads.as_str() {
        "b" => (one, other),
        _ => (other, one),
    };
    // A call waits for a while only, and this machine may have been slow.
    assert!(there.is_ok() || elsewhere.is_err(), "{leads}: {there:#?}");
}

/// Its package was on the disk of the host that took it, and nowhere else unless
/// another one was asked to hold it.
#[tokio::test]
async fn a_push_that_was_acknowledged_survives_the_host_that_took_it() {
    let postgres = Postgres::start();
    let url = postgres.url(&postgres.database());
    let (mut hosts, clients) = cluster(&url, &["a", "b", "c"]).await;
    let wasm = clients[0].upload("app.wasm", &hello_version(7)).await;
    let job: Job = clients[0]
        .send(Method::POST, "/apps/busy/pushes", &push_of(vec![wasm]))
        .await;
    hosts[0].kill();
    let job = eventually_within(TAKEN_OVER, "the push goes on elsewhere", async || {
        let asked = clients[1].request(Method::GET, &format!("/jobs/{}", job.id));
        let job: Job = asked.send().await.ok()?.json().await.ok()?;
        job.state.is_final().then_some(job)
    })
    .await;
    assert_eq!(job.state, JobState::Succeeded, "{job:#?}");
    serves(&clients[2]).await;
}

#[tokio::test]
async fn the_database_fails_over_and_no_acknowledged_change_is_lost() {
    let mut pair = Pair::start();
    let url = pair.url(&pair.primary.database());
    let (hosts, clients) = cluster(&url, &["alone"]).await;
    push(&clients[0]).await;
    serves(&clients[0]).await;
    let load = Load::start(hosts[0].apps(), "busy.localhost", "/", 2);
    let (mut acknowledged, mut refused) = (BTreeSet::new(), 0);
    for number in 0..60 {
        if number == 20 {
            pair.primary.kill();
        }
        if number == 30 {
            pair.promote();
        }
        let name = format!("change-{number}");
        match change(&clients[0], &name).await {
            Ok(()) => {
                acknowledged.insert(name);
            }
            Err(_) => refused += 1,
        }
    }
    changes_again(&clients[0], "after").await;
    let there = projects(&clients[0]).await;
    let lost: Vec<_> = acknowledged.difference(&there).collect();
    let answers = load.end().await;
    println!(
        "the database failed over: {} changes acknowledged, {refused} refused, {} lost; {} requests failed",
        acknowledged.len(),
        lost.len(),
        answers.failed.len()
    );
    assert!(lost.is_empty(), "{lost:?}");
    assert!(answers.failed.is_empty(), "{:?}", answers.failed);
}

#[tokio::test]
async fn without_the_database_apps_serve_and_changes_are_refused_with_the_remedy() {
    let mut postgres = Postgres::start();
    let url = postgres.url(&postgres.database());
    let (mut hosts, clients) = cluster(&url, &["alone"]).await;
    push(&clients[0]).await;
    serves(&clients[0]).await;
    let load = Load::start(hosts[0].apps(), "busy.localhost", "/", 2);
    postgres.kill();
    let problem = eventually_within(TAKEN_OVER, "a change is refused", async || {
        change(&clients[0], "refused").await.err().flatten()
    })
    .await;
    assert_eq!(problem.status, 503, "{problem:#?}");
    assert!(problem.remedy.is_some(), "{problem:#?}");
    // Longer than its lease lasts.
    tokio::time::sleep(Duration::from_secs(12)).await;
    load.more(50).await;
    let answers = load.end().await;
    assert!(answers.failed.is_empty(), "{:?}", answers.failed);
    // Also after a start of its own, it runs what it ran.
    hosts[0].kill_and_restart();
    hosts[0].wait_alive().await;
    serves(&clients[0]).await;
    postgres.start_again();
    changes_again(&clients[0], "after").await;
    assert!(!projects(&clients[0]).await.contains("refused"));
}
