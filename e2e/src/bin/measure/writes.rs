//! Changes one after the other by several clients at once, each to a thing of its
//! own: a row, its entry in the audit log, and its event, in one transaction.

use std::{
    env,
    net::{Ipv4Addr, SocketAddr},
    process,
    time::{Duration, Instant},
};

use http::Method;
use muster_api::projects::Project;
use muster_e2e::{Client, simulated::Failure};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::quantile;

pub async fn measure(url: &str, lasting: Duration, clients: usize) -> Result<Value, Failure> {
    let password = env::var("MUSTER_PASSWORD")?;
    // Apps are not asked.
    let apps = SocketAddr::from((Ipv4Addr::LOCALHOST, 9));
    let client = Client::login_as(url, apps, "admin", &password).await;
    // Those of an earlier call are there still.
    let prefix = format!("shop-{}", process::id());
    for number in 0..clients {
        let new = json!({ "name": format!("{prefix}-{number}") });
        let _: Project = client.send(Method::POST, "/projects", &new).await;
    }
    let began = Instant::now();
    let mut writing = JoinSet::new();
    for number in 0..clients {
        let (client, path) = (client.clone(), format!("/projects/{prefix}-{number}"));
        writing.spawn(async move {
            let mut took = Vec::new();
            while began.elapsed() < lasting {
                let change = json!({ "description": format!("change {}", took.len()) });
                let asked = Instant::now();
                let _: Project = client.send(Method::PATCH, &path, &change).await;
                took.push(asked.elapsed());
            }
            took
        });
    }
    let mut took: Vec<_> = writing.join_all().await.into_iter().flatten().collect();
    let rate = took.len() as f64 / began.elapsed().as_secs_f64();
    took.sort();
    Ok(json!({
        "rate": rate,
        "p50_ms": quantile(&took, 0.5),
        "p99_ms": quantile(&took, 0.99),
    }))
}
