//! What is going on when the host is killed: lanes that each change one kind of
//! thing, one change after the other, until nobody answers any more.

use std::collections::BTreeMap;

use muster_api::{
    apps::{AppChange, EnvChange},
    id::{JobId, RouteId},
    jobs::{Job, JobState},
    plan::Plan,
    pushes::Push,
    routes::{NewRoute, Route},
};
use muster_e2e::{Client, greeting, hello_version, push_of};
use rand::{Rng, RngExt};
use reqwest::Method;
use serde::{Serialize, de::DeserializeOwned};
use sha2::{Digest, Sha256};
use tokio::sync::watch;

use super::model::Maybe;

/// Ends a lane: the host is gone. Says in the middle of what.
pub type Cut = Result<std::convert::Infallible, &'static str>;

/// A request that must not be refused. `doing` is what is cut off if the host
/// goes meanwhile.
pub async fn call<T: DeserializeOwned>(
    client: &Client,
    method: Method,
    path: &str,
    body: &impl Serialize,
    doing: &'static str,
) -> Result<T, &'static str> {
    let request = client.request(method, path).json(body);
    let response = request.send().await.map_err(|_| doing)?;
    let status = response.status();
    let text = response.text().await.map_err(|_| doing)?;
    assert!(status.is_success(), "{path} answered {status}: {text}");
    Ok(serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {text}: {error}")))
}

/// Follows a job to its end, telling the steps that it takes.
async fn follow(
    client: &Client,
    mut job: Job,
    steps: Option<&watch::Sender<String>>,
    doing: &'static str,
) -> Result<(), &'static str> {
    while !job.state.is_final() {
        if let Some(steps) = steps {
            steps.send_replace(job.step.clone());
        }
        let path = format!("/jobs/{}?after_lines={}", job.id, job.log.len());
        let response = client.request(Method::GET, &path).send();
        let response = response.await.map_err(|_| doing)?;
        job = response.json().await.map_err(|_| doing)?;
    }
    assert_eq!(job.state, JobState::Succeeded, "{job:#?}");
    Ok(())
}

/// Uploads a version of the sample app, unless the host goes meanwhile.
async fn upload(client: &Client, version: u32) -> Result<Push, &'static str> {
    let wasm = hello_version(version);
    let digest: [u8; 32] = Sha256::digest(&wasm).into();
    let digest = muster_api::blocks::Digest::from_bytes(&digest);
    let path = format!("/blocks/{digest}");
    let size = wasm.len() as u64;
    let put = client.request(Method::PUT, &path).body(wasm).send();
    let response = put.await.map_err(|_| "uploading")?;
    assert_eq!(response.status().as_u16(), 204);
    Ok(push_of(vec![muster_api::blocks::FileEntry {
        path: "app.wasm".to_owned(),
        size,
        blocks: vec![digest],
    }]))
}

/// An app whose content changes with every push.
pub struct Content {
    pub serves: Maybe<String>,
    pub next_version: u32,
    /// The push that was taken and had not ended.
    pub taken: Option<(JobId, String)>,
}

impl Content {
    pub async fn run(&mut self, client: &Client, steps: &watch::Sender<String>) -> Cut {
        loop {
            let version = self.next_version;
            self.next_version += 1;
            let push = upload(client, version).await?;
            self.serves.sending(greeting(version));
            let path = "/apps/content/pushes";
            let job: Job = call(client, Method::POST, path, &push, "asking for a push").await?;
            self.taken = Some((job.id, greeting(version)));
            follow(client, job, Some(steps), "pushing").await?;
            self.taken = None;
            self.serves.acknowledged(greeting(version));
        }
    }
}

/// An app with two variables that always change together.
pub struct Variables {
    pub value: Maybe<String>,
    pub next: u32,
    pub taken: Option<(JobId, String)>,
}

impl Variables {
    /// Sets both for the first time.
    pub async fn begin(&mut self, client: &Client) -> String {
        let value = "the first greeting".to_owned();
        let path = "/apps/variables/env";
        let job: Job = client.send(Method::PATCH, path, &both(&value)).await;
        let job = client.finished(&job).await;
        assert_eq!(job.state, JobState::Succeeded, "{job:#?}");
        value
    }

    pub async fn run(&mut self, client: &Client) -> Cut {
        loop {
            let value = format!("greeting {}", self.next);
            self.next += 1;
            let change = both(&value);
            self.value.sending(value.clone());
            let path = "/apps/variables/env";
            let doing = "asking for a change of variables";
            let job: Job = call(client, Method::PATCH, path, &change, doing).await?;
            self.taken = Some((job.id, value.clone()));
            follow(client, job, None, "changing variables").await?;
            self.taken = None;
            self.value.acknowledged(value);
        }
    }
}

fn both(value: &str) -> EnvChange {
    let both = ["GREETING", "TWIN"].map(|name| (name.to_owned(), value.to_owned()));
    EnvChange {
        set: BTreeMap::from(both),
        ..EnvChange::default()
    }
}

/// An app whose number of instances changes.
pub struct Scaled {
    pub instances: Maybe<u32>,
}

impl Scaled {
    pub async fn run(&mut self, client: &Client, mut rng: impl Rng) -> Cut {
        loop {
            let instances = rng.random_range(0..=3);
            let change = AppChange {
                instances: Some(instances),
                ..AppChange::default()
            };
            self.instances.sending(instances);
            let doing = "asking for a scale";
            let job: Job = call(client, Method::PATCH, "/apps/scaled", &change, doing).await?;
            // It is the wish that is acknowledged here.
            self.instances.acknowledged(instances);
            follow(client, job, None, "scaling").await?;
        }
    }
}

/// Where a route leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leads {
    Nowhere,
    ToApp,
    Elsewhere,
}

/// Routes that come and go.
pub struct Routes {
    pub all: BTreeMap<String, Maybe<Leads>>,
}

impl Routes {
    pub async fn run(&mut self, client: &Client, mut rng: impl Rng) -> Cut {
        let hosts: Vec<String> = self.all.keys().cloned().collect();
        loop {
            let host = &hosts[rng.random_range(0..hosts.len())];
            let entry = self.all.entry(host.clone());
            let leads = entry.or_insert_with(|| Maybe::sure(Leads::Nowhere));
            if *leads.known() == Leads::Nowhere {
                let to_app: bool = rng.random();
                let new = NewRoute {
                    project: None,
                    route: host.clone(),
                    app: to_app.then(|| "steady".to_owned()),
                    redirect: (!to_app).then(|| "/elsewhere".to_owned()),
                    ..NewRoute::default()
                };
                let led = if to_app {
                    Leads::ToApp
                } else {
                    Leads::Elsewhere
                };
                leads.sending(led);
                let doing = "adding a route";
                let _: Route = call(client, Method::POST, "/routes", &new, doing).await?;
                leads.acknowledged(led);
            } else {
                let id = route_id(client, host).await?;
                leads.sending(Leads::Nowhere);
                let (path, doing) = (format!("/routes/{id}"), "removing a route");
                let _: Plan = call(client, Method::DELETE, &path, &(), doing).await?;
                leads.acknowledged(Leads::Nowhere);
            }
        }
    }
}

async fn route_id(client: &Client, host: &str) -> Result<RouteId, &'static str> {
    let doing = "listing routes";
    let response = client.request(Method::GET, "/routes?limit=500").send();
    let response = response.await.map_err(|_| doing)?;
    let page: muster_api::page::Page<Route> = response.json().await.map_err(|_| doing)?;
    let found = page.items.into_iter().find(|route| route.host == host);
    Ok(found.unwrap_or_else(|| panic!("{host} is lost")).id)
}

/// The router role, played by one plugin after another.
pub struct Router {
    /// The digests of the plugins, and what to send for them.
    pub plugins: Vec<(String, Option<Vec<u8>>)>,
    pub digest: Maybe<String>,
}

impl Router {
    pub async fn run(&mut self, client: &Client, mut rng: impl Rng) -> Cut {
        loop {
            let (digest, component) = &self.plugins[rng.random_range(0..self.plugins.len())];
            self.digest.sending(digest.clone());
            let put = client.request(Method::PUT, "/roles/router");
            let put = put.body(component.clone().unwrap_or_default()).send();
            let response = put.await.map_err(|_| "adding a role")?;
            let status = response.status();
            let text = response.text().await.map_err(|_| "adding a role")?;
            assert!(status.is_success(), "{status}: {text}");
            self.digest.acknowledged(digest.clone());
        }
    }
}

/// Apps that are pushed for the first time, and deleted again.
pub struct Apps {
    /// The number of the app that may be there, and whether it is.
    pub number: u32,
    pub there: Maybe<bool>,
}

impl Apps {
    pub fn name(&self) -> String {
        format!("app-{}", self.number)
    }

    pub async fn run(&mut self, client: &Client) -> Cut {
        loop {
            if *self.there.known() {
                self.there.sending(false);
                let path = format!("/apps/{}", self.name());
                let doing = "deleting an app";
                let _: Plan = call(client, Method::DELETE, &path, &(), doing).await?;
                self.there.acknowledged(false);
                self.number += 1;
            }
            let push = upload(client, 0).await?;
            self.there.sending(true);
            let path = format!("/apps/{}/pushes", self.name());
            let doing = "asking for an app";
            let job: Job = call(client, Method::POST, &path, &push, doing).await?;
            self.there.acknowledged(true);
            follow(client, job, None, "making an app").await?;
        }
    }
}
