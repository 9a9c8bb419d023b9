//! Signing in: with a password on the console's own page, or any other way on the
//! pages of the host, which send the browser back with a code.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use leptos::prelude::window;
use muster_api::tokens::{CONSOLE_CLIENT, OAuthError};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::tokens;
use crate::api::{
    Failure,
    fetch::{self, Reply, escape, form},
    understood,
};

/// Where the way back is kept meanwhile.
const KEPT: &str = "muster.sign-in";

/// Why nobody was signed in.
pub enum Refusal {
    /// In the words of OAuth.
    OAuth(Box<OAuthError>),
    /// Otherwise.
    Failure(Failure),
}

/// Signs in with name and password, and a code of the second factor if one is
/// asked for.
pub async fn by_password(name: &str, password: &str, otp: &str) -> Result<(), Refusal> {
    let mut fields = vec![
        ("grant_type", "password"),
        ("username", name),
        ("password", password),
    ];
    if !otp.is_empty() {
        fields.push(("otp", otp));
    }
    send(&fields).await
}

/// Goes to the host's own pages.
pub fn depart() {
    let verifier = format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
    let state = Uuid::new_v4().simple().to_string();
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes()));
    let location = window().location();
    let (Ok(origin), Ok(Some(storage))) = (location.origin(), window().session_storage()) else {
        return;
    };
    let back = location.pathname().unwrap_or_default();
    let _ = storage.set_item(KEPT, &format!("{state} {verifier} {back}"));
    let callback = escape(&format!("{origin}/callback"));
    let _ = location.set_href(&format!(
        "/oauth/authorize?response_type=code&client_id={CONSOLE_CLIENT}&redirect_uri={callback}&state={state}&code_challenge={challenge}&code_challenge_method=S256"
    ));
}

/// Signs in with the code that the pages have sent along, and says where to go on.
pub async fn arrive(code: &str, state: &str) -> Result<String, Refusal> {
    let kept = window().session_storage().ok().flatten();
    let kept = kept.and_then(|storage| {
        let text = storage.get_item(KEPT).ok()?;
        let _ = storage.remove_item(KEPT);
        text
    });
    let kept = kept.unwrap_or_default();
    let mut parts = kept.split(' ');
    let (known, verifier, back) = (parts.next(), parts.next(), parts.next());
    let (Some(verifier), true) = (verifier, known == Some(state)) else {
        return Err(Refusal::Failure(Failure::SignedOut));
    };
    let origin = window().location().origin().unwrap_or_default();
    let callback = format!("{origin}/callback");
    let fields = [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", &callback),
        ("code_verifier", verifier),
    ];
    send(&fields).await?;
    Ok(back
        .filter(|back| *back != "/callback")
        .unwrap_or("/")
        .to_owned())
}

async fn send(fields: &[(&str, &str)]) -> Result<(), Refusal> {
    let reply = fetch::own("POST", "/session", form(fields)).await;
    let reply = reply.map_err(Refusal::Failure)?;
    if reply.status != 200 {
        return Err(refusal(&reply));
    }
    let tokens = understood(&reply.text).map_err(Refusal::Failure)?;
    tokens::take(tokens);
    Ok(())
}

fn refusal(reply: &Reply) -> Refusal {
    match understood::<OAuthError>(&reply.text) {
        Ok(error) => Refusal::OAuth(Box::new(error)),
        Err(_) => Refusal::Failure(crate::api::refusal(reply)),
    }
}
