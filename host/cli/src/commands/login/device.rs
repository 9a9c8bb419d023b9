//! Logging in on a machine without a browser (RFC 8628).

use std::time::Duration;

use muster_api::{
    authorization::{DEVICE_GRANT, DeviceRequest},
    tokens::{CLI_CLIENT, TokenReply, TokenRequest},
};
use tokio::time::{Instant, sleep};

use crate::{
    client::{ClientError, Transport},
    failure::Failure,
};

/// How much longer to wait after the host says that it is asked too often.
const SLOWER: Duration = Duration::from_secs(5);

/// Shows a code, and waits until somebody has entered it in a browser.
///
/// # Errors
/// If nobody does, or they say no.
pub async fn run(transport: &Transport) -> Result<TokenReply, Failure> {
    let request = DeviceRequest {
        client_id: Some(CLI_CLIENT.to_owned()),
        ..DeviceRequest::default()
    };
    let codes = transport.device_codes(&request).await?;
    eprintln!(
        "On any device with a browser, open\n\n  {}\n\nand enter the code\n\n  {}\n",
        codes.verification_uri, codes.user_code
    );
    let deadline = Instant::now() + Duration::from_secs(codes.expires_in);
    let mut pause = Duration::from_secs(codes.interval);
    loop {
        sleep(pause).await;
        let request = TokenRequest {
            grant_type: DEVICE_GRANT.to_owned(),
            device_code: Some(codes.device_code.clone()),
            ..TokenRequest::default()
        };
        match transport.tokens(request).await {
            Ok(reply) => return Ok(reply),
            Err(ClientError::SignIn(told)) if told.error == "authorization_pending" => {}
            Err(ClientError::SignIn(told)) if told.error == "slow_down" => pause += SLOWER,
            // It may be back before the codes expire.
            Err(ClientError::Unreachable { .. }) if Instant::now() < deadline => {}
            Err(error) => return Err(error.into()),
        }
    }
}
