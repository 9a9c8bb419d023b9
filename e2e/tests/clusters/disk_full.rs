//! A disk that is full, in a cluster: that of a control-plane host, whether it leads
//! or not, and that of the database. Apps go on, changes are refused for that reason
//! or made, and with some space all is well again. The disks are small ones in memory,
//! which only root can mount.

use muster_api::blocks::Digest;
use muster_e2e::{Client, Disk, HostOptions, eventually, hello_version, refuse, servers::Postgres};
use reqwest::{Method, RequestBuilder};
use sha2::Digest as _;

use crate::several::{Lease, Several, Traffic};

const ALL: [usize; 3] = [0, 1, 2];

/// The upload of a version of the app, which is a block.
fn upload(client: &Client, version: u32) -> RequestBuilder {
    let wasm = hello_version(version);
    let digest = Digest::from_bytes(&sha2::Sha256::digest(&wasm).into());
    let put = client.request(Method::PUT, &format!("/blocks/{digest}"));
    put.body(wasm)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_control_plane_host_with_a_full_disk_costs_no_change_and_no_request() {
    let disks: Vec<Disk> = (0..3).map_while(|_| Disk::mount("96m")).collect();
    if disks.len() < 3 {
        return;
    }
    let options = disks.iter().map(|disk| HostOptions {
        data_dir: Some(disk.path()),
        ..HostOptions::default()
    });
    let postgres = Postgres::start();
    let database = postgres.database();
    let mut several = Several::start(&postgres.url(&database), options.collect()).await;
    let leader = several.leader(0).await;
    let stands_by = (leader + 1) % 3;
    let traffic = Traffic::start(&several, &[1]);
    traffic.acknowledged_by(&ALL, 5).await;

    // One that stands by passes on what it is asked for.
    disks[stands_by].fill();
    traffic.acknowledged_by(&ALL, 5).await;
    traffic.served(50).await;

    // One that leads takes what needs no space of its own, and refuses the rest.
    disks[leader].fill();
    refuse(upload(&several.clients[leader], 2), 507, "no-space").await;
    traffic.acknowledged_by(&ALL, 5).await;
    traffic.served(50).await;

    // Somebody leads when it is gone, though that may be one with a full disk.
    let before = Lease::of(&postgres, &database).expect("a host leads");
    disks[leader].free();
    let (ledger, answers) = traffic.end().await;
    assert!(answers.failed.is_empty(), "{:?}", answers.failed);
    several.hosts[leader].kill();
    eventually("another host leads", async || {
        Lease::of(&postgres, &database).filter(|lease| lease.holder != before.holder)
    })
    .await;
    let others: Vec<usize> = ALL.into_iter().filter(|place| *place != leader).collect();
    let traffic = Traffic::again(&several, &others[1..], ledger);
    traffic.acknowledged_by(&others, 5).await;
    several.hosts[leader].start_again();
    several.hosts[leader].wait_ready().await;
    disks[stands_by].free();

    // What there was no space for is there by now.
    several.push(stands_by, 2).await;
    traffic.acknowledged_by(&ALL, 5).await;
    let (ledger, answers) = traffic.end().await;
    several.agree(&ledger).await;
    assert!(answers.failed.is_empty(), "{:?}", answers.failed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_databases_disk_is_full_apps_serve_and_changes_are_refused_as_such() {
    let Some(disk) = Disk::mount("192m") else {
        return;
    };
    let mut postgres = Postgres::start_in(&disk.path());
    let database = postgres.database();
    let options = vec![HostOptions::default(); 3];
    let several = Several::start(&postgres.url(&database), options).await;
    let traffic = Traffic::start(&several, &[1]);
    traffic.acknowledged_by(&ALL, 5).await;

    // It may begin another piece of its log in good time: only what it writes the
    // records to is to find no space. Without space for its log it ends.
    for statement in [
        "SELECT pg_switch_wal()",
        "CHECKPOINT",
        "SELECT txid_current()",
    ] {
        postgres.sql(&database, statement);
    }
    disk.fill();
    traffic.refused(0, "no-space", 3).await;
    traffic.served(100).await;
    let answer = several.clients[1].request(Method::POST, "/projects");
    let problem = refuse_for_space(answer).await;
    assert!(
        problem.contains("database"),
        "the remedy names it: {problem}"
    );

    disk.free();
    if postgres.has_ended() {
        postgres.start_again();
    }
    traffic.acknowledged_by(&ALL, 5).await;
    let (ledger, answers) = traffic.end().await;
    several.agree(&ledger).await;
    assert!(answers.failed.is_empty(), "{:?}", answers.failed);
}

/// What a change is told to do that finds no space, in the end: a small one may still
/// find a place.
async fn refuse_for_space(request: RequestBuilder) -> String {
    let mut number = 0;
    loop {
        number += 1;
        let request = request.try_clone().expect("it has no body");
        let name = serde_json::json!({ "name": format!("space-{number}") });
        let answer = request.json(&name).send().await.expect("the host answers");
        if !answer.status().is_success() {
            let problem = muster_e2e::refused(answer, 507, "no-space").await;
            return problem.remedy.expect("there is something to do");
        }
    }
}
