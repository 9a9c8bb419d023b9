//! Routes, roles, and what the host says of itself.

use muster_api::{
    page::Page,
    roles::{Role, RoleState},
    routes::Route,
};
use muster_e2e::guest;

use crate::{person::logged_in, seen};

#[tokio::test]
async fn routes_and_roles_are_managed() {
    let (host, client, person) = logged_in().await;
    client.push_component("shop", &guest("hello")).await;
    client.push_component("next", &guest("hello")).await;
    let port = host.apps().port();
    for (line, told) in [
        (
            "add a.test --app shop",
            format!("http://a.test:{port}/ goes to shop\n"),
        ),
        (
            "add A.test/ --app next --weight 10 --sticky",
            format!("http://a.test:{port}/ goes to next\n"),
        ),
        (
            "add *.test/x --app shop",
            "*.test/x goes to shop\n".to_owned(),
        ),
        (
            "add old.test --redirect https://new.test --status 301 --keep-path",
            format!("http://old.test:{port}/ goes to https://new.test\n"),
        ),
    ] {
        assert_eq!(person.run(&format!("route {line}")).good(), told);
    }
    seen("routes", &person.run("route list").good());
    let conflict = person.run("route add a.test --redirect /x").bad(1);
    assert!(conflict.contains("hint: remove it first"), "{conflict}");
    person.run("route add a.test --app nobody").bad(3);
    person.run("route add a..test --app shop").bad(1);
    person.run("route add a.test").bad(2);

    let before: Page<Route> = client.get("/routes").await;
    let refused = person.run("route remove a.test").bad(6);
    seen("route-remove-refused", &refused);
    seen(
        "route-remove-dry-run",
        &person
            .run("route remove a.test --app next --dry-run")
            .good(),
    );
    let after: Page<Route> = client.get("/routes").await;
    assert_eq!(after, before);
    assert_eq!(
        person.run("route remove a.test --app next --yes").good(),
        "Removed next from the route a.test\n"
    );
    assert_eq!(
        person.run("route remove A.Test/ -y").good(),
        "Removed the route A.Test/\n"
    );
    person.run("route remove a.test --yes").bad(3);
    person.run("route remove *.test/x --app next --yes").bad(3);

    seen("role-list", &person.run("role list").good());
    seen("role-show", &person.run("role show router").good());
    let refused = person.run("role remove router").bad(6);
    seen("role-remove-refused", &refused);
    person.run("role remove router --dry-run").good();
    let role: Role = client.get("/roles/router").await;
    assert_eq!(role.state, RoleState::Running);
    assert_eq!(
        person.run("role remove router --yes").good(),
        "Removed the role router\n"
    );
    let role: Role = client.get("/roles/router").await;
    assert_eq!(role.state, RoleState::Absent);
    assert_eq!(
        person.run("role add router").good(),
        "The host has the role router (router 0.1.0)\n"
    );
    person.write("fixed.wasm", guest("router-fixed"));
    assert_eq!(
        person.run("role add router --component fixed.wasm").good(),
        "The host has the role router (router-fixed 0.1.0)\n"
    );
    person.write("empty.wasm", "");
    person.run("role add router --component empty.wasm").bad(2);
    person.run("role add router --component gone.wasm").bad(2);
    person.write("note.txt", "no plugin");
    let refused = person.run("role add router --component note.txt").bad(1);
    assert!(refused.contains("not a WebAssembly component"), "{refused}");
    person.run("node migrate 127.0.0.9").good();
    assert!(person.run("info").good().contains("moves to    127.0.0.9:"));
    person.run("node migrate --done").good();
    assert!(!person.run("info").good().contains("moves to"));
    person.run("role stop router").bad(6);
    let told = person.run("role stop router --yes").good();
    assert_eq!(told, "Stopped the role router\n");
    assert!(person.run("role list").good().contains("stopped"));
    assert!(
        person
            .run("status")
            .good()
            .contains("role router: it was stopped")
    );
    person.run("role start router").good();
    person.run("role restart router").good();
    person.run("role stop base --yes").bad(1);
    person.run("role remove router --yes").good();
    person.run("role remove dea --yes").good();
    person.run("role add --all-but baker").bad(2);
    person.run("role add --all-but dea").good();
    let roles = person.run("role list").good();
    let line = |role: &str| roles.lines().find(|line| line.starts_with(role));
    assert!(
        line("router").is_some_and(|it| it.contains("running")),
        "{roles}"
    );
    assert!(
        line("dea").is_some_and(|it| it.contains("absent")),
        "{roles}"
    );
    person.run("role add --all-but base").good();
    let told = person.run("role add --all-but base").good();
    assert_eq!(told, "The host has all of these roles already\n");
    person.run("role show harbor").bad(3);
    person.run("role remove base --yes").bad(1);
    person.run("role add router").good();

    let machine = person.json("info")["name"].as_str().unwrap().to_owned();
    let status = person.run("status").good();
    seen("status", &status.replacen(&machine, "[machine]", 1));
    let info = person.run("info").good();
    let (info, _) = info
        .split_once("offered")
        .expect("what is offered is told last");
    seen("info", &info.replacen(&machine, "[machine]", 1));
}
