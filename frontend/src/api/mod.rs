//! Calls of the API.

pub mod events;
pub mod fetch;
pub mod follow;
pub mod push;

use std::pin::Pin;

use muster_api::{page::Page, problem::Problem};
use muster_console_model::answer;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use self::fetch::{Body, Reply};

/// Why a call came to nothing.
#[derive(Debug, Clone, PartialEq)]
pub enum Failure {
    /// The host refused it.
    Refused(Box<Problem>),
    /// Nobody is signed in any more.
    SignedOut,
    /// The host did not answer, or not as it should.
    Away(String),
}

impl Failure {
    /// What is wrong with a field of the request.
    pub fn of_field(&self, field: &str) -> Option<String> {
        let Self::Refused(problem) = self else {
            return None;
        };
        let found = problem.fields.iter().find(|it| it.field == field)?;
        Some(found.message.clone())
    }
}

/// What a call gives.
pub type Answer<T> = Result<T, Failure>;

/// Reads something.
pub async fn get<T: DeserializeOwned>(path: &str) -> Answer<T> {
    read(told("", "GET", path, Body::None).await)
}

/// Asks for something to be done.
pub async fn act<T: DeserializeOwned>(
    method: &str,
    path: &str,
    body: &impl Serialize,
) -> Answer<T> {
    let body = serde_json::to_value(body).map_err(unread)?;
    read(told("", method, path, Body::Json(body.to_string())).await)
}

/// Asks for something to be done that needs no more words.
pub async fn order<T: DeserializeOwned>(method: &str, path: &str) -> Answer<T> {
    read(told("", method, path, Body::None).await)
}

/// Reads all pages of a list, whose path may have a query.
pub async fn list<T: DeserializeOwned>(path: &str) -> Answer<Vec<T>> {
    read(pages(path.to_owned()).await)
}

fn pages(path: String) -> Coming {
    Box::pin(async move {
        let mut all = Vec::new();
        let mut cursor: Option<String> = None;
        loop {
            let more = cursor.map_or_else(String::new, |cursor| {
                format!("&cursor={}", fetch::escape(&cursor))
            });
            let mark = if path.contains('?') { '&' } else { '?' };
            let asked = format!("{path}{mark}limit=500{more}");
            let page = told("", "GET", &asked, Body::None).await?;
            let page: Page<Value> = answer::read(page).map_err(unread)?;
            all.extend(page.items);
            cursor = page.next;
            if cursor.is_none() {
                return Ok(Value::Array(all));
            }
        }
    })
}

/// Something that is asked of a host.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    /// The method.
    pub method: &'static str,
    /// The address below `/api/v1`.
    pub path: String,
    /// What goes with it, if something does.
    pub body: Option<Value>,
    /// The host of the group that is to answer; this one if it is empty.
    pub node: String,
}

/// Asks for something to be done, by this host or another.
pub async fn ask(asked: Asked) -> Answer<Value> {
    let body = asked
        .body
        .map_or(Body::None, |body| Body::Json(body.to_string()));
    told(&asked.node, asked.method, &asked.path, body).await
}

/// The same with whatever body, such as bytes.
pub async fn carry<T: DeserializeOwned>(
    node: &str,
    method: &str,
    path: &str,
    body: Body,
) -> Answer<T> {
    read(told(node, method, path, body).await)
}

/// An answer that is on its way.
type Coming = Pin<Box<dyn Future<Output = Answer<Value>>>>;

/// What a host says to something. This is there once, and not once for each kind of
/// answer: all that is made for each kind is the reading of it.
fn told(node: &str, method: &str, path: &str, body: Body) -> Coming {
    let (node, method) = (node.to_owned(), method.to_owned());
    let path = format!("/api/v1{path}");
    Box::pin(async move {
        let reply = fetch::signed(&node, &method, &path, body).await?;
        if !(200..300).contains(&reply.status) {
            return Err(refusal(&reply));
        }
        if reply.text.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_str(&reply.text).map_err(unread)
    })
}

fn read<T: DeserializeOwned>(answer: Answer<Value>) -> Answer<T> {
    answer::read(answer?).map_err(unread)
}

/// Reads a text in which a host says something.
pub fn understood<T: DeserializeOwned>(text: &str) -> Answer<T> {
    read(serde_json::from_str(text).map_err(unread))
}

fn unread(error: serde_json::Error) -> Failure {
    Failure::Away(error.to_string())
}

/// The problem document of a reply.
pub fn refusal(reply: &Reply) -> Failure {
    match understood(&reply.text) {
        Ok(problem) => Failure::Refused(Box::new(problem)),
        Err(_) => Failure::Away(format!("HTTP {}", reply.status)),
    }
}
