//! Requests, with the access token of whoever is signed in.

use js_sys::{Reflect, Uint8Array};
use muster_api::hosts::NODE_HEADER;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{AbortSignal, Headers, RequestInit, Response};

use super::Failure;
use crate::session::tokens;

/// What a request brings.
#[derive(Debug, Clone)]
pub enum Body {
    /// Nothing.
    None,
    /// JSON.
    Json(String),
    /// Fields of a form, encoded.
    Form(String),
    /// Bytes.
    Bytes(Vec<u8>),
}

/// What came back.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The status.
    pub status: u16,
    /// The body.
    pub text: String,
}

/// Sends a request as whoever is signed in. When the access token is over, the
/// session is renewed and the request sent again, once. `node` is the host of the
/// group that is to answer; this one if it is empty.
pub async fn signed(node: &str, method: &str, path: &str, body: Body) -> Result<Reply, Failure> {
    let response = open(node, method, path, body, None).await?;
    reply(response).await
}

/// The same, as far as the beginning of the answer.
pub async fn open(
    node: &str,
    method: &str,
    path: &str,
    body: Body,
    abort: Option<&AbortSignal>,
) -> Result<Response, Failure> {
    let token = match tokens::access() {
        Some(token) => token,
        None => tokens::renew().await?,
    };
    let bearer = |token: &str| {
        let mut headers = vec![("authorization", format!("Bearer {token}"))];
        if !node.is_empty() {
            headers.push((NODE_HEADER, node.to_owned()));
        }
        headers
    };
    let first = request(method, path, &body, &bearer(&token), abort).await?;
    if first.status() != 401 {
        return Ok(first);
    }
    let token = tokens::renew().await?;
    request(method, path, &body, &bearer(&token), abort).await
}

/// Sends a request to the session's own addresses, which know their pages by a
/// header.
pub async fn own(method: &str, path: &str, body: Body) -> Result<Reply, Failure> {
    let mark = [("muster-console", "1".to_owned())];
    reply(request(method, path, &body, &mark, None).await?).await
}

async fn request(
    method: &str,
    path: &str,
    body: &Body,
    headers: &[(&str, String)],
    abort: Option<&AbortSignal>,
) -> Result<Response, Failure> {
    let init = RequestInit::new();
    init.set_method(method);
    init.set_signal(abort);
    let fields = Headers::new().map_err(away)?;
    for (name, value) in headers {
        fields.set(name, value).map_err(away)?;
    }
    let kind = match body {
        Body::None => None,
        Body::Json(text) => {
            init.set_body(&JsValue::from_str(text));
            Some("application/json")
        }
        Body::Form(text) => {
            init.set_body(&JsValue::from_str(text));
            Some("application/x-www-form-urlencoded")
        }
        Body::Bytes(bytes) => {
            init.set_body(&Uint8Array::from(bytes.as_slice()));
            Some("application/octet-stream")
        }
    };
    if let Some(kind) = kind {
        fields.set("content-type", kind).map_err(away)?;
    }
    init.set_headers(&fields);
    let window = leptos::prelude::window();
    let sent = JsFuture::from(window.fetch_with_str_and_init(path, &init)).await;
    sent.map_err(away)?.dyn_into::<Response>().map_err(away)
}

async fn reply(response: Response) -> Result<Reply, Failure> {
    let text = JsFuture::from(response.text().map_err(away)?)
        .await
        .map_err(away)?;
    Ok(Reply {
        status: response.status(),
        text: text.as_string().unwrap_or_default(),
    })
}

/// What the browser says of a failure.
pub fn away(error: JsValue) -> Failure {
    let message = Reflect::get(&error, &"message".into());
    let message = message.ok().and_then(|text| text.as_string());
    Failure::Away(message.unwrap_or_default())
}

/// A text as a part of an address or of a form.
pub fn escape(text: &str) -> String {
    js_sys::encode_uri_component(text).into()
}

/// Fields as a form.
pub fn form(fields: &[(&str, &str)]) -> Body {
    let pairs: Vec<String> = fields
        .iter()
        .map(|(name, value)| format!("{name}={}", escape(value)))
        .collect();
    Body::Form(pairs.join("&"))
}
