//! What is removed only when somebody means it.

use std::{
    fs::File,
    io::{Read, Write},
};

use muster_api::{apps::App, page::Page};
use muster_e2e::guest;
use reqwest::StatusCode;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use serde_json::json;

use crate::{
    person::{Person, logged_in},
    seen,
};

#[tokio::test]
async fn an_app_goes_only_when_somebody_means_it() {
    let (_host, client, person) = logged_in().await;
    client.push_component("shop", &guest("hello")).await;
    let refused = person.run("app delete shop").bad(6);
    seen("app-delete-refused", &refused);
    seen(
        "app-delete-dry-run",
        &person.run("app delete shop --dry-run").good(),
    );
    person.run("app delete shop --dry-run --yes").bad(2);
    // A pipe is nobody at a terminal, whatever it says.
    person.run_with("app delete shop", "y\n").bad(6);
    assert_eq!(client.ask("shop.localhost", "/").await.0, StatusCode::OK);
    let plan = person.json("app delete shop --dry-run");
    assert_eq!(plan["done"], false);
    let done = person.json("app delete shop --yes");
    assert_eq!(
        (&done["removes"], &done["done"]),
        (&plan["removes"], &json!(true))
    );
    person.run("app delete shop --yes").bad(3);
    let page: Page<App> = client.get("/apps").await;
    assert!(page.items.is_empty());
}

/// Runs a command at a terminal where somebody answers its question so. Gives
/// the exit code and what was on the terminal.
fn asked(person: &Person, line: &str, answer: &str) -> (i32, String) {
    let mut terminal =
        File::from(openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal"));
    grantpt(&terminal).expect("it is ours");
    unlockpt(&terminal).expect("it is ours");
    let name = ptsname(&terminal, Vec::new()).expect("its other end has a name");
    let name = name.into_string().expect("text");
    let end = || {
        File::options()
            .read(true)
            .write(true)
            .open(&name)
            .expect("its other end")
    };
    let mut command = person.command(line);
    let mut child = command
        .stdin(end())
        .stderr(end())
        .spawn()
        .expect("the binary was built");
    // Its ends of the terminal belong to the child alone.
    drop(command);
    let mut seen = String::new();
    let mut part = [0; 1024];
    let mut answered = false;
    // At the last end's closing, a terminal says so by an error.
    while let Ok(length @ 1..) = terminal.read(&mut part) {
        seen.push_str(&String::from_utf8_lossy(&part[..length]));
        if !answered && seen.contains("[y/N] ") {
            terminal.write_all(answer.as_bytes()).expect("it is read");
            answered = true;
        }
    }
    let code = child
        .wait()
        .expect("it ends")
        .code()
        .expect("it was not killed");
    (code, seen)
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_at_a_terminal_is_asked() {
    let (_host, client, person) = logged_in().await;
    client.push_component("shop", &guest("hello")).await;
    for answer in ["n\n", "\n", "maybe\n", "yes please\n"] {
        let (code, seen) = asked(&person, "app delete shop", answer);
        assert_eq!(code, 6, "{answer:?}: {seen}");
        assert!(
            seen.contains("  the app shop\r\n"),
            "the plan is shown first: {seen}"
        );
        assert!(seen.contains("you said no, and nothing was done"), "{seen}");
        assert_eq!(client.ask("shop.localhost", "/").await.0, StatusCode::OK);
    }
    let (code, seen) = asked(&person, "app delete shop", "Y\n");
    assert_eq!(code, 0, "{seen}");
    let page: Page<App> = client.get("/apps").await;
    assert!(page.items.is_empty(), "{page:?}");
}
