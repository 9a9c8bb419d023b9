//! Access keys, and the host's own key in place of a login.

use muster_e2e::Host;

use crate::{
    person::{Person, logged_in},
    seen,
};

/// Without what differs from run to run.
fn settled(text: &str) -> String {
    let word = |word: &str| {
        let known = [("MK", "[key]"), ("muster_key_", "[secret]")];
        let found = known
            .iter()
            .find(|(start, _)| word.starts_with(start) && word.len() >= 20);
        found.map_or_else(|| word.to_owned(), |(_, name)| (*name).to_owned())
    };
    let lines = text.lines().map(|line| {
        let words: Vec<_> = line.split(' ').map(word).collect();
        words.join(" ")
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn keys_are_managed_and_used_by_scripts() {
    let (host, _client, person) = logged_in().await;
    assert!(person.run("key list").good().contains("muster key create"));
    let made = person
        .run(
            "key create backup --scope app:read --scope key:read --network 127.0.0.1 --expires 90d",
        )
        .good();
    seen("key-create", &settled(&made));
    let wide = person.json("key create ci");
    let (id, secret) = (
        wide["id"].as_str().unwrap(),
        wide["secret"].as_str().unwrap(),
    );
    let shown = person.run("key list").good();
    assert!(shown.contains(id) && !shown.contains(secret), "{shown}");
    seen(
        "key-show",
        &settled(&person.run(&format!("key show {id}")).good()),
    );
    person.run("key show MKNONE").bad(3);
    assert!(person.run("key list --all").good().contains("cliapp"));
    assert!(
        person
            .run("key list --user admin")
            .good()
            .contains("backup")
    );

    // A script needs no login and no home.
    let mut script = Person::new();
    script.with("MUSTER_URL", &host.url());
    script.with("MUSTER_KEY_ID", id);
    let refused = script.run("app list").bad(2);
    assert!(refused.contains("MUSTER_KEY_SECRET"), "{refused}");
    script.with("MUSTER_KEY_SECRET", secret);
    script.run("app list").good();
    assert!(!script.contexts().exists());

    let rotated = person.json(&format!("key rotate {id}"));
    script.run("app list").bad(4);
    script.with("MUSTER_KEY_SECRET", rotated["secret"].as_str().unwrap());
    script.run("app list").good();

    person.run(&format!("key revoke {id}")).bad(6);
    person.run(&format!("key revoke {id} --dry-run")).good();
    script.run("app list").good();
    assert_eq!(
        person.run(&format!("key revoke {id} --yes")).good(),
        format!("Removed the key {id}\n")
    );
    script.run("app list").bad(4);
    person.run("key revoke cliapp --yes").bad(1);
}

#[tokio::test]
async fn whoever_may_read_the_data_directory_gets_in() {
    let host = Host::start().await;
    let person = Person::new();
    person.run("login --local").bad(4);
    let login = format!("login --local --data-dir {}", host.data_dir().display());
    let told = person.run(&login).good();
    assert!(told.contains("as cliapp"), "{told}");
    person.run("key list --all").good();
    // It goes on after the key has got another secret.
    person.run("key rotate cliapp").good();
    person.run("app list").good();
    let kept = std::fs::read_to_string(person.contexts()).unwrap();
    assert!(!kept.contains("muster_key_"), "the secret is kept: {kept}");
    person.run("logout").good();
    person.run("app list").bad(4);
}
