use serde_json::json;

use super::*;

fn oidc(change: impl FnOnce(&mut OidcSettings)) -> Result<Oidc, SignInError> {
    let mut settings = OidcSettings {
        issuer: "https://accounts.example.org".to_owned(),
        client_id: "muster".to_owned(),
        ..OidcSettings::default()
    };
    change(&mut settings);
    let about = About {
        name: "corp".to_owned(),
        kind: "oidc",
        label: "Corp".to_owned(),
    };
    Oidc::new(about, &settings)
}

fn kept() -> Kept {
    Kept {
        method: "corp".to_owned(),
        state: "right".to_owned(),
        nonce: "nonce".to_owned(),
        verifier: "verifier".to_owned(),
        redirect_uri: "https://muster.example/sign-in/corp".to_owned(),
    }
}

fn callback(parameters: serde_json::Value, kept: &Kept) -> Result<String, SignInError> {
    let parameters: BTreeMap<String, String> = serde_json::from_value(parameters).unwrap();
    let oidc = oidc(|_| {}).unwrap();
    oidc.code(&parameters, kept).map(str::to_owned)
}

#[test]
fn what_could_never_work_is_told_at_once() {
    assert!(oidc(|_| {}).is_ok());
    let told = |change: fn(&mut OidcSettings)| match oidc(change) {
        Err(error @ SignInError::Misconfigured { .. }) => error.detail().to_owned(),
        _ => panic!("this could never work"),
    };
    assert!(told(|s| s.issuer.clear()).contains("issuer"));
    assert!(told(|s| s.issuer = "http://accounts.example.org".to_owned()).contains("https"));
    assert!(told(|s| s.issuer.push_str("/?realm=a")).contains("query"));
    assert!(told(|s| s.client_id.clear()).contains("client_id"));
    assert!(told(|s| s.algorithms.clear()).contains("algorithms"));
    assert!(told(|s| s.claims.username.clear()).contains("claims.username"));
    assert!(told(|s| s.client_secret = "********".into()).contains("again"));
    assert!(told(|s| s.ca_file = Some("/nonexistent".to_owned())).contains("/nonexistent"));
}

#[test]
fn a_callback_belongs_to_what_was_kept() {
    let fine = json!({"state": "right", "code": "c", "iss": "https://accounts.example.org"});
    assert_eq!(callback(fine, &kept()).unwrap(), "c");
    let other_method = Kept {
        method: "other".to_owned(),
        ..kept()
    };
    let empty = Kept {
        state: String::new(),
        ..kept()
    };
    for (parameters, kept, told) in [
        (json!({"code": "c"}), kept(), "state"),
        (json!({"state": "", "code": "c"}), kept(), "state"),
        (json!({"state": "wrong", "code": "c"}), kept(), "state"),
        (
            json!({"state": "right", "code": "c"}),
            other_method,
            "other",
        ),
        (json!({"state": "", "code": "c"}), empty, "state"),
        (json!({"state": "right"}), kept(), "no code"),
        (json!({"state": "right", "code": ""}), kept(), "no code"),
        // Somebody mixes up two providers.
        (
            json!({"state": "right", "code": "c", "iss": "https://evil.example"}),
            kept(),
            "evil",
        ),
        // Not even an error is believed without the state.
        (json!({"error": "access_denied"}), kept(), "state"),
    ] {
        let error = callback(parameters, &kept).unwrap_err();
        assert!(matches!(error, SignInError::Refused { .. }), "{error:?}");
        assert!(error.detail().contains(told), "{error:?}");
    }
}

#[test]
fn errors_of_the_provider_are_told_apart() {
    let error = |name: &str| {
        let parameters = json!({
            "state": "right", "error": name, "error_description": "no\nluck".repeat(100),
        });
        callback(parameters, &kept()).unwrap_err()
    };
    assert!(matches!(
        error("access_denied"),
        SignInError::Refused { .. }
    ));
    assert!(matches!(
        error("temporarily_unavailable"),
        SignInError::Unavailable { .. }
    ));
    let misconfigured = error("invalid_scope");
    assert!(matches!(misconfigured, SignInError::Misconfigured { .. }));
    assert!(
        !misconfigured.detail().contains('\n'),
        "nobody else writes our log"
    );
    assert!(misconfigured.detail().len() < 400);
}

#[tokio::test]
async fn a_provider_that_is_down_is_unavailable() {
    let oidc = oidc(|s| s.issuer = "http://127.0.0.1:1".to_owned()).unwrap();
    let error = oidc.begin("https://muster.example/").await.unwrap_err();
    assert!(
        matches!(error, SignInError::Unavailable { .. }),
        "{error:?}"
    );
    assert!(error.detail().contains("http://127.0.0.1:1"), "{error:?}");
}
