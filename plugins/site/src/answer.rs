//! Sends answers.

use std::{
    io::{self, Write},
    ops::Range,
};

use wasip2::{
    filesystem::types::Descriptor,
    http::types::{ErrorCode, Fields, OutgoingBody, OutgoingResponse, ResponseOutparam},
    io::streams::OutputStream,
};

use crate::serve::{Answer, Body};

/// How much of a file is moved at once, in bytes.
const CHUNK: u64 = 256 << 10;

/// Sends an answer. A body that stops in the middle stays unfinished, so that
/// the client can tell.
pub fn send(out: ResponseOutparam, answer: Answer<Descriptor>) {
    let fields: Vec<_> = answer
        .fields
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.into_bytes()))
        .collect();
    let response = Fields::from_list(&fields).ok().map(OutgoingResponse::new);
    let Some(response) =
        response.filter(|response| response.set_status_code(answer.status).is_ok())
    else {
        let error = ErrorCode::InternalError(Some("the host refuses a header field".to_owned()));
        return ResponseOutparam::set(out, Err(error));
    };
    // Without a body of its own, a response may name the length of the one
    // that GET would give.
    if matches!(answer.body, Body::Empty) {
        return ResponseOutparam::set(out, Ok(response));
    }
    let body = response.body();
    ResponseOutparam::set(out, Ok(response));
    let Ok(body) = body else { return };
    let Ok(mut stream) = body.write() else { return };
    let written = match answer.body {
        Body::Empty => Ok(()),
        Body::Text(text) => stream.write_all(text.as_bytes()),
        Body::File(file, part) => copy(&file, part, &stream),
    };
    drop(stream);
    if written.is_ok() {
        // Fails only for a client that has gone.
        let _ = OutgoingBody::finish(body, None);
    }
}

/// Moves a part of a file to the stream without a detour through this
/// component's memory.
fn copy(file: &Descriptor, part: Range<u64>, to: &OutputStream) -> io::Result<()> {
    let from = file.read_via_stream(part.start).map_err(io::Error::other)?;
    let mut left = part.end - part.start;
    while left > 0 {
        left -= to
            .blocking_splice(&from, left.min(CHUNK))
            .map_err(io::Error::other)?;
    }
    Ok(())
}
