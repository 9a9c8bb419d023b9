//! `muster config` and `muster token`.

use std::fs;

use tempfile::TempDir;

use crate::person::logged_in;

#[tokio::test]
async fn sections_are_explained_and_reset_after_a_question() {
    let (_host, _client, person) = logged_in().await;
    let shown = person.run("config show mail").good();
    for told in ["ca_file is not set", "host=", "password"] {
        assert!(shown.contains(told), "{told}: {shown}");
    }
    person.run("config set passwords min_length=17").good();
    let shown = person.run("config show passwords").good();
    let line = shown.lines().find(|line| line.starts_with("min_length"));
    let line = line.unwrap_or_default();
    assert!(line.starts_with("min_length=17 (unless set: "), "{shown}");
    // Each key comes with a sentence of its own.
    let keys = shown.lines().filter(|line| line.contains('=')).count();
    let meanings = shown.lines().filter(|line| line.starts_with("  ")).count();
    assert!(keys > 4 && meanings >= keys, "{shown}");
    // To programs it is the section alone.
    let section = person.json("config show passwords");
    assert_eq!(section["values"]["min_length"], 17);
    assert!(section.get("keys").is_none(), "{section}");

    let plan = person.run("config reset passwords --dry-run").good();
    assert!(plan.contains("min_length: 17 → "), "{plan}");
    person.run("config reset passwords").bad(6);
    assert_eq!(person.json("config show passwords")["is_set"], true);
    person.run("config reset passwords --yes").good();
    assert_eq!(person.json("config show passwords")["is_set"], false);
}

#[tokio::test]
async fn a_bundle_of_settings_is_applied_whole_or_not_at_all() {
    let (_host, _client, person) = logged_in().await;
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().display();
    let write = |name: &str, text: &str| {
        fs::write(folder.path().join(name), text).expect("it is written");
    };
    write("passwords.toml", "min_length = 17\n");
    write("tokens.json", r#"{ "acces_lifetime": "1m" }"#);
    let put = format!("bundle put site {path} --kind settings");
    person.run(&put).good();
    let told = person.run("config apply site").bad(1);
    assert!(told.contains("acces_lifetime"), "{told}");
    assert!(told.contains("tokens.json"), "{told}");
    assert_eq!(person.json("config show passwords")["is_set"], false);

    write("tokens.json", "{}");
    person.run(&format!("{put} --replace")).good();
    let plan = person.run("config apply site --dry-run").good();
    assert!(plan.contains("passwords: min_length: "), "{plan}");
    assert_eq!(person.json("config show passwords")["is_set"], false);
    person.run("config apply site").good();
    let section = person.json("config show passwords");
    assert_eq!(section["values"]["min_length"], 17);

    person.run(&format!("bundle put other {path}")).good();
    let told = person.run("config apply other").bad(2);
    assert!(told.contains("holds no settings"), "{told}");
}

#[tokio::test]
async fn a_token_is_looked_at_and_ended() {
    let (host, client, mut person) = logged_in().await;
    let key = person.json("key create checker --scope app:read");
    let text = |name: &str| key[name].as_str().expect("text").to_owned();
    let (id, secret) = (text("id"), text("secret"));
    let inspect = format!("token inspect --url {} --key {id}", host.url());
    let token = client.token().to_owned();
    let refused = person.run_with(&inspect, &token).bad(2);
    assert!(refused.contains("MUSTER_KEY_SECRET"), "{refused}");
    person.with("MUSTER_KEY_SECRET", &secret);
    let told = person.run_with(&inspect, &token).good();
    assert!(
        told.contains("admin") && told.contains("all that"),
        "{told}"
    );
    let told = person.run_with(&inspect, "no-token").good();
    assert!(told.contains("not good"), "{told}");
    let revoke = format!("token revoke --url {}", host.url());
    person.run_with(&revoke, "").bad(2);
    person.run_with(&revoke, &token).good();
    let told = person.run_with(&inspect, &token).good();
    assert!(told.contains("not good"), "{told}");
}
