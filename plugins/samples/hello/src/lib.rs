//! A sample app: greets at `/`, echoes at `/echo`, writes a log line at `/log`.
#![cfg_attr(
    not(target_family = "wasm"),
    allow(dead_code, reason = "nothing is exported there")
)]

use std::io::{self, Write};

use wasip2::{
    cli::environment::get_environment,
    exports::http::incoming_handler::Guest,
    http::types::{
        Fields, IncomingRequest, Method, OutgoingBody, OutgoingResponse, ResponseOutparam,
    },
    io::streams::{OutputStream, StreamError},
};

/// What is greeted with unless the environment variable `GREETING` says more.
const GREETING: &str = "Hello from Muster!";

struct App;

impl Guest for App {
    fn handle(request: IncomingRequest, answer: ResponseOutparam) {
        let target = request.path_with_query().unwrap_or_default();
        match target.split('?').next().unwrap_or_default() {
            "/" => text(answer, 200, greeting().as_bytes()),
            "/log" => {
                println!("{} {target} was here", name(&request.method()));
                text(answer, 200, b"logged\n");
            }
            "/echo" => echo(&request, answer),
            _ => text(answer, 404, b"Nothing here. Try /, /echo or /log.\n"),
        }
    }
}

fn greeting() -> String {
    let set = get_environment()
        .into_iter()
        .find(|(name, _)| name == "GREETING");
    let mut text = set.map_or_else(|| GREETING.to_owned(), |(_, greeting)| greeting);
    text.push('\n');
    text
}

fn name(method: &Method) -> &str {
    match method {
        Method::Get => "GET",
        Method::Head => "HEAD",
        Method::Post => "POST",
        Method::Put => "PUT",
        Method::Delete => "DELETE",
        Method::Connect => "CONNECT",
        Method::Options => "OPTIONS",
        Method::Trace => "TRACE",
        Method::Patch => "PATCH",
        Method::Other(name) => name,
    }
}

/// Answers with a text. Who hangs up early just does not read it all.
fn text(answer: ResponseOutparam, status: u16, text: &[u8]) {
    let length = text.len().to_string().into_bytes();
    let fields = [
        ("content-type", b"text/plain; charset=utf-8".to_vec()),
        ("content-length", length),
    ];
    respond(
        answer,
        status,
        &fields.map(|(name, value)| (name.to_owned(), value)),
        |body| body.write_all(text),
    );
}

/// Sends the request's body back as it comes.
fn echo(request: &IncomingRequest, answer: ResponseOutparam) {
    let kept = request.headers().get("content-type").into_iter().take(1);
    let fields: Vec<_> = kept
        .map(|value| ("content-type".to_owned(), value))
        .collect();
    respond(answer, 200, &fields, |to| {
        let Ok(body) = request.consume() else {
            return Ok(());
        };
        let Ok(from) = body.stream() else {
            return Ok(());
        };
        loop {
            match to.blocking_splice(&from, 64 * 1024) {
                Ok(_) => {}
                Err(StreamError::Closed) => return to.flush(),
                Err(error) => return Err(io::Error::other(error)),
            }
        }
    });
}

fn respond(
    answer: ResponseOutparam,
    status: u16,
    fields: &[(String, Vec<u8>)],
    fill: impl FnOnce(&mut OutputStream) -> io::Result<()>,
) {
    let response =
        OutgoingResponse::new(Fields::from_list(fields).unwrap_or_else(|_| Fields::new()));
    let sent = response.set_status_code(status).is_ok();
    let body = response.body();
    ResponseOutparam::set(answer, Ok(response));
    let (true, Ok(body)) = (sent, body) else {
        return;
    };
    let Ok(mut stream) = body.write() else { return };
    let filled = fill(&mut stream);
    drop(stream);
    if filled.is_ok() {
        // Fails only for a client that has gone.
        let _ = OutgoingBody::finish(body, None);
    }
}

// Only a component can have such exports; elsewhere they do not link.
#[cfg(target_family = "wasm")]
wasip2::http::proxy::export!(App);
