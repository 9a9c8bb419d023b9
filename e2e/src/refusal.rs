//! Refusals: what every one of them must look like, and that it changed nothing.

use std::{
    collections::BTreeSet,
    process::{Command, Stdio},
    sync::{Mutex, PoisonError},
};

use muster_api::problem::{self, MEDIA_TYPE, Problem};
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde_json::{Map, Value, json};

use crate::{client::Client, host::muster_binary};

/// Sends a request that must be refused with that status and code.
///
/// # Panics
/// If it is not, or the refusal is no sound problem document.
pub async fn refuse(request: RequestBuilder, status: u16, code: &str) -> Problem {
    let response = request.send().await.expect("the host answers");
    refused(response, status, code).await
}

/// Reads the refusal with that status and code.
///
/// # Panics
/// If the response is something else, or no sound problem document: of the
/// right media type, with the response's own status and request id, and with a
/// remedy that names a command that exists.
pub async fn refused(response: Response, status: u16, code: &str) -> Problem {
    let (found, url) = (response.status(), response.url().clone());
    let headers = response.headers().clone();
    let text = response.text().await.expect("a body");
    assert_eq!(found.as_u16(), status, "{url} answered {text}");
    let kind = headers.get("content-type").map(|kind| kind.as_bytes());
    assert_eq!(kind, Some(MEDIA_TYPE.as_bytes()), "{url} answered {text}");
    let problem: Problem = serde_json::from_str(&text)
        .unwrap_or_else(|error| panic!("{url} answered {text}, which is no problem: {error}"));
    assert_eq!(
        (problem.status, problem.code.as_str()),
        (status, code),
        "{url} answered {text}"
    );
    assert!(
        problem::is_known(code, status),
        "{code} with {status} is not in the table of codes"
    );
    assert!(!problem.title.is_empty(), "{url} answered {text}");
    assert!(problem.request_id.is_some(), "{url} answered {text}");
    if let Some(id) = headers.get("x-request-id") {
        let told = problem.request_id.as_deref().unwrap_or_default();
        assert_eq!(id.as_bytes(), told.as_bytes(), "{url} answered {text}");
    }
    if found == StatusCode::UNAUTHORIZED {
        let challenge = headers.get("www-authenticate");
        assert!(challenge.is_some(), "{url} answers 401 without a challenge");
    }
    if let Some(remedy) = &problem.remedy {
        assert_remedy(remedy);
    }
    problem
}

/// Checks that the command which a remedy names exists.
///
/// # Panics
/// If it does not.
pub fn assert_remedy(remedy: &str) {
    static KNOWN: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    let Some((_, command)) = remedy.split_once("muster ") else {
        return;
    };
    let words: Vec<&str> = command
        .split_whitespace()
        .take_while(|word| word.bytes().all(|byte| byte.is_ascii_lowercase()))
        .take(2)
        .collect();
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if !known.insert(words.join(" ")) {
        return;
    }
    let help = Command::new(muster_binary())
        .args(&words)
        .arg("--help")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .expect("the muster binary runs");
    assert!(
        help.success(),
        "'{remedy}' names a command that does not exist"
    );
}

/// The single field that a refusal complains about.
///
/// # Panics
/// If there is another number of fields, or nothing is said about it.
#[must_use]
pub fn only_field(problem: &Problem) -> &str {
    let [field] = problem.fields.as_slice() else {
        panic!("one field should be wrong: {problem:?}");
    };
    assert!(!field.message.is_empty(), "{problem:?}");
    &field.field
}

/// Everything that the API shows, but for what changes by itself: two of these
/// are equal unless something was changed between them.
pub async fn everything(client: &Client) -> Value {
    let mut all = Map::new();
    for list in ["apps", "routes", "roles", "jobs"] {
        let page: Value = client.get(&format!("/{list}?limit=500")).await;
        all.insert(list.to_owned(), page);
    }
    let names: Vec<String> = all["apps"]["items"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|app| app["name"].as_str().map(str::to_owned))
        .collect();
    for name in names {
        let droplets: Value = client.get(&format!("/apps/{name}/droplets")).await;
        let env: Value = client.get(&format!("/apps/{name}/env")).await;
        let detail: Value = client.get(&format!("/apps/{name}")).await;
        all.insert(
            format!("app {name}"),
            json!({ "droplets": droplets, "env": env, "placements": detail["placements"] }),
        );
    }
    Value::Object(all)
}

/// One request that must be refused, as a row of a table.
pub struct Case {
    /// The method.
    pub method: Method,
    /// The path after `/api/v1`.
    pub path: String,
    /// The JSON body.
    pub body: Value,
    /// The status of the refusal.
    pub status: u16,
    /// The code of the refusal.
    pub code: &'static str,
    /// The field that is wrong, if the refusal names one.
    pub field: Option<&'static str>,
}

impl Case {
    /// A row without a wrong field.
    pub fn new(
        method: Method,
        path: impl Into<String>,
        body: Value,
        status: u16,
        code: &'static str,
    ) -> Self {
        Self {
            method,
            path: path.into(),
            body,
            status,
            code,
            field: None,
        }
    }

    /// A row whose refusal is 422 and names one wrong field.
    pub fn field(
        method: Method,
        path: impl Into<String>,
        body: Value,
        field: &'static str,
    ) -> Self {
        Self {
            field: Some(field),
            ..Self::new(method, path, body, 422, "invalid-request")
        }
    }
}

/// Has every row refused, and checks after each that nothing was changed.
///
/// # Panics
/// If one is not refused as it says, or something was changed.
pub async fn refuse_all(client: &Client, cases: Vec<Case>) {
    let before = everything(client).await;
    for case in cases {
        let told = format!("{} {} {}", case.method, case.path, case.body);
        let mut request = client.request(case.method, &case.path);
        if !case.body.is_null() {
            request = request.json(&case.body);
        }
        let response = request.send().await.expect("the host answers");
        assert_eq!(response.status().as_u16(), case.status, "{told}");
        let problem = refused(response, case.status, case.code).await;
        if let Some(field) = case.field {
            assert_eq!(only_field(&problem), field, "{told}");
        } else {
            assert!(problem.fields.is_empty(), "{told}: {problem:?}");
        }
        assert_eq!(everything(client).await, before, "{told} changed something");
    }
}
