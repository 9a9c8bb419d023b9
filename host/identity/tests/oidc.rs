//! Signing in at a real OpenID Connect provider.

use std::{collections::BTreeMap, io::ErrorKind, sync::Arc};

use muster_api::{
    config::{
        Secret,
        sign_in::{MethodSettings, OidcSettings, SignInMethod, SignInPolicy},
    },
    users::UserType,
};
use muster_e2e::servers::{Authority, Browser, OidcOptions, OidcProvider};
use muster_identity::sign_in::{Attempt, Begun, Kept, Method, Profile, SignInError, Style, method};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

const RETURN: &str = "https://muster.example/sign-in/corp/callback";

fn provider() -> OidcProvider {
    OidcProvider::start(&OidcOptions {
        redirect_uris: &[RETURN],
        ..OidcOptions::default()
    })
}

fn settings(provider: &OidcProvider) -> OidcSettings {
    OidcSettings {
        issuer: provider.issuer(),
        client_id: OidcProvider::CLIENT_ID.to_owned(),
        client_secret: Secret::from(OidcProvider::CLIENT_SECRET),
        group_types: [("operators".to_owned(), UserType::Operator)].into(),
        ..OidcSettings::default()
    }
}

fn oidc(settings: OidcSettings) -> Arc<dyn Method> {
    let described = SignInMethod {
        name: "corp".to_owned(),
        label: "Corp".to_owned(),
        enabled: true,
        policy: SignInPolicy::default(),
        settings: MethodSettings::Oidc(Box::new(settings)),
    };
    method(&described)
        .expect("it could work")
        .expect("it is not local")
}

fn parameters(address: &str) -> BTreeMap<String, String> {
    assert!(address.starts_with(RETURN), "{address}");
    let address = reqwest::Url::parse(address).expect("an address");
    address.query_pairs().into_owned().collect()
}

/// Goes to the provider and comes back.
async fn trip(
    provider: &OidcProvider,
    method: &dyn Method,
    login: &str,
) -> (Begun, BTreeMap<String, String>) {
    let begun = method.begin(RETURN).await.expect("the provider is there");
    let mut browser = Browser::new(None);
    let back = provider.sign_in(&mut browser, &begun.url, login).await;
    (begun, parameters(&back))
}

async fn finish(
    method: &dyn Method,
    parameters: &BTreeMap<String, String>,
    kept: &Kept,
) -> Result<Profile, SignInError> {
    method.sign_in(Attempt::Callback { parameters, kept }).await
}

fn assert_refused(error: &SignInError, told: &str) {
    assert!(matches!(error, SignInError::Refused { .. }), "{error:?}");
    assert!(error.detail().contains(told), "{told}: {error:?}");
}

#[tokio::test]
async fn the_provider_says_who_somebody_is() {
    let provider = provider();
    let method = oidc(settings(&provider));
    assert_eq!(method.style(), Style::Redirect);
    let (begun, parameters) = trip(&provider, &*method, "ada").await;
    for part in [
        "code_challenge_method=S256",
        "scope=openid+profile+email",
        "nonce=",
    ] {
        assert!(begun.url.contains(part), "{}", begun.url);
    }
    // What is kept survives being written down.
    let written = serde_json::to_string(&begun.kept).unwrap();
    let kept: Kept = serde_json::from_str(&written).unwrap();
    let ada = finish(&*method, &parameters, &kept).await.unwrap();
    assert_eq!(
        ada,
        Profile {
            method: "corp".to_owned(),
            subject: "ada".to_owned(),
            username: "ada".to_owned(),
            email: Some("ada@example.org".to_owned()),
            email_verified: true,
            display_name: Some("Ada Lovelace".to_owned()),
            groups: ["operators".to_owned(), "staff".to_owned()].into(),
            user_type: Some(UserType::Operator),
        }
    );
    // The code is used up.
    let error = finish(&*method, &parameters, &kept).await.unwrap_err();
    assert_refused(&error, "invalid_grant");
}

#[tokio::test]
async fn an_address_is_only_verified_if_the_provider_says_so() {
    let provider = provider();
    let method = oidc(settings(&provider));
    let (begun, parameters) = trip(&provider, &*method, "eve").await;
    let eve = finish(&*method, &parameters, &begun.kept).await.unwrap();
    assert_eq!(eve.email.as_deref(), Some("ada@example.org"));
    assert!(!eve.email_verified);
    assert_eq!(eve.user_type, None);
}

#[tokio::test]
async fn the_user_info_endpoint_is_asked_if_told() {
    let provider = provider();
    let method = oidc(OidcSettings {
        user_info: true,
        ..settings(&provider)
    });
    let (begun, parameters) = trip(&provider, &*method, "ada").await;
    let ada = finish(&*method, &parameters, &begun.kept).await.unwrap();
    assert_eq!(ada.display_name.as_deref(), Some("Ada Lovelace"));
}

#[tokio::test]
async fn one_trip_does_not_finish_another() {
    let provider = provider();
    let method = oidc(settings(&provider));
    let (first, back) = trip(&provider, &*method, "ada").await;
    let (second, _) = trip(&provider, &*method, "eve").await;

    // An attacker's way back in a victim's browser: the state differs.
    let error = finish(&*method, &back, &second.kept).await.unwrap_err();
    assert_refused(&error, "state");

    // Even with the state guessed, the verifier is another, which spends the
    // code without effect.
    let guessed = Kept {
        state: first.kept.state.clone(),
        ..second.kept.clone()
    };
    let error = finish(&*method, &back, &guessed).await.unwrap_err();
    assert_refused(&error, "invalid_grant");

    // And even with the verifier known, the nonce in the id token is another.
    let (third, back) = trip(&provider, &*method, "ada").await;
    let other_nonce = Kept {
        nonce: second.kept.nonce.clone(),
        ..third.kept.clone()
    };
    let error = finish(&*method, &back, &other_nonce).await.unwrap_err();
    assert_refused(&error, "nonce");
}

#[tokio::test]
async fn a_code_is_for_the_address_it_was_sent_to() {
    let provider = provider();
    let method = oidc(settings(&provider));
    let (begun, back) = trip(&provider, &*method, "ada").await;
    let elsewhere = Kept {
        redirect_uri: "https://evil.example/".to_owned(),
        ..begun.kept
    };
    let error = finish(&*method, &back, &elsewhere).await.unwrap_err();
    assert_refused(&error, "invalid_grant");
}

#[tokio::test]
async fn only_the_configured_signatures_are_believed() {
    let provider = provider();
    let method = oidc(OidcSettings {
        algorithms: [muster_api::config::sign_in::OidcAlgorithm::ES256].into(),
        ..settings(&provider)
    });
    let (begun, back) = trip(&provider, &*method, "ada").await;
    // The provider signs with RS256.
    let error = finish(&*method, &back, &begun.kept).await.unwrap_err();
    assert_refused(&error, "Disallowed");
}

#[tokio::test]
async fn operators_are_told_what_is_not_set_up() {
    let provider = provider();
    let misconfigured = |error: SignInError, told: &str| {
        assert!(
            matches!(error, SignInError::Misconfigured { .. }),
            "{error:?}"
        );
        assert!(error.detail().contains(told), "{error:?}");
    };
    let wrong_secret = oidc(OidcSettings {
        client_secret: Secret::from("wrong"),
        ..settings(&provider)
    });
    let (begun, back) = trip(&provider, &*wrong_secret, "ada").await;
    let error = finish(&*wrong_secret, &back, &begun.kept)
        .await
        .unwrap_err();
    misconfigured(error, "invalid_client");

    let no_claim = oidc(OidcSettings {
        claims: muster_api::config::sign_in::OidcClaims {
            username: "login".to_owned(),
            ..Default::default()
        },
        ..settings(&provider)
    });
    let (begun, back) = trip(&provider, &*no_claim, "ada").await;
    let error = finish(&*no_claim, &back, &begun.kept).await.unwrap_err();
    misconfigured(error, "login");

    // It is there, but calls itself something else.
    let alias = oidc(OidcSettings {
        issuer: provider.issuer().replace("127.0.0.1", "localhost"),
        ..settings(&provider)
    });
    misconfigured(alias.begin(RETURN).await.unwrap_err(), "localhost");

    let no_provider = oidc(OidcSettings {
        issuer: format!("{}/nothing", provider.issuer()),
        ..settings(&provider)
    });
    misconfigured(no_provider.begin(RETURN).await.unwrap_err(), "404");
}

#[tokio::test]
async fn a_provider_that_goes_away_is_unavailable() {
    let mut provider = provider();
    let method = oidc(settings(&provider));
    let (begun, back) = trip(&provider, &*method, "ada").await;
    provider.stop();
    let error = finish(&*method, &back, &begun.kept).await.unwrap_err();
    assert!(
        matches!(error, SignInError::Unavailable { .. }),
        "{error:?}"
    );
}

#[tokio::test]
async fn only_the_providers_authority_is_believed() {
    let authority = Authority::new();
    let provider = OidcProvider::start(&OidcOptions {
        authority: Some(&authority),
        redirect_uris: &[RETURN],
    });
    let with = |authority: &Authority| {
        oidc(OidcSettings {
            ca_file: Some(authority.file()),
            ..settings(&provider)
        })
    };
    let method = with(&authority);
    let begun = method.begin(RETURN).await.unwrap();
    let mut browser = Browser::new(Some(&authority));
    let back = provider.sign_in(&mut browser, &begun.url, "ada").await;
    let ada = finish(&*method, &parameters(&back), &begun.kept)
        .await
        .unwrap();
    assert_eq!(ada.username, "ada");

    let error = with(&Authority::new()).begin(RETURN).await.unwrap_err();
    assert!(
        matches!(error, SignInError::Unavailable { .. }),
        "{error:?}"
    );
    assert!(error.detail().contains("certificate"), "{error:?}");
}

#[tokio::test]
async fn a_description_does_not_lead_elsewhere() {
    let secret = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    secret.set_nonblocking(true).unwrap();
    let decoy = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let issuer = format!("http://{}", decoy.local_addr().unwrap());
    let target = format!("http://{}/admin", secret.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut stream, _) = decoy.accept().await.unwrap();
        let mut head = [0; 4096];
        let _ = stream.read(&mut head).await;
        let answer = format!(
            "HTTP/1.1 302 Found\r\nLocation: {target}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        );
        stream.write_all(answer.as_bytes()).await.unwrap();
    });
    let method = oidc(OidcSettings {
        issuer,
        client_id: "muster".to_owned(),
        ..OidcSettings::default()
    });
    let error = method.begin(RETURN).await.unwrap_err();
    assert!(
        matches!(error, SignInError::Misconfigured { .. }),
        "{error:?}"
    );
    assert!(error.detail().contains("302"), "{error:?}");
    let asked = secret.accept().map_err(|error| error.kind());
    assert!(
        matches!(asked, Err(ErrorKind::WouldBlock)),
        "somebody followed the redirect"
    );
}
