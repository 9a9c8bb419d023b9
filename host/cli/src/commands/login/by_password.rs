//! `muster login --user`

use std::{
    io::{self, IsTerminal},
    time::Duration,
};

use clap::Args;
use muster_api::{
    factors::FactorKind,
    tokens::{OAuthError, TokenReply, TokenRequest},
};

use crate::{
    client::{ClientError, Transport},
    commands::{captcha, password::PasswordArgs, sign_up::accept, terminal},
    failure::{Exit, Failure},
};

/// What goes with a password.
#[derive(Debug, Args)]
pub struct PasswordLogin {
    #[command(flatten)]
    source: PasswordArgs,
    /// The code of your second factor, or a recovery code; asked for if it is
    /// needed
    #[arg(long, value_name = "CODE", requires = "user")]
    otp: Option<String>,
    /// Read the code from standard input, on the line after the password's
    #[arg(long, requires_all = ["user", "password_stdin"], conflicts_with = "otp")]
    otp_stdin: bool,
    /// Accept this version of the terms of use without being asked
    #[arg(long, value_name = "VERSION", requires = "user")]
    accept_terms: Option<u64>,
}

impl PasswordLogin {
    /// Logs in with a password, and whatever the host asks for beside it.
    ///
    /// # Errors
    /// If the host refuses, or nobody is there to be asked.
    pub async fn run(
        self,
        transport: &Transport,
        user: String,
        method: Option<String>,
    ) -> Result<TokenReply, Failure> {
        let password = self.source.known("Password: ")?;
        let otp = if self.otp_stdin {
            Some(self.source.known("Code: ")?)
        } else {
            self.otp
        };
        let request = TokenRequest {
            grant_type: "password".to_owned(),
            username: Some(user),
            password: Some(password),
            method,
            otp,
            ..TokenRequest::default()
        };
        ask(transport, request, self.accept_terms).await
    }
}

/// Asks for tokens; again with what the host asks for beside the password.
async fn ask(
    transport: &Transport,
    mut request: TokenRequest,
    accepted: Option<u64>,
) -> Result<TokenReply, Failure> {
    /// More things than there are to ask for.
    const ROUNDS: usize = 6;
    for _ in 0..ROUNDS {
        let error = match transport.tokens(request.clone()).await {
            Err(ClientError::SignIn(error)) => error,
            result => return Ok(result?),
        };
        // A solved puzzle serves once.
        request.captcha = None;
        match (error.error.as_str(), &error.captcha, error.terms) {
            ("terms_required", _, Some(version)) if request.accept_terms != Some(version) => {
                request.accept_terms = Some(accept(transport, version, accepted).await?);
            }
            ("captcha_required", Some(challenge), _) => {
                let Ok(challenge) = serde_json::from_value(challenge.clone()) else {
                    return Err(ClientError::SignIn(error).into());
                };
                request.captcha = captcha::solve(challenge).await?;
            }
            ("otp_required", ..) if request.otp.is_none() => {
                request.otp = Some(second_factor(&error)?);
            }
            ("locked", ..) if io::stdin().is_terminal() && is_short(&error) => {
                let wait = error.retry_after.unwrap_or(0);
                eprintln!("{}; waiting", error.error_description);
                tokio::time::sleep(Duration::from_secs(wait)).await;
            }
            _ => return Err(ClientError::SignIn(error).into()),
        }
    }
    Ok(transport.tokens(request).await?)
}

/// Whether somebody at a terminal would rather wait than type it all again.
fn is_short(locked: &OAuthError) -> bool {
    locked.retry_after.is_some_and(|wait| wait <= 60)
}

/// The code that is asked for.
fn second_factor(error: &OAuthError) -> Result<String, Failure> {
    let typed = [FactorKind::Totp, FactorKind::RecoveryCode];
    let refused = Failure::new(Exit::Forbidden, error.error_description.clone());
    if !error.factors.iter().any(|kind| typed.contains(kind)) {
        return Err(refused.hint("only a browser can ask a passkey: sign in on the host's page"));
    }
    if !io::stdin().is_terminal() {
        return Err(refused
            .hint("add --otp CODE, or --otp-stdin with the code on the line after the password"));
    }
    terminal::code("Code of your second factor: ")
}
