//! Certificates of hosts that have expired: nobody asks a clock whether to talk to
//! somebody, and so they are renewed.

use std::time::{Duration, SystemTime};

use muster_api::{hosts::LinkedHost, page::Page};
use muster_e2e::{Client, Clock, HostOptions, eventually_within, servers::Postgres};

use crate::several::{Lease, PATIENCE, Several, Traffic, get, sign_in};

const ALL: [usize; 3] = [0, 1, 2];
const DAY: Duration = Duration::from_secs(24 * 3600);
/// Longer than certificates last.
const LATER: Duration = Duration::from_secs(40 * 24 * 3600);

/// When the certificates of hosts end, in seconds from now on, by the time that is
/// right.
async fn left(client: &Client) -> Option<Vec<i64>> {
    let client = sign_in(client).await?;
    let hosts: Page<LinkedHost> = get(&client, "/hosts?limit=500").await.ok()?;
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let now = i64::try_from(now.ok()?.as_secs()).ok()?;
    let ends = hosts.items.iter();
    let ends = ends.map(|host| host.certificate_not_after.unix_timestamp() - now);
    Some(ends.collect())
}

fn seconds(time: Duration) -> i64 {
    i64::try_from(time.as_secs()).expect("it is a few days")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn certificates_that_have_expired_are_renewed_by_themselves() {
    let postgres = Postgres::start();
    let database = postgres.database();
    let clocks = ALL.map(|_| Clock::right());
    let options = clocks.iter().map(|clock| HostOptions {
        env: clock.env(),
        ..HostOptions::default()
    });
    let mut several = Several::start(&postgres.url(&database), options.collect()).await;
    let leader = several.leader(0).await;
    let (stays, sleeps) = ((leader + 1) % 3, (leader + 2) % 3);
    let before = left(&several.clients[leader]).await.expect("they are told");
    assert!(
        before.iter().all(|left| *left < seconds(LATER)),
        "{before:?}"
    );

    // One is switched off for as long as that takes.
    let lease = Lease::of(&postgres, &database);
    several.hosts[sleeps].kill();
    let traffic = Traffic::start(&several, &[stays]);
    traffic.acknowledged_by(&[leader, stays], 5).await;
    for clock in &clocks {
        clock.ahead(LATER);
    }
    traffic.acknowledged_by(&[leader, stays], 5).await;
    several.hosts[sleeps].start_again();
    several.hosts[sleeps].wait_ready().await;
    traffic.acknowledged(sleeps, 5).await;
    eventually_within(PATIENCE, "all have new ones", async || {
        let left = left(&several.clients[stays]).await?;
        let is_new = |left: &i64| *left > seconds(LATER);
        left.iter().all(is_new).then_some(())
    })
    .await;
    assert_eq!(
        Lease::of(&postgres, &database),
        lease,
        "the same host leads"
    );

    // Those that were made while the clocks were wrong are replaced once these are
    // right.
    for clock in &clocks {
        clock.put_right();
    }
    traffic.acknowledged_by(&ALL, 3).await;
    eventually_within(PATIENCE, "all have right ones", async || {
        let left = left(&several.clients[sleeps]).await?;
        let is_right = |left: &i64| *left > 0 && *left < seconds(LATER - 5 * DAY);
        left.iter().all(is_right).then_some(())
    })
    .await;
    several.log_in().await;
    several.push(sleeps, 2).await;
    let (ledger, answers) = traffic.end().await;
    several.agree(&ledger).await;
    assert!(answers.failed.is_empty(), "{:?}", answers.failed);
}
