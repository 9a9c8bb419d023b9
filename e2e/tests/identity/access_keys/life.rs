//! How keys end and are replaced; the key of the host itself.

use std::{fs, os::unix::fs::PermissionsExt};

use muster_api::{
    keys::{
        AccessKey, INTERNAL_KEY, INTERNAL_KEY_FILE, KeyRotation, KeyState, KeyWithSecret, LocalKey,
    },
    page::Page,
    plan::Plan,
    units::Millis,
    users::Profile,
};
use muster_e2e::{Host, refuse};
use reqwest::Method;
use serde_json::json;

use super::{denied, make, named};

#[tokio::test]
async fn a_rotation_ends_the_old_secret_at_once_or_later() {
    let host = Host::start().await;
    let client = host.client().await;
    let first = make(&client, &named("rotated")).await;
    let id = &first.key.id;
    let old = client.with_key(id, &first.secret).await;
    let path = format!("/self/keys/{id}/actions/rotate");

    // A key can rotate itself. The overlap lets whoever uses it change over.
    let overlap = KeyRotation {
        overlap: Some(Millis(3_600_000)),
    };
    let second: KeyWithSecret = old.send(Method::POST, &path, &overlap).await;
    assert!(second.key.previous_until.is_some());
    assert_ne!(second.secret, first.secret);
    let _: Profile = old.get("/self").await;
    for secret in [&first.secret, &second.secret] {
        let _: Profile = client.with_key(id, secret).await.get("/self").await;
    }

    // Without one, tokens that the old secrets bought end too.
    let current = client.with_key(id, &second.secret).await;
    let third: KeyWithSecret = client
        .send(Method::POST, &path, &KeyRotation::default())
        .await;
    assert_eq!(third.key.previous_until, None);
    for keyed in [&old, &current] {
        refuse(keyed.request(Method::GET, "/self"), 401, "unauthorized").await;
    }
    for secret in [&first.secret, &second.secret] {
        denied(&client, id, secret, "", "invalid_client").await;
    }
    let _: Profile = client.with_key(id, &third.secret).await.get("/self").await;
    let long = KeyRotation {
        overlap: Some(Millis(8 * 86_400_000)),
    };
    let request = client.request(Method::POST, &path).json(&long);
    refuse(request, 422, "invalid-request").await;
}

#[tokio::test]
async fn keys_that_have_ended_leave_room_for_others() {
    let host = Host::start().await;
    let client = host.client().await;
    let mut keys = Vec::new();
    for _ in 0..200 {
        keys.push(make(&client, &named("one of many")).await.key.id);
    }
    let more = client.request(Method::POST, "/self/keys");
    refuse(more.json(&named("more")), 409, "too-many-keys").await;
    for id in &keys[..2] {
        let path = format!("/self/keys/{id}");
        let _: Plan = client.send(Method::DELETE, &path, &json!({})).await;
    }
    make(&client, &named("more")).await;
    let gone = client.request(Method::GET, &format!("/self/keys/{}", keys[0]));
    refuse(gone, 404, "key-not-found").await;
    let kept: AccessKey = client.get(&format!("/self/keys/{}", keys[1])).await;
    assert_eq!(kept.state, KeyState::Revoked);
}

#[tokio::test]
async fn the_hosts_own_key_is_there_for_good() {
    let mut host = Host::start().await;
    let client = host.client().await;
    let first = local(&host);
    assert_eq!((first.id.as_str(), &first.url), (INTERNAL_KEY, &host.url()));
    let inside = client.with_key(&first.id, &first.secret).await;
    let all: Page<AccessKey> = inside.get("/keys").await;
    assert!(all.items.iter().any(|key| key.internal));
    refuse(inside.request(Method::GET, "/self/keys"), 403, "no-user").await;
    let create = inside.request(Method::POST, "/self/keys");
    refuse(create.json(&named("x")), 403, "no-user").await;

    for terms in ["", "?dry_run=true"] {
        let revoke = client.request(Method::DELETE, &format!("/keys/{INTERNAL_KEY}{terms}"));
        refuse(revoke, 409, "key-is-internal").await;
    }
    let path = format!("/keys/{INTERNAL_KEY}/actions/rotate");
    let second: KeyWithSecret = client.send(Method::POST, &path, &json!({})).await;
    assert_eq!(local(&host).secret, second.secret);
    refuse(inside.request(Method::GET, "/keys"), 401, "unauthorized").await;

    // It survives a restart; a file that is lost or wrong is made anew.
    host.kill_and_restart();
    host.wait_ready().await;
    assert_eq!(local(&host).secret, second.secret);
    for content in [
        None,
        Some("nonsense"),
        Some(r#"{"id":"cliapp","secret":"x","url":"u"}"#),
    ] {
        let path = host.data_dir().join(INTERNAL_KEY_FILE);
        match content {
            None => fs::remove_file(path).unwrap(),
            Some(content) => fs::write(path, content).unwrap(),
        }
        host.kill_and_restart();
        host.wait_ready().await;
        let key = local(&host);
        assert_ne!(key.secret, second.secret);
        let keyed = client.with_key(&key.id, &key.secret).await;
        let _: Page<AccessKey> = keyed.get("/keys").await;
    }
    denied(&client, INTERNAL_KEY, &second.secret, "", "invalid_client").await;
}

fn local(host: &Host) -> LocalKey {
    let path = host.data_dir().join(INTERNAL_KEY_FILE);
    let mode = fs::metadata(&path).expect("a file").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    serde_json::from_slice(&fs::read(path).expect("a file")).expect("a key")
}
