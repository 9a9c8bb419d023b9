//! The API against its own description: schemathesis makes up requests, good
//! and bad ones, and looks whether the answers are what the description says.
//! What it is told stands in `e2e/schemathesis/schemathesis.toml`.
//!
//! `cargo xtask test` installs it and names it in `MUSTER_SCHEMATHESIS`; without
//! that variable there is nothing to run.

use std::{fs, process::Command};

use muster_e2e::{Host, guest, workspace};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

/// How long it may look for mistakes, in seconds.
const TIME: &str = "120";

/// What schemathesis makes up for these header fields ignores their patterns;
/// `api_conditions` sends good and bad ones.
const LEFT_OUT: [&str; 2] = ["If-Match", "If-None-Match"];

fn without_conditions(document: &mut Value) {
    let paths = document["paths"].as_object_mut().expect("paths");
    for operation in paths
        .values_mut()
        .flat_map(|path| path.as_object_mut().expect("methods").values_mut())
    {
        let parameters = operation.get_mut("parameters");
        if let Some(parameters) = parameters.and_then(Value::as_array_mut) {
            parameters.retain(|parameter| {
                let name = parameter["$ref"]
                    .as_str()
                    .and_then(|path| path.rsplit('/').next());
                !name.is_some_and(|name| LEFT_OUT.contains(&name))
            });
        }
    }
}

#[tokio::test]
async fn the_api_does_what_its_description_says() {
    let Some(program) = std::env::var_os("MUSTER_SCHEMATHESIS") else {
        eprintln!("skipped: MUSTER_SCHEMATHESIS names no program; `cargo xtask test` does");
        return;
    };
    let host = Host::start().await;
    let client = host.client().await;
    client.push_component("shop", &guest("hello")).await;
    let login = json!({
        "grant_type": "password", "username": "admin", "password": muster_e2e::PASSWORD,
    });
    let tokens = client
        .anonymous(Method::POST, "/oauth/token")
        .form(&login)
        .send();
    let tokens: Value = tokens.await.unwrap().json().await.unwrap();
    let document = client
        .anonymous(Method::GET, "/api/openapi.json")
        .send()
        .await
        .unwrap();
    assert_eq!(document.status(), StatusCode::OK);
    let mut document: Value = document.json().await.unwrap();
    without_conditions(&mut document);

    let folder = tempfile::tempdir().expect("a temporary directory");
    let described = folder.path().join("openapi.json");
    fs::write(&described, document.to_string()).expect("it is written");
    let output = Command::new(program)
        .arg("--no-color")
        .current_dir(folder.path())
        .arg("--config-file")
        .arg(workspace().join("e2e/schemathesis/schemathesis.toml"))
        .arg("run")
        .arg(&described)
        .args(["--url", &host.url(), "--max-time", TIME])
        .env(
            "MUSTER_TOKEN",
            tokens["access_token"].as_str().expect("a token"),
        )
        .output()
        .expect("schemathesis runs");
    let told = String::from_utf8_lossy(&output.stdout);
    let wrong = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}\n{wrong}");
    for phase in ["Examples", "Coverage", "Fuzzing"] {
        assert!(told.contains(&format!("✅ {phase}")), "{told}\n{wrong}");
    }
}
