//! Role plugins as their authors have them: made, built, checked, tested and put
//! to work.

use std::{fs, path::Path, process::Command};

use muster_api::{load_balancer::UpstreamState, roles::RoleState};
use muster_e2e::{
    Client, balanced_group, cargo_in, eventually, guest, guest_cargo_in, tls_client, workspace,
};
use reqwest::StatusCode;
use serde_json::Value;

use crate::{
    person::{Person, logged_in},
    seen,
};

/// Runs a command that must succeed.
fn succeeds(mut command: Command) -> String {
    let output = command.output().expect("it runs");
    let (out, err) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{command:?}\n{out}\n{err}");
    out.into_owned()
}

/// Makes a project for a role, tests it, builds it, and holds it to its contract.
/// Yields the component's name in the person's home.
fn built(person: &Person, role: &str) -> String {
    let name = format!("own-{role}");
    person
        .run(&format!("plugin new {name} --role {role}"))
        .good();
    let project = person.home().join(&name);
    let mut cargo = cargo_in(&project);
    cargo.arg("test");
    let told = succeeds(cargo);
    assert!(
        told.contains("2 passed") || told.contains("3 passed"),
        "{told}"
    );
    let mut cargo = guest_cargo_in(&project);
    cargo.arg("plugin");
    succeeds(cargo);
    let file = format!("wasm32-wasip2/release/{}.wasm", name.replace('-', "_"));
    let made = workspace().join("target/guests/elsewhere").join(file);
    let component = format!("{name}.wasm");
    fs::copy(&made, person.home().join(&component)).expect("it was built");

    let checked = person.json(&format!("plugin check {component} --local"));
    assert_eq!(
        (&checked["name"], &checked["role"], &checked["taken"]),
        (&Value::from(name), &Value::from(role), &Value::from(true)),
        "{checked}"
    );
    let tested = person.json(&format!("plugin test {component}"));
    let cases = tested["cases"].as_array().expect("cases");
    assert!(cases.len() > 10, "{tested}");
    component
}

/// Has a person's component play a role.
async fn plays(client: &Client, person: &Person, role: &str, component: &str) {
    let told = person
        .run(&format!("role add {role} --component {component}"))
        .good();
    assert_eq!(
        told,
        format!("The host has the role {role} (own-{role} 0.1.0)\n")
    );
    assert_eq!(client.role(role).await.state, RoleState::Running);
}

async fn serves(client: &Client, host: &str) {
    let answer = client.ask(host, "/").await;
    assert_eq!(
        answer,
        (StatusCode::OK, "Hello from Muster!\n".to_owned()),
        "{host}"
    );
}

#[tokio::test]
async fn projects_of_plugins_are_built_and_play_their_roles() {
    let (_host, client, person) = logged_in().await;
    for role in ["stager", "dea", "router"] {
        let component = built(&person, role);
        plays(&client, &person, role, &component).await;
        let app = format!("by-{role}");
        client.push_component(&app, &guest("hello")).await;
        serves(&client, &format!("{app}.localhost")).await;
    }
    // All three are of the author's making by now.
    client.push_component("again", &guest("hello")).await;
    serves(&client, "again.localhost").await;
    person.run("route add *.wild.test --app again").good();
    eventually("the route", async || {
        let (status, _) = client.ask("x.wild.test", "/").await;
        (status == StatusCode::OK).then_some(())
    })
    .await;
    person.run("app scale again --instances 3").good();
    eventually("three instances", async || {
        let detail: muster_api::apps::AppDetail = client.get("/apps/again").await;
        (detail.app.running == 3).then_some(())
    })
    .await;
    for role in ["stager", "dea", "router"] {
        let role = client.role(role).await;
        assert_eq!(
            (role.state, role.restarts),
            (RoleState::Running, 0),
            "{role:?}"
        );
    }
}

#[tokio::test]
async fn a_load_balancer_of_ones_own_spreads_requests() {
    let person = Person::new();
    let component = built(&person, "load-balancer");
    let ((_north, leader), _south, edge) = balanced_group().await;
    leader.push_component("shop", &guest("hello")).await;
    let wasm = fs::read(person.home().join(component)).expect("it is there");
    let role = edge.client.put_role("load-balancer", Some(wasm)).await;
    assert_eq!(
        role.plugin.map(|it| it.name).as_deref(),
        Some("own-load-balancer")
    );
    edge.knows(&["north", "south"], UpstreamState::Up).await;
    let client = tls_client("shop.localhost", edge.plain)
        .build()
        .expect("a client");
    let ask = async || {
        let url = format!("http://shop.localhost:{}/", edge.plain.port());
        let answer = client.get(url).send().await.ok()?;
        (answer.status() == StatusCode::OK).then_some(())
    };
    eventually("the app by the load balancer", ask).await;
    for number in 0..20 {
        assert!(ask().await.is_some(), "request {number}");
    }
}

#[tokio::test]
async fn projects_that_cannot_be_made_are_refused() {
    let person = Person::new();
    let refused = |line: &str| person.run(&format!("plugin new {line}")).bad(2);
    for role in ["harbor", "data-services", "storage-volumes", "custom"] {
        let told = refused(&format!("own --role {role}"));
        let yet = format!("there is no contract for plugins of the role '{role}' yet");
        assert!(told.contains(&yet), "{told}");
    }
    assert!(refused("own --role baker").contains("'baker' is no role"));
    assert!(refused("own --role router --lang python").contains("Python cannot be made yet"));
    assert!(refused("own --role router --lang cobol").contains("no language 'cobol'"));
    assert!(refused("Own --role router").contains("is no name for a plugin"));
    assert!(refused("../own --role router").contains("is no name for a plugin"));
    assert!(!person.home().join("own").exists());

    let made = person.json("plugin new own --role router --path mine");
    assert_eq!(made["path"], "mine");
    let files = made["files"].as_array().expect("files");
    for file in files {
        let path = Path::new("mine").join(file.as_str().expect("text"));
        assert!(person.home().join(&path).is_file(), "{path:?}");
    }
    let told = refused("own --role router --path mine");
    assert!(told.contains("mine is there already"), "{told}");
}

#[tokio::test]
async fn a_plugin_is_checked_by_its_file_and_by_the_host() {
    let (_host, client, person) = logged_in().await;
    person.write("fixed.wasm", guest("router-fixed"));
    person.write("unwell.wasm", guest("router-unwell"));
    person.write("hello.wasm", guest("hello"));
    seen(
        "plugin-check",
        &person.run("plugin check fixed.wasm").good(),
    );
    seen(
        "plugin-check-local",
        &person.run("plugin check fixed.wasm --local").good(),
    );

    // Only who runs it finds out that it does not start.
    person.run("plugin check unwell.wasm --local").good();
    let told = person.run("plugin check unwell.wasm");
    assert_eq!(told.code, 1, "{told:?}");
    assert!(told.out.contains("this router is not well"), "{told:?}");
    assert!(
        told.err.contains("the host would not take router-unwell"),
        "{told:?}"
    );
    let role = client.role("router").await;
    assert!(
        role.plugin.is_some_and(|it| it.bundled),
        "nothing was installed"
    );

    let told = person.run("plugin check hello.wasm").bad(2);
    assert!(told.contains("muster:plugin"), "{told}");
    person.run("plugin check gone.wasm").bad(2);

    // Nobody is asked where nobody is logged in.
    let stranger = Person::new();
    stranger.write("unwell.wasm", guest("router-unwell"));
    let checked = stranger.json("plugin check unwell.wasm");
    assert_eq!(
        (&checked["asked"], &checked["taken"]),
        (&false.into(), &true.into())
    );
    // Whoever names a host means it.
    stranger
        .run("--context nobody plugin check unwell.wasm")
        .bad(3);
}

#[tokio::test]
async fn a_plugin_is_held_to_its_contract_without_a_host() {
    let person = Person::new();
    person.write("dea.wasm", guest("dea"));
    person.write("trap.wasm", guest("dea-trap"));
    person.write("hello.wasm", guest("hello"));
    let told = person.run("plugin test dea.wasm").good();
    assert!(told.contains("rolls-out-without-a-gap"), "{told}");
    assert!(!told.contains("FAIL"), "{told}");

    let told = person.run("plugin test trap.wasm");
    assert_eq!(told.code, 1, "{told:?}");
    assert!(
        told.out.contains("FAIL") && told.out.contains("trapped"),
        "{told:?}"
    );
    assert!(told.err.contains("dea-trap fails"), "{told:?}");
    let told = person.run("plugin test trap.wasm -o json");
    let report: Value = serde_json::from_str(&told.out).expect("JSON");
    assert_eq!(report["cases"][0]["name"], "describes-itself");
    assert_eq!(report["cases"][0]["passed"], true);

    let told = person.run("plugin test hello.wasm").bad(2);
    assert!(told.contains("hint: `muster plugin check`"), "{told}");
}
