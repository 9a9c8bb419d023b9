//! Logging in with a browser: the host sends it back to a port of this machine
//! (RFC 8252), with a code that only this process can trade (RFC 7636).

use std::{
    collections::BTreeMap,
    env,
    net::Ipv4Addr,
    process::{Command, Stdio},
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use muster_api::{
    authorization::AuthorizationRequest,
    tokens::{CLI_CLIENT, TokenReply, TokenRequest},
};
use reqwest::Url;
use sha2::{Digest, Sha256};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time,
};
use uuid::Uuid;

use crate::{client::Transport, failure::Failure};

/// How long somebody may take in the browser: as long as the host waits.
const PATIENCE: Duration = Duration::from_secs(900);
/// How long a connection may take to say what it wants.
const READING: Duration = Duration::from_secs(10);
/// The longest head of a request.
const MAX_HEAD: usize = 16 << 10;

/// What only this process knows.
struct Secrets {
    state: String,
    verifier: String,
}

impl Secrets {
    fn new() -> Self {
        let random = || format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
        Self {
            state: random(),
            verifier: random(),
        }
    }

    fn challenge(&self) -> String {
        URL_SAFE_NO_PAD.encode(Sha256::digest(&self.verifier))
    }
}

/// Signs somebody in with their browser.
///
/// # Errors
/// If they do not, or the host refuses.
pub async fn run(
    transport: &Transport,
    method: Option<String>,
    open: bool,
) -> Result<TokenReply, Failure> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let redirect_uri = format!("http://{}/callback", listener.local_addr()?);
    let secrets = Secrets::new();
    let request = AuthorizationRequest {
        response_type: "code".to_owned(),
        client_id: CLI_CLIENT.to_owned(),
        redirect_uri: redirect_uri.clone(),
        state: Some(secrets.state.clone()),
        code_challenge: Some(secrets.challenge()),
        code_challenge_method: Some("S256".to_owned()),
        method,
        ..AuthorizationRequest::default()
    };
    let url = transport.authorization_url(&request)?;
    eprintln!("Sign in with your browser at:\n\n  {url}\n");
    if open {
        show(&url);
    }
    let code = time::timeout(PATIENCE, answer(&listener, &secrets.state))
        .await
        .map_err(|_| {
            Failure::usage("nobody has signed in within a quarter of an hour")
                .hint("on a machine without a browser, use `muster login --device`")
        })??;
    let request = TokenRequest {
        grant_type: "authorization_code".to_owned(),
        code: Some(code),
        redirect_uri: Some(redirect_uri),
        code_verifier: Some(secrets.verifier),
        ..TokenRequest::default()
    };
    Ok(transport.tokens(request).await?)
}

/// Tries to open a browser; whoever has none has the address.
fn show(url: &str) {
    let fallback = if cfg!(target_os = "macos") {
        "open"
    } else {
        "xdg-open"
    };
    let program = env::var_os("BROWSER").unwrap_or_else(|| fallback.into());
    let _ = Command::new(program)
        .arg(url)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
}

/// The code that the browser brings. Whatever else connects is told off.
async fn answer(listener: &TcpListener, state: &str) -> Result<String, Failure> {
    loop {
        let (mut stream, _) = listener.accept().await?;
        let head = time::timeout(READING, head(&mut stream)).await;
        let told = head.ok().flatten().and_then(|head| read(&head, state));
        let (status, text) = match &told {
            None => ("404 Not Found", "There is nothing here."),
            Some(Ok(_)) => (
                "200 OK",
                "You are signed in. You may close this window and go back to the terminal.",
            ),
            Some(Err(_)) => (
                "200 OK",
                "You are not signed in. You may close this window and go back to the terminal.",
            ),
        };
        let reply = format!(
            "HTTP/1.1 {status}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {}\r\nCache-Control: no-store\r\nReferrer-Policy: no-referrer\r\nConnection: close\r\n\r\n{text}",
            text.len()
        );
        // The browser may be gone; the answer counts all the same.
        let _ = stream.write_all(reply.as_bytes()).await;
        let _ = stream.shutdown().await;
        if let Some(told) = told {
            return told.map_err(|why| Failure::new(crate::failure::Exit::Forbidden, why));
        }
    }
}

async fn head(stream: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    let mut chunk = [0; 1024];
    while !bytes.windows(4).any(|end| end == b"\r\n\r\n") {
        let read = stream.read(&mut chunk).await.ok()?;
        bytes.extend_from_slice(chunk.get(..read)?);
        if read == 0 || bytes.len() > MAX_HEAD {
            return None;
        }
    }
    String::from_utf8(bytes).ok()
}

/// What a request tells: the code, or why there is none. Nothing if it is not
/// the answer to this very question.
fn read(head: &str, state: &str) -> Option<Result<String, String>> {
    let path = head.lines().next()?.strip_prefix("GET ")?;
    let path = path.split(' ').next()?;
    let url = Url::parse("http://127.0.0.1").ok()?.join(path).ok()?;
    let mut told: BTreeMap<String, String> = url.query_pairs().into_owned().collect();
    if url.path() != "/callback" || told.get("state").map(String::as_str) != Some(state) {
        return None;
    }
    if let Some(code) = told.remove("code") {
        return Some(Ok(code));
    }
    let why = told.remove("error_description").or(told.remove("error"));
    Some(Err(
        why.unwrap_or_else(|| "the host gave no code".to_owned())
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_answer_to_this_question_counts() {
        let told = |path: &str| read(&format!("GET {path} HTTP/1.1\r\n\r\n"), "right");
        assert_eq!(
            told("/callback?code=c&state=right"),
            Some(Ok("c".to_owned()))
        );
        assert_eq!(
            told("/callback?error=access_denied&error_description=they+do+not+want&state=right"),
            Some(Err("they do not want".to_owned()))
        );
        for other in [
            "/callback?code=c&state=wrong",
            "/callback?code=c",
            "/favicon.ico",
            "/other?code=c&state=right",
            "//evil.example/x?code=c&state=right",
        ] {
            assert_eq!(told(other), None, "{other}");
        }
        assert_eq!(read("POST /callback?code=c&state=right", "right"), None);
    }

    #[test]
    fn verifiers_have_the_length_and_letters_that_are_asked_for() {
        let (one, other) = (Secrets::new(), Secrets::new());
        assert_eq!(one.verifier.len(), 64);
        assert_eq!(one.challenge().len(), 43);
        assert_ne!(one.verifier, other.verifier);
        assert_ne!(one.state, one.verifier);
    }
}
