//! Logging in, contexts, and tokens that renew themselves.

use std::{fs, os::unix::fs::PermissionsExt, path::Path, process::Child};

use muster_e2e::{Host, PASSWORD};
use serde_json::{Value, json};

use crate::{
    person::{Person, logged_in, ran},
    seen,
};

#[tokio::test]
async fn a_login_is_kept_where_only_its_owner_looks() {
    let host = Host::start().await;
    let mut person = Person::new();
    let refused = person.run("app list").bad(4);
    assert!(refused.contains("muster login"), "{refused}");

    let login = format!("login --url {}/ --user admin --password-stdin", host.url());
    for (input, code) in [("wrong", 4), ("", 2), ("\n", 2)] {
        person.run_with(&login, input).bad(code);
        assert!(!person.contexts().exists());
    }
    // Nobody types, and nothing is piped on purpose.
    person
        .run(&format!("login --url {} --user admin", host.url()))
        .bad(2);
    seen("login", &person.run_with(&login, PASSWORD).good());
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&person.contexts()), 0o600);
    assert_eq!(mode(person.contexts().parent().unwrap()), 0o700);
    let kept = fs::read_to_string(person.contexts()).unwrap();
    assert!(!kept.contains(PASSWORD), "the password is kept");

    seen("context-list", &person.run("context list").good());
    seen("context-show", &person.run("context show").good());
    let shown = person.json("context show");
    assert_eq!(shown["logged_in"], true);
    assert!(
        !shown.to_string().contains("eyJ"),
        "tokens are shown: {shown}"
    );

    // A second context is in use at once; the first can be asked for.
    let other = Host::start().await;
    let line = format!(
        "login --context other --url {} --user admin --password-stdin",
        other.url()
    );
    person.run_with(&line, PASSWORD).good();
    let at =
        |person: &Person, line: &str| person.json(line)["management"].as_str().map(str::to_owned);
    assert_eq!(at(&person, "info"), Some(other.url()));
    assert_eq!(at(&person, "info --context default"), Some(host.url()));
    person.run("context use default").good();
    assert_eq!(at(&person, "info"), Some(host.url()));
    person.run("info --context nowhere").bad(3);
    person.run("context use nowhere").bad(3);
    person.run("context remove other").bad(6);
    person.run("context remove other --yes").good();
    person.run("context show other").bad(3);

    person.run("logout").good();
    let refused = person.run("info").bad(4);
    let again = format!(
        "muster login --url {} --user admin --context default",
        host.url()
    );
    assert!(refused.contains(&again), "{refused}");
    person.login(&host);

    // The variables go before the context in use, and after one that is named.
    let token = kept_tokens(&person)["access"].as_str().unwrap().to_owned();
    let nobody = "http://127.0.0.1:9";
    person.with("MUSTER_URL", &other.url());
    let refused = person.run("info").bad(4);
    assert!(refused.contains(&other.url()), "{refused}");
    assert_eq!(at(&person, "info --context default"), Some(host.url()));
    person.with("MUSTER_TOKEN", &token);
    // A token of one host is not good for another.
    let refused = person.run("info").bad(4);
    assert!(refused.contains("MUSTER_TOKEN"), "{refused}");
    person.with("MUSTER_URL", &host.url());
    assert_eq!(at(&person, "info"), Some(host.url()));
    // With both, no home is needed at all.
    fs::remove_file(person.contexts()).unwrap();
    assert_eq!(at(&person, "info"), Some(host.url()));
    person.with("MUSTER_TOKEN", "not-a-token");
    person.run("info").bad(4);
    person.with("MUSTER_URL", nobody);
    let gone = person.run("info").bad(5);
    assert!(gone.contains(nobody) && gone.contains("hint: "), "{gone}");
    person.with("MUSTER_URL", "ftp://host");
    person.run("info").bad(2);
}

/// The tokens of the context that is in use.
fn kept_tokens(person: &Person) -> Value {
    let kept: Value =
        serde_json::from_slice(&fs::read(person.contexts()).expect("a login")).expect("JSON");
    kept["contexts"][kept["current"].as_str().expect("text")]["tokens"].clone()
}

#[tokio::test]
async fn a_login_renews_itself_and_ends_when_it_must() {
    let (_host, _client, person) = logged_in().await;
    let expire = || {
        let mut kept: Value =
            serde_json::from_slice(&fs::read(person.contexts()).unwrap()).unwrap();
        kept["contexts"]["default"]["tokens"]["expires_at"] = json!("2020-01-01T00:00:00Z");
        fs::write(person.contexts(), kept.to_string()).unwrap();
    };
    let old = kept_tokens(&person);
    person.run("info").good();
    assert_eq!(
        kept_tokens(&person),
        old,
        "good tokens are renewed for no reason"
    );
    expire();
    person.run("info").good();
    let new = kept_tokens(&person);
    assert_ne!(new["refresh"], old["refresh"]);
    let mode = fs::metadata(person.contexts())
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);

    // Commands that run at the same time share one renewal: a refresh token
    // that is used twice would end the login.
    for _ in 0..3 {
        expire();
        let all: Vec<Child> = (0..6).map(|_| person.start("info")).collect();
        for child in all {
            ran(child).good();
        }
    }
    person.run("info").good();

    // An access token that the host does not take is renewed as well.
    let mut kept: Value = serde_json::from_slice(&fs::read(person.contexts()).unwrap()).unwrap();
    kept["contexts"]["default"]["tokens"]["access"] = json!("spoilt");
    fs::write(person.contexts(), kept.to_string()).unwrap();
    person.run("info").good();

    kept["contexts"]["default"]["tokens"] = old;
    fs::write(person.contexts(), kept.to_string()).unwrap();
    expire();
    let ended = person.run("info").bad(4);
    assert!(
        ended.contains("your login has ended") && ended.contains("muster login --url"),
        "{ended}"
    );
}
