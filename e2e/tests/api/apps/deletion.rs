//! What goes with an app.

use muster_api::{page::Page, plan::Plan, routes::Route};
use muster_e2e::{Host, everything, guest, refuse};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{show, until_answers};

#[tokio::test]
async fn a_deletion_is_shown_first_and_takes_all_along() {
    let host = Host::start().await;
    let client = host.client().await;
    client.push_component("shop", &guest("hello")).await;
    client.push_component("other", &guest("hello")).await;
    for app in ["shop", "other"] {
        let new = json!({ "route": "shared.test", "app": app });
        let _: Route = client.send(Method::POST, "/routes", &new).await;
    }
    let before = everything(&client).await;
    let path = "/apps/shop?dry_run=true";
    let plan: Plan = client.send(Method::DELETE, path, &Value::Null).await;
    let told = [
        "the app shop",
        "1 instance and 1 droplet",
        "its share of the route shared.test/",
        "the route shop.localhost/",
    ];
    let mut removes = plan.removes.clone();
    removes[2..].sort();
    assert_eq!(
        (removes, plan.done),
        (told.map(str::to_owned).to_vec(), false)
    );
    assert_eq!(everything(&client).await, before);

    let gone: Plan = client
        .send(Method::DELETE, "/apps/shop", &Value::Null)
        .await;
    assert_eq!((gone.removes, gone.done), (plan.removes, true));
    refuse(
        client.request(Method::GET, "/apps/shop"),
        404,
        "app-not-found",
    )
    .await;
    refuse(
        client.request(Method::DELETE, "/apps/shop"),
        404,
        "app-not-found",
    )
    .await;
    let routes: Page<Route> = client.get("/routes").await;
    let left: Vec<_> = routes
        .items
        .iter()
        .map(|route| route.host.as_str())
        .collect();
    assert_eq!(left, ["other.localhost", "shared.test"]);

    // The data path follows: what was shared is the other's alone.
    until_answers(&client, "shop.localhost", StatusCode::NOT_FOUND, "").await;
    for _ in 0..10 {
        assert_eq!(client.ask("shared.test", "/").await.0, StatusCode::OK);
    }

    // A new app of that name has nothing of the old one.
    client.push_component("shop", &guest("hello")).await;
    let app = show(&client, "shop").await.app;
    assert_eq!(app.release, Some(1));
    let droplets: Value = client.get("/apps/shop/droplets").await;
    assert_eq!(droplets["items"].as_array().map(Vec::len), Some(1));
}
