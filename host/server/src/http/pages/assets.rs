//! Style and script of the pages, under names that change with what is in them.

use std::sync::LazyLock;

use axum::{
    extract::Path,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use sha2::{Digest, Sha256};

const STYLE: &str = include_str!("assets/style.css");
const SCRIPT: &str = include_str!("assets/puzzle.js");
const PASSKEY: &str = include_str!("assets/passkey.js");

/// Where the style is.
pub(super) static STYLE_PATH: LazyLock<String> = LazyLock::new(|| path(STYLE, "css"));
/// Where the script is that solves puzzles.
pub(super) static SCRIPT_PATH: LazyLock<String> = LazyLock::new(|| path(SCRIPT, "js"));
/// Where the script is that asks passkeys.
pub(super) static PASSKEY_PATH: LazyLock<String> = LazyLock::new(|| path(PASSKEY, "js"));

fn path(content: &str, ending: &str) -> String {
    let digest = Sha256::digest(content);
    let name: String = digest
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("/sign-in-assets/{name}.{ending}")
}

/// `GET /sign-in-assets/{file}`
pub(super) async fn serve(Path(file): Path<String>) -> Response {
    let is = |path: &str| path.rsplit('/').next() == Some(&file);
    let (content, kind) = if is(&STYLE_PATH) {
        (STYLE, "text/css; charset=utf-8")
    } else if is(&SCRIPT_PATH) {
        (SCRIPT, "text/javascript; charset=utf-8")
    } else if is(&PASSKEY_PATH) {
        (PASSKEY, "text/javascript; charset=utf-8")
    } else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    let headers = headers.map(|(name, value)| (name, HeaderValue::from_static(value)));
    (headers, content).into_response()
}
