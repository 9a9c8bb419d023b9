//! What is accepted and what is rejected when it is pushed, a folder in `cases/`
//! for each.
//!
//! `input/` is the package. A file there is pushed as it is, unless its name
//! ends in one of these, which is left out of the name that is pushed:
//!
//! | ending | content of the file | what is pushed |
//! | --- | --- | --- |
//! | `.wasm.wat` | WebAssembly text | its binary, as `.wasm` |
//! | `.guest` | the name of a built guest, and perhaps a number | the guest, or so many of its first bytes |
//! | `.hex` | bytes in hexadecimal | these bytes |
//! | `.zeros` | a number | a component's first bytes and so many in all, the rest zero |
//!
//! `settings.json`, if it is there, has the settings of the push.
//!
//! `expected.txt` begins with `accepted`, what it was taken for and the entry
//! point; then come requests, each with the status and body that answers it. Or
//! it begins with `rejected` and the problem's code, and goes on with what the
//! person who pushed is told. With `UPDATE_EXPECTED=1` these files are written
//! anew, to be looked at before they are kept; new requests in them are asked.

use std::{
    fmt::Write,
    fs,
    path::{Path, PathBuf},
};

use muster_api::{
    apps::AppDetail,
    blocks::FileEntry,
    droplets::Droplet,
    jobs::{Job, JobState},
    page::Page,
    pushes::{Push, SettingsChange},
};
use muster_e2e::{Client, Host, files, guest};
use reqwest::Method;

/// How every component's binary begins.
const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";

/// The cases, by name.
fn cases() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("cases");
    let entries = fs::read_dir(folder).expect("there are cases");
    let mut cases: Vec<PathBuf> = entries
        .map(|entry| entry.expect("it can be read").path())
        .collect();
    cases.sort();
    cases
}

/// A file of the package: the name that it is pushed as, and its bytes.
fn made(path: &str, bytes: Vec<u8>) -> (String, Vec<u8>) {
    let text = || String::from_utf8(bytes.clone()).expect("recipes are text");
    if let Some(path) = path.strip_suffix(".wasm.wat") {
        let wasm = wat::parse_str(text()).expect("the text is right");
        return (format!("{path}.wasm"), wasm);
    }
    if let Some(path) = path.strip_suffix(".guest") {
        let text = text();
        let mut words = text.split_whitespace();
        let mut wasm = guest(words.next().expect("a guest's name"));
        if let Some(length) = words.next() {
            wasm.truncate(length.parse().expect("a number of bytes"));
        }
        return (path.to_owned(), wasm);
    }
    if let Some(path) = path.strip_suffix(".hex") {
        let digits = text().trim().to_owned();
        let byte = |at| u8::from_str_radix(&digits[at..at + 2], 16).expect("hexadecimal");
        return (
            path.to_owned(),
            (0..digits.len()).step_by(2).map(byte).collect(),
        );
    }
    if let Some(path) = path.strip_suffix(".zeros") {
        let mut bytes = COMPONENT.to_vec();
        bytes.resize(text().trim().parse().expect("a number of bytes"), 0);
        return (path.to_owned(), bytes);
    }
    (path.to_owned(), bytes)
}

async fn upload(client: &Client, case: &Path) -> Vec<FileEntry> {
    let mut entries = Vec::new();
    for (path, bytes) in files(&case.join("input")) {
        let (path, bytes) = made(&path, bytes);
        entries.push(client.upload(&path, &bytes).await);
    }
    entries
}

fn settings(case: &Path) -> SettingsChange {
    match fs::read(case.join("settings.json")) {
        Ok(json) => serde_json::from_slice(&json).expect("settings"),
        Err(_) => SettingsChange::default(),
    }
}

/// Pushes a case and says what came of it, in the form of `expected.txt`.
async fn outcome(client: &Client, app: &str, case: &Path, expected: &str) -> String {
    let push = Push {
        files: upload(client, case).await,
        settings: settings(case),
        ..Push::default()
    };
    let job = client.push(app, &push).await;
    let shown: AppDetail = client.get(&format!("/apps/{app}")).await;
    let droplets: Page<Droplet> = client.get(&format!("/apps/{app}/droplets")).await;
    match droplets.items.as_slice() {
        [] => {
            assert!(
                shown.app.urls.is_empty(),
                "{app} has a route without a droplet"
            );
            assert!(
                shown.app.last_failure.is_some(),
                "{app} does not tell its failure"
            );
            rejected(app, &job)
        }
        [droplet] => {
            assert_eq!(job.state, JobState::Succeeded, "{app}: {job:?}");
            accepted(client, app, droplet, expected).await
        }
        several => panic!("{app} has {} droplets", several.len()),
    }
}

fn rejected(app: &str, job: &Job) -> String {
    let problem = job.problem.as_ref();
    let problem = problem.unwrap_or_else(|| panic!("{app}: {job:?}"));
    assert_eq!(job.state, JobState::Failed, "{app}");
    assert_eq!(job.log.last().map(String::as_str), Some("the push failed"));
    format!("rejected {}\n{problem}\n", problem.code)
}

async fn accepted(client: &Client, app: &str, droplet: &Droplet, expected: &str) -> String {
    let mut told = format!("accepted {} {}\n", droplet.detected, droplet.entry);
    for line in expected.lines().filter(|line| line.starts_with("GET /")) {
        let path = line.split(' ').nth(1).expect("a path");
        let request = client.app(Method::GET, &format!("{app}.localhost"), path);
        // As a browser does.
        let request = request.header("accept", "text/html,*/*;q=0.8");
        let response = request.send().await.expect("the data path answers");
        let status = response.status().as_u16();
        let body = response.text().await.expect("text");
        let _ = writeln!(told, "GET {path} {status}");
        told.push_str(&body);
        if !body.is_empty() && !body.ends_with('\n') {
            told.push('\n');
        }
    }
    told
}

#[tokio::test]
async fn every_case_ends_as_expected() {
    let host = Host::start().await;
    let client = host.client().await;
    let mut wrong = String::new();
    let cases = cases();
    for case in &cases {
        let name = case
            .file_name()
            .and_then(|name| name.to_str())
            .expect("text");
        let file = case.join("expected.txt");
        let expected = fs::read_to_string(&file).unwrap_or_default();
        let app = name.replace('.', "-");
        let found = outcome(&client, &app, case, &expected).await;
        if found == expected {
            continue;
        }
        if std::env::var_os("UPDATE_EXPECTED").is_some() {
            fs::write(&file, &found).expect("the file can be written");
        }
        let _ = write!(
            wrong,
            "\n--- {name}, expected\n{expected}--- {name}, found\n{found}"
        );
    }
    assert!(wrong.is_empty(), "{wrong}");
    assert!(cases.len() > 40, "only {} cases were found", cases.len());
    // A stager that has said no so often is still in good health.
    assert_eq!(client.ask("component.localhost", "/").await.0.as_u16(), 200);
    let stager: serde_json::Value = client.get("/roles/stager").await;
    assert_eq!(
        (&stager["state"], &stager["restarts"]),
        (&"running".into(), &0.into())
    );
}
