//! Asks upstreams how they are, from time to time.

use std::{sync::Arc, time::Duration};

use futures::future::join_all;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{Instant, sleep_until, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{
    group::Balance,
    proxy_protocol,
    terms::{Check, Terms},
    upstream::Upstream,
};

/// How often to look whether there is something to check meanwhile.
const LOOK: Duration = Duration::from_millis(500);

/// Checks the upstreams until stopped.
pub async fn keep_checking(balance: Arc<Balance>, stop: CancellationToken) {
    let mut last = Instant::now();
    loop {
        let terms = balance.terms();
        let every = terms.check.as_ref().map_or(LOOK, |check| check.every);
        // Settings may have changed since; a short interval begins at once.
        let until = (last + every).min(Instant::now() + LOOK);
        tokio::select! {
            () = sleep_until(until) => {}
            () = stop.cancelled() => return,
        }
        if let Some(check) = &terms.check
            && Instant::now() >= last + every
        {
            last = Instant::now();
            round(&balance, &terms, check).await;
        }
    }
}

async fn round(balance: &Balance, terms: &Terms, check: &Check) {
    let group = balance.current();
    let all = group.within_reach().map(async |upstream| {
        let asked = timeout(check.patience, ask(upstream, terms, check)).await;
        let found = asked.unwrap_or_else(|_| {
            let patience = check.patience.as_millis();
            Err(format!("the check got no answer within {patience} ms"))
        });
        upstream.checked(found, check);
    });
    join_all(all).await;
}

async fn ask(upstream: &Upstream, terms: &Terms, check: &Check) -> Result<(), String> {
    let mut last = "the check has no address to ask at".to_owned();
    for address in &upstream.addresses {
        match ask_at(address, terms, check).await {
            Ok(status) if (200..400).contains(&status) => return Ok(()),
            Ok(status) => last = format!("the check got the status {status}"),
            Err(error) => last = format!("the check found nobody: {error}"),
        }
    }
    Err(last)
}

async fn ask_at(address: &str, terms: &Terms, check: &Check) -> std::io::Result<u16> {
    let mut stream = TcpStream::connect(address).await?;
    let mut question = Vec::new();
    if let Some(version) = terms.send_proxy {
        question.extend(proxy_protocol::write(version, None));
    }
    question.extend(
        format!(
            "GET {} HTTP/1.1\r\nhost: {address}\r\nuser-agent: muster-load-balancer\r\nconnection: close\r\n\r\n",
            check.path
        )
        .into_bytes(),
    );
    stream.write_all(&question).await?;
    let mut line = [0; 12];
    stream.read_exact(&mut line).await?;
    status(&line).ok_or_else(|| std::io::Error::other("it does not speak HTTP"))
}

/// The status in the first bytes of a response.
fn status(line: &[u8; 12]) -> Option<u16> {
    let (version, status) = line.split_at(9);
    let known = version == b"HTTP/1.1 " || version == b"HTTP/1.0 ";
    let digits = known && status.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(status)
        .ok()
        .filter(|_| digits)?
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::status;

    #[test]
    fn a_status_is_read_from_a_response_and_nothing_else() {
        assert_eq!(status(b"HTTP/1.1 200"), Some(200));
        assert_eq!(status(b"HTTP/1.0 503"), Some(503));
        for odd in [b"HTTP/2.0 200", b"HTTP/1.1 +20", b"SSH-2.0-Open"] {
            assert_eq!(status(odd), None);
        }
    }
}
