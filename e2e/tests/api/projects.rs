//! Projects, quotas and access roles, as far as one admin sees them. Who may do
//! what is tested beside the rules.

use muster_api::{
    access::{AccessBinding, AccessRole, PermissionEntry},
    apps::App,
    jobs::Job,
    page::Page,
    permissions::Permission,
    plan::Plan,
    projects::{Member, Project, ProjectState},
    pushes::Push,
    quotas::{Quota, Resource, Usage},
};
use muster_e2e::{Client, Host, guest, push_of, refuse};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

async fn make(client: &Client, name: &str) -> Project {
    client
        .send(Method::POST, "/projects", &json!({ "name": name }))
        .await
}

async fn hello_in(client: &Client, project: &str) -> Push {
    Push {
        project: Some(project.to_owned()),
        ..push_of(vec![client.upload("app.wasm", &guest("hello")).await])
    }
}

fn used(usage: &Page<Usage>, resource: Resource) -> (u64, u64) {
    let found = usage.items.iter().find(|one| one.resource == resource);
    found.map_or((0, 0), |one| (one.used, one.reserved))
}

#[tokio::test]
async fn a_project_has_a_life() {
    let host = Host::start().await;
    let client = host.client().await;
    let shop = make(&client, "shop").await;
    assert_eq!(shop.state, ProjectState::Active);
    let members: Page<Member> = client.get("/projects/shop/members").await;
    assert_eq!(members.items.len(), 1);
    let again = client.request(Method::POST, "/projects");
    refuse(again.json(&json!({"name": "shop"})), 409, "exists-already").await;
    for (body, field) in [
        (json!({"name": "No"}), "name"),
        (
            json!({"name": "a", "description": "x".repeat(2000)}),
            "description",
        ),
        (json!({"name": "a", "owner": "nobody"}), "owner"),
    ] {
        let request = client.request(Method::POST, "/projects").json(&body);
        let problem = refuse(request, 422, "invalid-request").await;
        assert_eq!(problem.fields[0].field, field);
    }
    for body in [
        json!({"name": "a", "personal": true}),
        json!({"name": "a", "state": "active"}),
    ] {
        let request = client.request(Method::POST, "/projects").json(&body);
        refuse(request, 422, "invalid-request").await;
    }

    let push = hello_in(&client, "shop").await;
    let job = client.push("till", &push).await;
    assert!(job.problem.is_none(), "{job:?}");
    let app: App = client.get("/apps/till").await;
    assert_eq!(app.project, "shop");

    // Suspended, nothing is added or started; what runs goes on.
    let _: Plan = client
        .send(Method::POST, "/projects/shop/actions/suspend", &json!({}))
        .await;
    let push_again = client
        .request(Method::POST, "/apps/till/pushes")
        .json(&push);
    refuse(push_again, 409, "project-suspended").await;
    let other = client
        .request(Method::POST, "/apps/other/pushes")
        .json(&push);
    refuse(other, 409, "project-suspended").await;
    refuse(
        client.request(Method::GET, "/apps/other"),
        404,
        "app-not-found",
    )
    .await;
    for action in ["start", "restart"] {
        let path = format!("/apps/till/actions/{action}");
        refuse(
            client.request(Method::POST, &path),
            409,
            "project-suspended",
        )
        .await;
    }
    let route = json!({"route": "till.test", "app": "till"});
    let request = client.request(Method::POST, "/routes").json(&route);
    refuse(request, 409, "project-suspended").await;
    let (status, _) = client.ask("till.localhost", "/").await;
    assert_eq!(status, StatusCode::OK);
    let _: Plan = client
        .send(Method::POST, "/projects/shop/actions/resume", &json!({}))
        .await;

    // The app goes home, and the project with nothing in it goes for good.
    let delete = client.request(Method::DELETE, "/projects/shop");
    refuse(delete, 409, "project-not-empty").await;
    let plan: Plan = client
        .send(
            Method::POST,
            "/apps/till/actions/move",
            &json!({"project": "admin"}),
        )
        .await;
    assert!(plan.done && plan.changes.len() == 2, "{plan:?}");
    let app: App = client.get("/apps/till").await;
    assert_eq!(app.project, "admin");
    let delete = client.request(Method::DELETE, "/projects/shop");
    assert_eq!(delete.send().await.unwrap().status(), StatusCode::OK);
    refuse(
        client.request(Method::GET, "/projects/shop"),
        404,
        "project-not-found",
    )
    .await;
    let delete = client.request(Method::DELETE, "/projects/admin");
    refuse(delete, 409, "project-is-personal").await;
}

#[tokio::test]
async fn twenty_pushes_at_once_do_not_overrun_a_quota_of_three() {
    let host = Host::start().await;
    let client = host.client().await;
    make(&client, "shop").await;
    let limit = json!({"project": "shop", "resource": "apps", "limit": 3});
    let quota: Quota = client.send(Method::PUT, "/quotas", &limit).await;
    let push = hello_in(&client, "shop").await;
    let all = (0..20).map(|number| {
        let path = format!("/apps/app-{number}/pushes");
        client.request(Method::POST, &path).json(&push).send()
    });
    let mut accepted = Vec::new();
    for reply in futures::future::try_join_all(all).await.unwrap() {
        if reply.status() == StatusCode::ACCEPTED {
            let job: Job = reply.json().await.unwrap();
            accepted.push(job);
            continue;
        }
        let problem = muster_e2e::refused(reply, 413, "over-quota").await;
        let over = problem.quota.expect("what there is too much of");
        assert_eq!(
            (over.resource, over.project.as_str()),
            (Resource::Apps, "shop")
        );
        assert_eq!((over.used, over.asked, over.allowed), (3, 1, 3));
    }
    assert_eq!(accepted.len(), 3);
    for job in &accepted {
        assert!(client.finished(job).await.problem.is_none());
    }
    // What was reserved is used now, and nothing is held any more.
    let usage: Page<Usage> = client.get("/projects/shop/usage").await;
    for resource in [Resource::Apps, Resource::Instances, Resource::Routes] {
        assert_eq!(used(&usage, resource), (3, 0), "{resource}");
    }

    // Memory: scaling, pushing and starting count alike.
    let memory = used(&usage, Resource::Memory).0;
    let limit = json!({"project": "shop", "resource": "memory", "limit": memory});
    let _: Quota = client.send(Method::PUT, "/quotas", &limit).await;
    let app = &accepted[0].subject;
    let scale = client.request(Method::PATCH, &format!("/apps/{app}"));
    refuse(scale.json(&json!({"instances": 2})), 413, "over-quota").await;
    let more = Push {
        instances: Some(2),
        ..push.clone()
    };
    let request = client.request(Method::POST, &format!("/apps/{app}/pushes"));
    refuse(request.json(&more), 413, "over-quota").await;
    let stopped: Job = client
        .send(
            Method::POST,
            &format!("/apps/{app}/actions/stop"),
            &json!({}),
        )
        .await;
    client.finished(&stopped).await;
    let other = &accepted[1].subject;
    let scaled: Job = client
        .send(
            Method::PATCH,
            &format!("/apps/{other}"),
            &json!({"instances": 2}),
        )
        .await;
    assert!(client.finished(&scaled).await.problem.is_none());
    let start = client.request(Method::POST, &format!("/apps/{app}/actions/start"));
    refuse(start, 413, "over-quota").await;

    // A failed push lets go of what it held.
    let broken = push_of(vec![client.upload("app.wasm", b"nothing").await]);
    let limit = json!({"project": "shop", "resource": "disk", "limit": 1_u64 << 40});
    let _: Quota = client.send(Method::PUT, "/quotas", &limit).await;
    let job = client
        .push(
            app,
            &Push {
                no_start: true,
                ..broken
            },
        )
        .await;
    assert!(job.problem.is_some());
    let usage: Page<Usage> = client.get("/projects/shop/usage").await;
    assert!(usage.items.iter().all(|one| one.reserved == 0), "{usage:?}");

    // What runs is brought within a quota only when told, and told before.
    let limit = json!({"project": "shop", "resource": "memory", "limit": memory / 3});
    let _: Quota = client.send(Method::PUT, "/quotas", &limit).await;
    let usage: Page<Usage> = client.get("/projects/shop/usage").await;
    let plan: Plan = client
        .send(
            Method::POST,
            "/quotas/actions/enforce?dry_run=true",
            &json!({}),
        )
        .await;
    assert!(!plan.done && !plan.changes.is_empty(), "{plan:?}");
    let again: Page<Usage> = client.get("/projects/shop/usage").await;
    assert_eq!(again, usage);
    let done: Plan = client
        .send(Method::POST, "/quotas/actions/enforce", &json!({}))
        .await;
    assert_eq!(done.changes, plan.changes);
    let usage: Page<Usage> = client.get("/projects/shop/usage").await;
    assert!(used(&usage, Resource::Memory).0 <= memory / 3, "{usage:?}");

    let unset = client.request(Method::DELETE, &format!("/quotas/{}", quota.id));
    assert_eq!(unset.send().await.unwrap().status(), StatusCode::OK);
    let fourth = client
        .push(
            "fourth",
            &Push {
                no_start: true,
                ..push
            },
        )
        .await;
    assert!(fourth.problem.is_none(), "{fourth:?}");
}

#[tokio::test]
async fn access_roles_are_made_and_given() {
    let host = Host::start().await;
    let client = host.client().await;
    let all: Page<PermissionEntry> = client.get("/permissions").await;
    assert_eq!(all.items.len(), Permission::ALL.len());
    let new = json!({"name": "auditor", "permissions": ["audit:read"]});
    let made: AccessRole = client.send(Method::POST, "/access-roles", &new).await;
    assert!(!made.built_in);
    let roles: Page<AccessRole> = client.get("/access-roles").await;
    assert!(
        roles
            .items
            .iter()
            .any(|role| role.name == "admin" && role.built_in)
    );
    let again = client.request(Method::POST, "/access-roles").json(&new);
    refuse(again, 409, "exists-already").await;
    let change = client.request(Method::PATCH, "/access-roles/admin");
    refuse(
        change.json(&json!({"permissions": ["app:read"]})),
        409,
        "access-role-builtin",
    )
    .await;
    for (body, field) in [
        (json!({"name": "x", "permissions": []}), "permissions"),
        (json!({"name": "X", "permissions": ["app:read"]}), "name"),
    ] {
        let request = client.request(Method::POST, "/access-roles").json(&body);
        let problem = refuse(request, 422, "invalid-request").await;
        assert_eq!(problem.fields[0].field, field);
    }
    let give = json!({"user": "admin", "role": "auditor"});
    let given: AccessBinding = client.send(Method::POST, "/access-bindings", &give).await;
    let delete = client.request(Method::DELETE, "/access-roles/auditor");
    refuse(delete, 409, "access-role-in-use").await;
    let listed: Page<AccessBinding> = client.get("/access-bindings?user=admin").await;
    assert_eq!(listed.items, std::slice::from_ref(&given));
    let wrong = client.request(Method::GET, "/access-bindings?user=nobody");
    refuse(wrong, 404, "user-not-found").await;
    let take = client.request(Method::DELETE, &format!("/access-bindings/{}", given.id));
    assert_eq!(take.send().await.unwrap().status(), StatusCode::OK);
    let take = client.request(Method::DELETE, &format!("/access-bindings/{}", given.id));
    refuse(take, 404, "access-binding-not-found").await;
    let gone: Value = client
        .request(Method::DELETE, "/access-roles/auditor")
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(gone["done"], true);
}
