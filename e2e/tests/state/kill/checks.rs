//! What is looked at each time after the host was killed.

use muster_api::{
    apps::{App, AppDetail, Env, Rollback},
    droplets::Droplet,
    id::JobId,
    jobs::{Job, JobState},
    page::Page,
    routes::{Route, RouteAction},
};
use muster_e2e::{Client, eventually, greeting};
use reqwest::{Method, StatusCode};

use super::{
    World,
    lanes::{Apps, Content, Leads, Router, Routes, Scaled, Variables},
};

impl World {
    /// Looks at everything there is.
    pub async fn check(&mut self, client: &Client) {
        jobs(client).await;
        self.content.check(client).await;
        self.variables.check(client).await;
        self.scaled.check(client).await;
        self.routes.check(client).await;
        self.router.check(client).await;
        self.apps.check(client).await;
        serves(client, "steady.localhost", &greeting(0)).await;
    }
}

/// Every job ends, by itself.
async fn jobs(client: &Client) {
    let page: Page<Job> = client.get("/jobs?limit=500").await;
    for job in page.items {
        client.finished(&job).await;
    }
}

/// A change that was taken must have been made, host or no host.
async fn made(client: &Client, taken: Option<(JobId, String)>) -> Option<String> {
    let (id, value) = taken?;
    let job: Job = client.get(&format!("/jobs/{id}")).await;
    assert_eq!(job.state, JobState::Succeeded, "{job:#?}");
    Some(value)
}

async fn serves(client: &Client, host: &str, body: &str) {
    let answer = client.ask(host, "/").await;
    assert_eq!(answer, (StatusCode::OK, body.to_owned()), "{host}");
}

impl Content {
    async fn check(&mut self, client: &Client) {
        let (status, body) = client.ask("content.localhost", "/").await;
        assert_eq!(status, StatusCode::OK, "{body}");
        if let Some(pushed) = made(client, self.taken.take()).await {
            self.serves.acknowledged(pushed);
        }
        self.serves.found("what is served", body);
        let page: Page<Droplet> = client.get("/apps/content/droplets").await;
        let current = page.items.iter().filter(|droplet| droplet.current);
        assert_eq!(current.count(), 1, "{:#?}", page.items);
        for droplet in &page.items {
            assert!(droplet.size > 0 && !droplet.entry.is_empty(), "{droplet:?}");
        }
    }

    /// Has every droplet that is listed run once.
    pub async fn check_droplets(&mut self, client: &Client) {
        let page: Page<Droplet> = client.get("/apps/content/droplets").await;
        for droplet in page.items.into_iter().filter(|droplet| !droplet.current) {
            let to = Rollback {
                droplet: Some(droplet.id),
            };
            let path = "/apps/content/rollback";
            let job: Job = client.send(Method::POST, path, &to).await;
            let job = client.finished(&job).await;
            assert_eq!(job.state, JobState::Succeeded, "{job:#?}");
            let (status, body) = client.ask("content.localhost", "/").await;
            let pushed = (0..self.next_version).any(|version| greeting(version) == body);
            assert!(status == StatusCode::OK && pushed, "{droplet:?}: {body}");
            self.serves.acknowledged(body);
        }
    }
}

impl Variables {
    async fn check(&mut self, client: &Client) {
        let Env { env } = client.get("/apps/variables/env").await;
        assert_eq!(env["GREETING"], env["TWIN"], "half a change was made");
        if let Some(changed) = made(client, self.taken.take()).await {
            self.value.acknowledged(changed);
        }
        self.value.found("the variable", env["GREETING"].clone());
        let body = format!("{}\n", env["GREETING"]);
        serves(client, "variables.localhost", &body).await;
    }
}

impl Scaled {
    async fn check(&mut self, client: &Client) {
        let detail: AppDetail = client.get("/apps/scaled").await;
        let instances = detail.app.instances;
        self.instances.found("the number of instances", instances);
        eventually("all instances", async || {
            let detail: AppDetail = client.get("/apps/scaled").await;
            let count = u32::try_from(detail.placements.len()).ok()?;
            (detail.app.running == instances && count == instances).then_some(())
        })
        .await;
        let (status, body) = client.ask("scaled.localhost", "/").await;
        let expected = if instances == 0 {
            StatusCode::SERVICE_UNAVAILABLE
        } else {
            StatusCode::OK
        };
        assert_eq!(status, expected, "{body}");
    }
}

impl Routes {
    async fn check(&mut self, client: &Client) {
        let page: Page<Route> = client.get("/routes?limit=500").await;
        for (host, leads) in &mut self.all {
            let listed = page.items.iter().find(|route| route.host == *host);
            let led = match listed.map(|route| &route.action) {
                None => Leads::Nowhere,
                Some(RouteAction::Forward { targets }) => {
                    assert!(
                        targets.len() == 1 && targets[0].app == "steady",
                        "half a route: {targets:?}"
                    );
                    Leads::ToApp
                }
                Some(RouteAction::Redirect { .. }) => Leads::Elsewhere,
            };
            leads.found(host, led);
            let (status, _) = client.ask(host, "/").await;
            let expected = match led {
                Leads::Nowhere => StatusCode::NOT_FOUND,
                Leads::ToApp => StatusCode::OK,
                Leads::Elsewhere => StatusCode::PERMANENT_REDIRECT,
            };
            assert_eq!(status, expected, "{host}");
        }
    }
}

impl Router {
    async fn check(&mut self, client: &Client) {
        let role = client.role("router").await;
        let plugin = role.plugin.expect("a plugin plays it");
        self.digest.found("the router", plugin.digest);
    }
}

impl Apps {
    async fn check(&mut self, client: &Client) {
        let page: Page<App> = client.get("/apps?limit=500").await;
        let mut names: Vec<&str> = page.items.iter().map(|app| app.name.as_str()).collect();
        let name = self.name();
        let host = format!("{name}.localhost");
        let there = names.contains(&name.as_str());
        self.there.found(&name, there);
        if there {
            serves(client, &host, &greeting(0)).await;
        } else {
            assert_eq!(client.ask(&host, "/").await.0, StatusCode::NOT_FOUND);
            self.number += 1;
        }
        names.retain(|listed| *listed != name);
        assert_eq!(names, ["content", "scaled", "steady", "variables"]);
        let routes: Page<Route> = client.get("/routes?limit=500").await;
        let mut apps = routes.items.iter().map(|route| &route.host);
        assert!(
            apps.all(|listed| !listed.starts_with("app-") || *listed == host),
            "{:#?}",
            routes.items
        );
    }
}
