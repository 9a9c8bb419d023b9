//! What the leader of a group settles counts on every host of it.

use std::fs;

use http::Method;
use muster_api::{
    config::SectionView,
    hosts::{Applied, LinkedHost},
    links::{Link, LinkTokenSecret},
    page::Page,
    status::Info,
};
use muster_e2e::{Client, eventually, named_host, refuse};
use serde_json::{Value, json};

/// A value that must not be seen anywhere.
const SECRET: &str = "correct-horse-battery";

async fn set(client: &Client, section: &str, values: Value) {
    let path = format!("/config/{section}");
    let _: SectionView = client.send(Method::PUT, &path, &values).await;
}

async fn min_length(client: &Client) -> (Value, Option<String>) {
    let view: SectionView = client.get("/config/passwords").await;
    (view.values["min_length"].clone(), view.leader)
}

async fn counts(client: &Client, length: u32, leader: Option<&str>) {
    eventually("the settings to count", async || {
        let found = min_length(client).await;
        (found == (json!(length), leader.map(str::to_owned))).then_some(())
    })
    .await;
}

async fn applied(leader: &Client, name: &str, wanted: Applied) {
    eventually("what each host has applied", async || {
        let all: Page<LinkedHost> = leader.get("/hosts").await;
        let host = all.items.into_iter().find(|it| it.name == name)?;
        (host.applied == wanted).then_some(())
    })
    .await;
}

#[tokio::test]
async fn what_the_leader_settles_counts_everywhere() {
    let (mut leading, leader) = named_host("north").await;
    let (mut following, follower) = named_host("south").await;
    set(&follower, "passwords", json!({ "min_length": 21 })).await;
    set(&leader, "passwords", json!({ "min_length": 17 })).await;
    let mail = json!({ "host": "mail.example", "from": "muster@example.org", "user": "muster", "password": SECRET });
    set(&leader, "mail", mail).await;

    let token = leader.link_token().await.token;
    let joined = follower.joining(&token).send().await.expect("an answer");
    assert!(joined.status().is_success(), "{joined:?}");
    counts(&follower, 17, Some("north")).await;
    applied(&leader, "south", Applied::Current).await;
    applied(&leader, "north", Applied::Current).await;

    // A change arrives by itself, and so does going back to the defaults.
    set(&leader, "passwords", json!({ "min_length": 18 })).await;
    counts(&follower, 18, Some("north")).await;
    applied(&leader, "south", Applied::Current).await;
    let mail: SectionView = follower.get("/config/mail").await;
    assert_eq!(mail.values["password"], "********");
    assert_eq!(mail.values["host"], "mail.example");

    // A follower settles what is its own alone.
    let passwords = follower
        .request(Method::PUT, "/config/passwords")
        .json(&json!({ "min_length": 8 }));
    let told = refuse(passwords, 409, "host-follows").await;
    assert!(told.detail.contains("north"), "{told:?}");
    let reset = follower.request(Method::DELETE, "/config/mail");
    refuse(reset, 409, "host-follows").await;
    let own = json!({ "public_url": "https://south.example" });
    set(&follower, "management", own).await;
    let own: SectionView = leader.get("/config/management").await;
    assert!(own.values["public_url"].is_null(), "{own:?}");

    // They count after a restart without the leader, and are kept sealed.
    leading.kill();
    following.kill_and_restart();
    following.wait_ready().await;
    let follower = following.client().await;
    counts(&follower, 18, Some("north")).await;
    for file in fs::read_dir(following.data_dir()).expect("the data directory") {
        let file = file.expect("an entry").path();
        let bytes = fs::read(&file).unwrap_or_default();
        let found = bytes
            .windows(SECRET.len())
            .any(|it| it == SECRET.as_bytes());
        assert!(!found, "{} has the password", file.display());
    }

    // What the host has settled itself counts again once it is by itself.
    let abandon = json!({ "abandon": true });
    let left = follower
        .request(Method::POST, "/link/actions/leave")
        .json(&abandon);
    let left = left.send().await.expect("an answer");
    assert!(left.status().is_success(), "{left:?}");
    counts(&follower, 21, None).await;
    set(&follower, "passwords", json!({ "min_length": 22 })).await;
}

#[tokio::test]
async fn a_host_has_the_roles_that_it_was_linked_for() {
    let (_leading, leader) = named_host("north").await;
    let names = async |client: &Client| {
        let info: Info = client.get("/info").await;
        info.roles
    };
    // The token says what for, unless whoever joins does.
    for (name, join, expected) in [
        ("south", json!({}), vec!["base", "controller", "dea"]),
        (
            "west",
            json!({ "roles": ["router", "stager"] }),
            vec!["base", "controller", "router", "stager"],
        ),
    ] {
        let (_following, follower) = named_host(name).await;
        let new = json!({ "roles": ["dea"] });
        let token: LinkTokenSecret = leader.send(Method::POST, "/link-tokens", &new).await;
        let odd = json!({ "token": token.token, "roles": ["baker"] });
        let odd = follower
            .request(Method::POST, "/link/actions/join")
            .json(&odd);
        refuse(odd, 422, "invalid-request").await;
        let mut join = join;
        join["token"] = json!(token.token);
        let _: Link = follower
            .send(Method::POST, "/link/actions/join", &join)
            .await;
        eventually("the one primary to be the leader's", async || {
            (names(&follower).await == expected).then_some(())
        })
        .await;
        let elsewhere: Info = follower.get("/info").await;
        assert_eq!(elsewhere.elsewhere["primary"], ["north"]);
        assert!(names(&leader).await.iter().any(|role| role == "primary"));
        let plugins = expected
            .into_iter()
            .filter(|it| !["base", "controller"].contains(it));
        let plugins: Vec<_> = plugins.map(str::to_owned).collect();
        eventually("the leader to know its roles", async || {
            let host = leader.linked_host(name).await?;
            (host.about.roles == plugins).then_some(())
        })
        .await;
        let _: Link = follower
            .send(Method::POST, "/link/actions/leave", &json!({}))
            .await;
        eventually("a primary of its own", async || {
            let own = names(&follower).await;
            own.iter().any(|role| role == "primary").then_some(())
        })
        .await;
    }
}
