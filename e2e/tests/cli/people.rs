//! Users, their sessions and passwords, terms of use, and those who come by
//! themselves.

use muster_e2e::Host;
use serde_json::{Value, json};

use crate::{
    person::{Person, logged_in},
    seen,
};

const GOOD: &str = "quietly-borrowed 47 umbrellas";
const OTHER: &str = "seven reluctant-otters 12";

/// The link in what a command said.
fn link(out: &str) -> String {
    let line = out.lines().find(|line| line.starts_with("http://"));
    line.unwrap_or_else(|| panic!("there is no link: {out}"))
        .to_owned()
}

/// Without the secret of links.
fn without_secret(out: &str) -> String {
    out.split_inclusive('\n')
        .map(|line| match line.split_once("token=") {
            Some((before, _)) => format!("{before}token=[secret]\n"),
            None => line.to_owned(),
        })
        .collect()
}

fn login(host: &Host, name: &str) -> String {
    format!("login --url {} --user {name} --password-stdin", host.url())
}

#[tokio::test]
async fn a_user_from_the_first_link_to_the_end() {
    let (host, _client, admin) = logged_in().await;
    let made = admin
        .run("user create ada --email ada@example.org --type viewer")
        .good();
    seen("user-create", &without_secret(&made));
    let ada = Person::new();
    ada.run_with(
        &format!("activate {} --password-stdin", link(&made)),
        "weak\n",
    )
    .bad(1);
    let done = ada
        .run_with(&format!("activate {} --password-stdin", link(&made)), GOOD)
        .good();
    seen("activate", &done);
    ada.run("activate http://127.0.0.1:1/elsewhere?token=x")
        .bad(2);
    ada.run_with(&login(&host, "ada"), GOOD).good();
    seen("self-show", &ada.run("self show").good());
    seen("session-list", &ada.run("session list").good());

    let change = format!("{GOOD}\n{OTHER}\n");
    seen(
        "self-password",
        &ada.run_with("self password --password-stdin", &change)
            .good(),
    );
    ada.run_with("self password --password-stdin", &change)
        .bad(1);
    ada.run("user list").bad(4);

    seen("user-list", &admin.run("user list").good());
    seen("user-show", &admin.run("user show ada").good());
    admin
        .run("user modify ada --type developer --display-name Ada")
        .good();
    let again = admin.run("user send-activation ada").good();
    assert!(link(&again).contains("/account/activate?token="));
    assert_eq!(admin.json("user show ada")["type"], "developer");
    admin.run("session end --all-of ada").bad(6);
    seen(
        "session-end",
        &admin.run("session end --all-of ada --yes").good(),
    );
    ada.run("info").bad(4);
    seen(
        "user-suspend-dry-run",
        &admin.run("user suspend ada --dry-run").good(),
    );
    admin.run("user suspend ada").bad(6);
    admin.run("user suspend ada --yes").good();
    let refused = ada.run_with(&login(&host, "ada"), OTHER).bad(4);
    assert!(refused.contains("suspended"), "{refused}");
    admin.run("user activate ada").good();
    seen(
        "user-delete-dry-run",
        &admin.run("user delete ada --dry-run").good(),
    );
    admin.run("user delete ada --yes").good();
    admin.run("user show ada").bad(3);
    seen(
        "user-last-admin",
        &admin.run("user delete admin --yes").bad(1),
    );
    let told = admin.run("mail test ada@example.org").bad(1);
    assert!(told.contains("no SMTP server"), "{told}");
}

#[tokio::test]
async fn terms_are_asked_for_at_login() {
    let (host, _client, admin) = logged_in().await;
    admin.write("terms.md", "# Terms\n\nBe kind.\n");
    seen("term-list-none", &admin.run("term list").good());
    seen("term-add", &admin.run("term add terms.md").good());
    seen("term-show", &admin.run("term show").good());
    let asked = admin
        .run_with(&login(&host, "admin"), muster_e2e::PASSWORD)
        .bad(6);
    assert!(
        asked.contains("Be kind.") && asked.contains("--accept-terms 1"),
        "{asked}"
    );
    let wrong = format!("{} --accept-terms 2", login(&host, "admin"));
    admin.run_with(&wrong, muster_e2e::PASSWORD).bad(1);
    let right = format!("{} --accept-terms 1", login(&host, "admin"));
    admin.run_with(&right, muster_e2e::PASSWORD).good();
    seen("term-acceptances", &admin.run("term acceptances").good());
    let csv = admin.run("term acceptances --format csv").good();
    assert!(
        csv.starts_with("version,user,name,origin,accepted_at\r\n1,"),
        "{csv}"
    );
    assert_eq!(csv.lines().count(), 2);
    let exported = admin.run("term acceptances --format json").good();
    let exported: Value = serde_json::from_str(&exported).unwrap();
    assert_eq!(exported[0]["name"], "admin");
}

#[tokio::test]
async fn people_sign_up_and_solve_the_puzzle() {
    let (host, client, admin) = logged_in().await;
    let ada = Person::new();
    let sign_up = format!(
        "sign-up --url {} --user ada --email ada@example.org --password-stdin",
        host.url()
    );
    let refused = ada.run_with(&sign_up, GOOD).bad(1);
    assert!(refused.contains("nobody may sign up"), "{refused}");
    let section = json!({ "allowed": true, "verify_email": false });
    let _: Value = client
        .send(reqwest::Method::PUT, "/config/sign-up", &section)
        .await;
    seen("sign-up", &ada.run_with(&sign_up, GOOD).good());
    let pending = admin.json("user list --state pending");
    assert_eq!(pending["items"][0]["name"], "ada");
    let waiting = ada.run_with(&login(&host, "ada"), GOOD).bad(4);
    assert!(waiting.contains("admin"), "{waiting}");
    admin.run("user activate ada").good();
    ada.run_with(&login(&host, "ada"), GOOD).good();
    let reset = format!(
        "reset-password --url {} --email nobody@example.org",
        host.url()
    );
    seen("reset-password", &ada.run(&reset).good());
}
