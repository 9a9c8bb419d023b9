//! What guests write to standard output and error, as lines.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
};

use bytes::Bytes;
use tokio::io::AsyncWrite;
use wasmtime_wasi::{
    cli::{IsTerminal, StdoutStream},
    p2::{OutputStream, Pollable, StreamResult},
};

/// The longest line; longer ones are cut into several.
const MAX_LINE: usize = 16 << 10;

/// Where a line was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Out,
    /// Standard error.
    Err,
}

/// One line of a guest.
#[derive(Debug)]
pub struct Output<'a> {
    /// Where it was written.
    pub stream: Stream,
    /// The id of the request that was served; empty outside of requests.
    pub request: &'a str,
    /// The line, without its end.
    pub line: &'a str,
}

/// Takes the lines.
pub type OutputSink = Arc<dyn Fn(Output<'_>) + Send + Sync>;

/// One standard stream of one store. Clones share the unfinished line.
#[derive(Clone)]
pub(crate) struct LineStream {
    sink: OutputSink,
    request: Arc<str>,
    stream: Stream,
    rest: Arc<Mutex<Vec<u8>>>,
}

impl LineStream {
    pub(crate) fn new(sink: &OutputSink, request: &Arc<str>, stream: Stream) -> Self {
        Self {
            sink: Arc::clone(sink),
            request: Arc::clone(request),
            stream,
            rest: Arc::default(),
        }
    }

    fn take(&self, bytes: &[u8]) {
        let mut rest = self.rest.lock().unwrap_or_else(PoisonError::into_inner);
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let (piece, ended) = piece
                .strip_suffix(b"\n")
                .map_or((piece, false), |line| (line, true));
            for part in piece.chunks(MAX_LINE) {
                if rest.len() + part.len() > MAX_LINE {
                    self.emit(&mut rest);
                }
                rest.extend_from_slice(part);
            }
            if ended {
                self.emit(&mut rest);
            }
        }
    }

    fn emit(&self, line: &mut Vec<u8>) {
        let text = String::from_utf8_lossy(line);
        (self.sink)(Output {
            stream: self.stream,
            request: &self.request,
            line: text.trim_end_matches('\r'),
        });
        line.clear();
    }
}

/// A guest's last line often lacks its end.
impl Drop for LineStream {
    fn drop(&mut self) {
        if Arc::strong_count(&self.rest) == 1 {
            let mut rest =
                std::mem::take(&mut *self.rest.lock().unwrap_or_else(PoisonError::into_inner));
            if !rest.is_empty() {
                self.emit(&mut rest);
            }
        }
    }
}

impl IsTerminal for LineStream {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for LineStream {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for LineStream {
    async fn ready(&mut self) {}
}

impl OutputStream for LineStream {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.take(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(64 << 10)
    }
}

impl AsyncWrite for LineStream {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        self.take(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(writes: &[&[u8]]) -> Vec<String> {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&seen);
        let sink: OutputSink =
            Arc::new(move |output: Output<'_>| kept.lock().unwrap().push(output.line.to_owned()));
        let stream = LineStream::new(&sink, &Arc::from("r1"), Stream::Out);
        for bytes in writes {
            stream.take(bytes);
        }
        drop(stream);
        drop(sink);
        Arc::into_inner(seen).unwrap().into_inner().unwrap()
    }

    #[test]
    fn lines_are_joined_over_writes_and_the_last_needs_no_end() {
        assert_eq!(
            lines(&[b"one\ntw", b"o\r\n", b"\nthree"]),
            ["one", "two", "", "three"]
        );
        assert!(lines(&[]).is_empty());
    }

    #[test]
    fn endless_lines_are_cut() {
        let long = vec![b'x'; MAX_LINE * 2 + 5];
        let lengths: Vec<usize> = lines(&[&long, b"\n"]).iter().map(String::len).collect();
        assert_eq!(lengths, [MAX_LINE, MAX_LINE, 5]);
    }

    #[test]
    fn bytes_that_are_no_text_are_shown_as_such() {
        assert_eq!(lines(&[b"a\xffb\n"]), ["a\u{fffd}b"]);
    }
}
