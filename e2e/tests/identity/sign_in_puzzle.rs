//! After failed sign-ins the form sets a puzzle, which the page's own script
//! solves.

use std::process::Command;

use muster_e2e::{
    Host, PASSWORD,
    servers::{Browser, Page},
    sign_in::{authorize, code_of, enter},
    workspace,
};
use reqwest::Client;

/// As much of a browser as the script needs; it tells what went into the form.
const DOCUMENT: &str = "
globalThis.crypto ??= require('node:crypto').webcrypto;
const elements = {
  puzzle: { dataset: { challenge: process.argv[1] } },
  'puzzle-by-hand': {}, 'puzzle-status': {},
  captcha: { set value(proof) { console.log(proof); } },
};
globalThis.document = {
  getElementById: (id) => elements[id],
  querySelector: () => ({}),
};
";

fn between<'a>(text: &'a str, start: &str, end: &str) -> &'a str {
    let rest = text.split_once(start).map(|(_, rest)| rest);
    let found = rest.and_then(|rest| rest.split_once(end));
    found
        .unwrap_or_else(|| panic!("there is no {start}: {text}"))
        .0
}

async fn script(host: &Host, page: &Page) -> String {
    let path = between(&page.body, "<script src=\"", "\"");
    let url = format!("{}{}", host.url(), path.replace("&#x2f;", "/"));
    let http = Client::builder().no_proxy().build().expect("a client");
    let reply = http.get(url).send().await.expect("an answer");
    assert!(
        reply.headers()["cache-control"]
            .to_str()
            .expect("text")
            .contains("immutable")
    );
    reply.text().await.expect("a script")
}

fn solve(script: &str, challenge: &str) -> String {
    let output = Command::new(workspace().join("target/servers/node"))
        .arg("-e")
        .arg(format!("{DOCUMENT}{script}"))
        .arg(challenge)
        .output()
        .expect("node runs");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let proof = String::from_utf8(output.stdout).expect("text");
    proof.trim().to_owned()
}

#[tokio::test]
async fn the_script_of_the_page_solves_its_puzzle() {
    let host = Host::start().await;
    let site = host.url();
    let mut browser = Browser::new(None);
    let mut page = browser.visit(&authorize(&host, "s", None), &site).await;
    // Even the right password does not do then.
    for password in ["wrong", "wrong", "wrong", PASSWORD] {
        page = enter(&mut browser, &host, &page, "admin", password).await;
        assert!(page.left.is_none());
    }
    let challenge = between(&page.body, "data-challenge=\"", "\"")
        .replace("&quot;", "\"")
        .replace("&#x2f;", "/");
    let script = script(&host, &page).await;
    let proof = tokio::task::spawn_blocking(move || solve(&script, &challenge));
    let proof = proof.await.expect("it ends");
    let token = page.hidden("token");
    let fields = [
        ("token", token.as_str()),
        ("username", "admin"),
        ("password", PASSWORD),
        ("captcha", &proof),
    ];
    let page = browser.submit(&page.form_action(), &fields, &site).await;
    assert!(!code_of(&page).is_empty());
}
