//! Recovery codes: each serves once, in place of any other factor.

use muster_api::factors::{FactorKind, RecoveryCodes};
use muster_e2e::Client;
use reqwest::Method;
use serde_json::json;

use super::{App, factors, host, password, post, refused, sign_in, with};

async fn codes(client: &Client, code: &str) -> Vec<String> {
    let proof = json!({ "otp": code });
    let codes: RecoveryCodes = client
        .send(Method::POST, "/self/factors/recovery-codes", &proof)
        .await;
    let codes = codes.codes.iter().map(|code| code.expose().to_owned());
    codes.collect()
}

#[tokio::test]
async fn a_recovery_code_serves_once() {
    let (_host, client) = host().await;
    let mut app = App::confirmed(&client).await;
    let first = codes(&client, &app.next().await).await;
    assert_eq!(first.len(), 10);
    assert_eq!(factors(&client).await.recovery_codes, 10);
    let wanted = refused(&client, &password()).await;
    assert_eq!(wanted.factors, [FactorKind::Totp, FactorKind::RecoveryCode]);

    // As people type it.
    let typed = first[0].to_uppercase().replace('-', " ");
    sign_in(&client, &with(&typed)).await.unwrap();
    let again = refused(&client, &with(&first[0])).await;
    assert_eq!(again.error, "invalid_grant");
    assert_eq!(factors(&client).await.recovery_codes, 9);

    // Of several at once one gets in.
    let request = with(&first[1]);
    let tries = (0..4).map(|_| sign_in(&client, &request));
    let results = futures::future::join_all(tries).await;
    let good = results.iter().filter(|result| result.is_ok()).count();
    assert_eq!(good, 1);
    // The failures before are forgotten with a success.
    sign_in(&client, &with(&app.next().await)).await.unwrap();

    // New ones make the old ones void.
    let second = codes(&client, &first[9]).await;
    let void = refused(&client, &with(&first[2])).await;
    assert_eq!(void.error, "invalid_grant");
    sign_in(&client, &with(&second[0])).await.unwrap();

    // One of them is a proof too; without a factor the others are of no use.
    let proof = json!({ "otp": second[1] });
    post(&client, "/self/factors/totp/actions/remove", proof, 204).await;
    let left = factors(&client).await;
    assert_eq!((left.required, left.recovery_codes), (false, 0));
    sign_in(&client, &password()).await.unwrap();
}
