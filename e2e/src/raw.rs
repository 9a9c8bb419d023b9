//! Requests that no HTTP client would send, byte by byte.

use std::net::SocketAddr;

use reqwest::StatusCode;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// An answer to a raw request.
#[derive(Debug)]
pub struct RawAnswer {
    /// The status.
    pub status: StatusCode,
    /// The header fields, names in lower case.
    pub fields: Vec<(String, String)>,
    /// The body as it came, without any transfer coding undone.
    pub body: String,
}

impl RawAnswer {
    /// The value of a header field.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }
}

/// Sends these bytes and reads until the other side closes. The request must
/// ask for that with `Connection: close`, or be broken.
///
/// # Panics
/// If nothing that looks like HTTP comes back.
pub async fn raw(to: SocketAddr, request: &[u8]) -> RawAnswer {
    let mut stream = TcpStream::connect(to).await.expect("somebody listens");
    stream.write_all(request).await.expect("it is taken");
    let mut bytes = Vec::new();
    stream
        .read_to_end(&mut bytes)
        .await
        .expect("the answer ends");
    let text = String::from_utf8_lossy(&bytes);
    let (head, body) = text
        .split_once("\r\n\r\n")
        .unwrap_or_else(|| panic!("no HTTP: {text:?}"));
    let mut lines = head.lines();
    let status = lines
        .next()
        .and_then(|line| line.split(' ').nth(1))
        .and_then(|code| code.parse().ok())
        .unwrap_or_else(|| panic!("no status: {head:?}"));
    let fields = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    RawAnswer {
        status,
        fields,
        body: body.to_owned(),
    }
}
