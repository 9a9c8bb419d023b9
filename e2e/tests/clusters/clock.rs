//! Clocks that jump by a day, forth and back, of a control-plane host that leads and
//! of one that does not: who leads is judged by the database's clock and by the time
//! that has passed, and so it stays.

use std::time::Duration;

use muster_api::{
    hosts::{HostState, LinkedHost},
    page::Page,
};
use muster_e2e::{
    Client, Clock, HostOptions, eventually, named_host, refuse,
    servers::{Postgres, SmtpOptions, SmtpServer},
};
use reqwest::Method;
use serde_json::{Value, json};

use crate::several::{Lease, Several, Traffic, get, sign_in};

const ALL: [usize; 3] = [0, 1, 2];
const DAY: Duration = Duration::from_secs(24 * 3600);
/// How exactly clocks are compared here, in milliseconds.
const ABOUT: i64 = 60_000;

/// A cluster of which each host has a clock of its own.
struct Clocked {
    several: Several,
    clocks: Vec<Clock>,
    postgres: Postgres,
    database: String,
}

impl Clocked {
    async fn start() -> Self {
        let postgres = Postgres::start();
        let database = postgres.database();
        let clocks: Vec<Clock> = ALL.map(|_| Clock::right()).into();
        let options = clocks.iter().map(|clock| HostOptions {
            env: clock.env(),
            ..HostOptions::default()
        });
        let several = Several::start(&postgres.url(&database), options.collect()).await;
        Self {
            several,
            clocks,
            postgres,
            database,
        }
    }

    fn lease(&self) -> Option<Lease> {
        Lease::of(&self.postgres, &self.database)
    }

    /// Waits until the others are told how far the clock of a host is from that of the
    /// one that leads.
    async fn told(&self, client: &Client, host: &str, offset: i64) {
        eventually("a wrong clock is told of", async || {
            let hosts: Page<LinkedHost> = get(client, "/hosts?limit=500").await.ok()?;
            let host = hosts.items.into_iter().find(|it| it.name == host)?;
            let there = matches!(host.state, HostState::Ready | HostState::InUse);
            let known = host.about.clock_offset_ms;
            (there && (known - offset).abs() < ABOUT).then_some(())
        })
        .await;
    }
}

fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).expect("it is a few days")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_clock_of_a_host_that_stands_by_matters_to_nobody() {
    let clocked = Clocked::start().await;
    let several = &clocked.several;
    let leader = several.leader(0).await;
    let wrong = (leader + 1) % 3;
    let name = Several::name(wrong);
    let traffic = Traffic::start(several, &[2]);
    traffic.acknowledged_by(&ALL, 5).await;
    let before = clocked.lease();
    let client = &several.clients[wrong];
    for (offset, jump) in [(-millis(DAY), "forth"), (millis(DAY), "back")] {
        match jump {
            "forth" => clocked.clocks[wrong].ahead(DAY),
            _ => clocked.clocks[wrong].behind(DAY),
        }
        clocked.told(client, name, offset).await;
        let lease = clocked.lease().expect("a host leads");
        let later = lease.outlasted(&clocked.postgres, &clocked.database).await;
        assert_eq!(later, before, "who leads is as before, {jump}");
        traffic.acknowledged_by(&ALL, 5).await;
    }
    clocked.clocks[wrong].put_right();
    clocked.told(client, name, 0).await;
    let (ledger, answers) = traffic.end().await;
    several.agree(&ledger).await;
    assert_eq!(ledger.refused(), 0, "tokens are good: {ledger}");
    assert!(answers.failed.is_empty(), "{:?}", answers.failed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_whose_clock_jumps_goes_on_leading_and_says_why_tokens_are_no_good() {
    let clocked = Clocked::start().await;
    let several = &clocked.several;
    let leader = several.leader(0).await;
    let other = (leader + 1) % 3;
    let traffic = Traffic::start(several, &[2]);
    traffic.acknowledged_by(&ALL, 5).await;
    let before = clocked.lease();
    for jump in ["forth", "right", "back", "and right again"] {
        let old = sign_in(&several.clients[other]).await.expect("a token");
        match jump {
            "forth" => clocked.clocks[leader].ahead(DAY),
            "back" => clocked.clocks[leader].behind(DAY),
            _ => clocked.clocks[leader].put_right(),
        }
        // Tokens are good for a while by the clock of the host that leads.
        let problem = refuse(old.request(Method::GET, "/projects"), 401, "unauthorized").await;
        let why = match jump {
            "forth" | "and right again" => "has expired",
            _ => "not good yet",
        };
        assert!(problem.detail.contains(why), "{jump}: {problem:?}");
        traffic.acknowledged_by(&ALL, 3).await;
        if let "forth" | "back" = jump {
            let lease = clocked.lease().expect("a host leads");
            let later = lease.outlasted(&clocked.postgres, &clocked.database).await;
            assert_eq!(later, before, "who leads is as before, {jump}");
        }
        if jump == "forth" {
            // A link token is good by the clock that it was made by.
            let (new, new_client) = named_host("new").await;
            let token = sign_in(&several.clients[other]).await.expect("a token");
            new_client.join(&token.link_token().await.token).await;
            let client = sign_in(&several.clients[leader]).await.expect("a token");
            clocked.told(&client, "new", millis(DAY)).await;
            new_client.leave().await;
            drop(new);
        }
    }
    let client = sign_in(&several.clients[other]).await.expect("a token");
    clocked.told(&client, Several::name(other), 0).await;
    let (ledger, answers) = traffic.end().await;
    let mut clocked = clocked;
    clocked.several.log_in().await;
    clocked.several.push(other, 2).await;
    clocked.several.agree(&ledger).await;
    assert!(answers.failed.is_empty(), "{:?}", answers.failed);
}

/// What was put off until a day that will not come so soon.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_since_the_clock_was_wrong_does_not_wait_until_that_time_comes() {
    let clocked = Clocked::start().await;
    let mut several = clocked.several;
    let leader = several.leader(0).await;
    let other = (leader + 1) % 3;
    let mut smtp = SmtpServer::start(&SmtpOptions::default());
    let mail = json!({
        "host": "127.0.0.1", "port": smtp.port(), "tls": "none",
        "from": "Muster <muster@example.org>",
    });
    let _: Value = several.clients[0]
        .send(Method::PUT, "/config/mail", &mail)
        .await;
    smtp.stop();
    clocked.clocks[leader].ahead(DAY);
    several.log_in().await;
    let user = json!({ "name": "ada", "email": "ada@example.org", "type": "developer" });
    let _: Value = several.clients[other]
        .send(Method::POST, "/users", &user)
        .await;
    eventually("it was tried in vain", async || {
        let waiting: Page<Value> = get(&several.clients[other], "/queues/mails/messages")
            .await
            .ok()?;
        (waiting.items.first()?["attempts"].as_u64()? > 0).then_some(())
    })
    .await;
    let smtp = SmtpServer::start(&SmtpOptions::default());
    // Another host leads, whose clock is right.
    several.hosts[leader].kill();
    let mail = json!({
        "host": "127.0.0.1", "port": smtp.port(), "tls": "none",
        "from": "Muster <muster@example.org>",
    });
    let client = eventually("another host leads", async || {
        let client = sign_in(&several.clients[other]).await?;
        let put = client.request(Method::PUT, "/config/mail").json(&mail);
        put.send()
            .await
            .ok()?
            .status()
            .is_success()
            .then_some(client)
    })
    .await;
    eventually("the mail is sent", async || {
        (smtp.mails().len() == 1).then_some(())
    })
    .await;
    eventually("nothing waits any more", async || {
        let waiting: Page<Value> = get(&client, "/queues/mails/messages").await.ok()?;
        waiting.items.is_empty().then_some(())
    })
    .await;
}
