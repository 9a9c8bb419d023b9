//! The files of the console, compressed when the host was built.

use axum::{
    Router,
    body::Body,
    extract::Path,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use sha2::{Digest, Sha256};

use super::super::Api;

/// What the page may do: load what this host has, and nothing else. The program
/// itself is WebAssembly, which needs a word of its own.
const POLICY: &str = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

/// A file in each form in which it may be sent.
struct File {
    name: &'static str,
    plain: &'static [u8],
    brotli: &'static [u8],
    gzip: &'static [u8],
}

include!(concat!(env!("OUT_DIR"), "/console.rs"));

/// The addresses of the files.
pub(in crate::http) fn routes() -> Router<Api> {
    Router::new().route("/console/{file}", get(serve))
}

/// Whether this host was built with its console.
pub(in crate::http) fn is_built() -> bool {
    find("index.html").is_some()
}

/// The console's page, if this host was built with it. Browsers ask each time
/// whether it is still the same.
pub(in crate::http) fn page(asked: &HeaderMap) -> Option<Response> {
    let file = find("index.html")?;
    let tag = tag(file.plain);
    let known = asked.get(header::IF_NONE_MATCH);
    let is_known = known
        .and_then(|tags| tags.to_str().ok())
        .is_some_and(|tags| {
            tags.split(',')
                .any(|known| known.trim().trim_start_matches("W/") == tag)
        });
    let mut response = if is_known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        send(file, asked)
    };
    let headers = response.headers_mut();
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        headers.insert(header::ETAG, tag);
    }
    for (name, value) in [
        (header::CACHE_CONTROL, "no-cache"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::REFERRER_POLICY, "no-referrer"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    Some(response)
}

/// `GET /console/{file}`
async fn serve(Path(name): Path<String>, asked: HeaderMap) -> Response {
    let Some(file) = find(&name).filter(|file| file.name != "index.html") else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let mut response = send(file, &asked);
    let forever = HeaderValue::from_static("public, max-age=31536000, immutable");
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, forever);
    response
}

fn find(name: &str) -> Option<&'static File> {
    FILES.iter().find(|file| file.name == name)
}

/// A file in the smallest form that the client takes.
fn send(file: &'static File, asked: &HeaderMap) -> Response {
    let (body, encoding) = if accepts(asked, "br") {
        (file.brotli, Some("br"))
    } else if accepts(asked, "gzip") {
        (file.gzip, Some("gzip"))
    } else {
        (file.plain, None)
    };
    let mut response = Body::from(body).into_response();
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_TYPE, media_type(file.name)),
        (header::VARY, "accept-encoding"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.insert(header::CONTENT_LENGTH, body.len().into());
    if let Some(encoding) = encoding {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
    }
    response
}

/// Whether a client takes an encoding, as RFC 9110 has it: named, and not with a
/// weight of nothing.
fn accepts(asked: &HeaderMap, encoding: &str) -> bool {
    let lines = asked.get_all(header::ACCEPT_ENCODING).into_iter();
    lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','))
        .any(|part| {
            let (name, weight) = part.split_once(';').unwrap_or((part, ""));
            let weight = weight.trim().trim_start_matches("q=");
            let refused = weight.parse::<f32>().is_ok_and(|weight| weight == 0.0);
            name.trim().eq_ignore_ascii_case(encoding) && !refused
        })
}

fn media_type(name: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("wasm") => "application/wasm",
        _ => "application/octet-stream",
    }
}

fn tag(content: &[u8]) -> String {
    let digest = Sha256::digest(content);
    let mark: String = digest
        .iter()
        .take(16)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("\"{mark}\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asks(encodings: &str) -> HeaderMap {
        let value = HeaderValue::from_str(encodings).unwrap();
        [(header::ACCEPT_ENCODING, value)].into_iter().collect()
    }

    #[test]
    fn the_smallest_form_that_is_taken_is_sent() {
        let file: &'static File = &File {
            name: "a.js",
            plain: b"plain",
            brotli: b"b",
            gzip: b"gz",
        };
        for (encodings, expected) in [
            ("gzip, deflate, br, zstd", Some("br")),
            ("GZIP;q=0.5", Some("gzip")),
            ("br;q=0, gzip", Some("gzip")),
            ("br;q=0.0", None),
            ("brown", None),
            ("", None),
        ] {
            let response = send(file, &asks(encodings));
            let encoding = response.headers().get(header::CONTENT_ENCODING);
            let encoding = encoding.map(|value| value.to_str().unwrap());
            assert_eq!(encoding, expected, "{encodings}");
            assert_eq!(
                response.headers()[header::CONTENT_TYPE],
                "text/javascript; charset=utf-8"
            );
        }
    }

    #[test]
    fn what_a_page_may_do_has_no_inline_scripts() {
        assert!(POLICY.contains("script-src 'self' 'wasm-unsafe-eval';"));
        assert!(!POLICY.contains("unsafe-inline") && !POLICY.contains("'unsafe-eval'"));
    }
}
