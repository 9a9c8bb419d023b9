//! Hosts that join, and then do what keeps them members: say hello every two
//! seconds, each over a connection of its own, and wait for news all the time.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use muster_e2e::simulated::{Failure, SimulatedHost};
use muster_peering::membership::presence::HEARTBEAT;
use serde_json::{Value, json};
use tokio::{
    sync::mpsc,
    task::JoinSet,
    time::{Instant, MissedTickBehavior, interval_at, sleep_until},
};

use super::quantile;

/// How many join at once: as many as a person with a script would let.
const JOINING: usize = 8;

/// Has a host join for each link token, which it tells in a line of its own, and
/// then counts for so long.
pub async fn measure(os: &str, lasting: Duration) -> Result<Value, Failure> {
    let began = Instant::now();
    let hosts = join(os).await?;
    let joined = began.elapsed();
    println!("{}", json!({ "joined_s": joined.as_secs_f64() }));
    let (count, lost) = (hosts.len(), Arc::new(AtomicUsize::new(0)));
    let start = Instant::now();
    let mut beating = JoinSet::new();
    for (place, host) in (0u32..).zip(hosts) {
        // Real hosts do not start at the same moment.
        let first = start + HEARTBEAT * place / u32::try_from(count)?;
        let mut ear = host.ear();
        let lost = Arc::clone(&lost);
        beating.spawn(async move {
            sleep_until(first).await;
            let listening = tokio::spawn(async move {
                while ear.listen().await.is_ok() {}
                lost.fetch_add(1, Ordering::Relaxed);
            });
            let beats = beat(&host, first, lasting).await;
            listening.abort();
            beats
        });
    }
    let (mut took, mut failed) = (Vec::new(), Vec::new());
    while let Some(beats) = beating.join_next().await {
        for beat in beats? {
            match beat {
                Ok(time) => took.push(time),
                Err(error) => failed.push(error.to_string()),
            }
        }
    }
    took.sort();
    Ok(json!({
        "hosts": count,
        "lasted_s": start.elapsed().as_secs_f64(),
        "answered": took.len(),
        "failed": failed.len(),
        "first_failure": failed.first(),
        "deaf": lost.load(Ordering::Relaxed),
        "p50_ms": quantile(&took, 0.5),
        "p99_ms": quantile(&took, 0.99),
        "longest_ms": quantile(&took, 1.0),
    }))
}

async fn join(os: &str) -> Result<Vec<SimulatedHost>, Failure> {
    let (give, mut tokens) = mpsc::unbounded_channel();
    thread::spawn(move || {
        let mut lines = io::stdin().lines().map_while(Result::ok);
        lines.all(|token| give.send(token).is_ok())
    });
    let (mut hosts, mut joining) = (Vec::new(), JoinSet::new());
    let mut number = 0;
    while let Some(token) = tokens.recv().await {
        number += 1;
        let (name, os) = (format!("simulated-{number}"), os.to_owned());
        joining.spawn(async move { SimulatedHost::join(&token, &name, &os).await });
        if joining.len() == JOINING
            && let Some(host) = joining.join_next().await
        {
            hosts.push(host??);
        }
    }
    while let Some(host) = joining.join_next().await {
        hosts.push(host??);
    }
    Ok(hosts)
}

async fn beat(
    host: &SimulatedHost,
    first: Instant,
    lasting: Duration,
) -> Vec<Result<Duration, Failure>> {
    let mut beats = Vec::new();
    let mut ticks = interval_at(first, HEARTBEAT);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while first.elapsed() < lasting {
        ticks.tick().await;
        beats.push(host.hello().await);
    }
    beats
}
