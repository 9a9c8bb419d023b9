//! Serves a directory of static files over wasi:http.
//!
//! The component finds three things in its directory `/`: the files in
//! `site/`; for each of them a file of the same path in `etags/` with its
//! digest; and, if there is a fallback, its path in the file `fallback`.
//!
//! [`serve`] decides on a request; its parts are [`path`], [`negotiate`],
//! [`etag`], [`range`] and [`media`]. None of them does any IO: [`files`] reads
//! files and [`answer`] writes responses, the two that know WASI.
#![cfg_attr(
    not(target_family = "wasm"),
    allow(dead_code, reason = "nothing is exported there")
)]

use wasip2::{
    exports::http::incoming_handler::Guest,
    http::types::{IncomingRequest, Method as WasiMethod, ResponseOutparam},
};

use crate::{
    files::Directory,
    serve::{Method, Request},
};

mod answer;
mod files;

pub mod etag;
pub mod media;
pub mod negotiate;
pub mod path;
pub mod range;
pub mod serve;

struct Site;

impl Guest for Site {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let fields = request.headers();
        let head = Request {
            method: match request.method() {
                WasiMethod::Get => Method::Get,
                WasiMethod::Head => Method::Head,
                _ => Method::Other,
            },
            target: &request.path_with_query().unwrap_or_default(),
            header: |name: &str| {
                let values = fields.get(name);
                let text: Vec<_> = values
                    .iter()
                    .filter_map(|value| std::str::from_utf8(value).ok())
                    .collect();
                (!text.is_empty()).then(|| text.join(", "))
            },
        };
        let answer = match Directory::open() {
            Some(directory) => serve::serve(&directory, &head),
            None => serve::broken(),
        };
        answer::send(out, answer);
    }
}

// Only a component can have such exports; elsewhere they do not link.
#[cfg(target_family = "wasm")]
wasip2::http::proxy::export!(Site);
