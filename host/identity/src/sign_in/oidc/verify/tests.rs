use std::str::FromStr;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use ed25519_dalek::{SigningKey, pkcs8::EncodePrivateKey};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use muster_api::config::Secret;
use openidconnect::core::CoreJsonWebKeySet;
use serde_json::json;

use super::*;

const ISSUER: &str = "https://accounts.example.org";
const CLIENT: &str = "muster";
const NONCE: &str = "n-0S6_WzA2Mj";

fn key(seed: u8) -> SigningKey {
    SigningKey::from_bytes(&[seed; 32])
}

fn public(key: &SigningKey) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(key.verifying_key().as_bytes())
}

fn provider() -> CoreProviderMetadata {
    let metadata: CoreProviderMetadata = serde_json::from_value(json!({
        "issuer": ISSUER,
        "authorization_endpoint": "https://accounts.example.org/auth",
        "token_endpoint": "https://accounts.example.org/token",
        "jwks_uri": "https://accounts.example.org/jwks",
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["EdDSA"],
    }))
    .unwrap();
    let keys: CoreJsonWebKeySet = serde_json::from_value(json!({"keys": [
        {"kty": "OKP", "crv": "Ed25519", "use": "sig", "kid": "1", "x": public(&key(1))},
    ]}))
    .unwrap();
    metadata.set_jwks(keys)
}

fn settings() -> OidcSettings {
    OidcSettings {
        issuer: ISSUER.to_owned(),
        client_id: CLIENT.to_owned(),
        client_secret: Secret::from("hunter2"),
        algorithms: [
            OidcAlgorithm::RS256,
            OidcAlgorithm::ES256,
            OidcAlgorithm::EdDSA,
        ]
        .into(),
        ..OidcSettings::default()
    }
}

fn now() -> i64 {
    Utc::now().timestamp()
}

fn claims(change: Value) -> Value {
    let mut claims = json!({
        "iss": ISSUER, "sub": "42", "aud": CLIENT, "nonce": NONCE,
        "iat": now(), "exp": now() + 300,
    });
    for (name, value) in change.as_object().unwrap() {
        match value {
            Value::Null => claims.as_object_mut().unwrap().remove(name),
            value => claims
                .as_object_mut()
                .unwrap()
                .insert(name.clone(), value.clone()),
        };
    }
    claims
}

fn signed(key: &SigningKey, kid: Option<&str>, claims: &Value) -> String {
    let der = key.to_pkcs8_der().unwrap();
    let mut header = Header::new(Algorithm::EdDSA);
    header.kid = kid.map(str::to_owned);
    jsonwebtoken::encode(&header, claims, &EncodingKey::from_ed_der(der.as_bytes())).unwrap()
}

fn with(change: Value) -> String {
    signed(&key(1), Some("1"), &claims(change))
}

/// Puts another header or payload into a signed token.
fn tampered(token: &str, part: usize, json: &Value) -> String {
    let mut parts: Vec<String> = token.split('.').map(str::to_owned).collect();
    parts[part] = BASE64_URL_SAFE_NO_PAD.encode(json.to_string());
    parts.join(".")
}

fn check(token: &str) -> Result<Map<String, Value>, String> {
    let token = IdToken::from_str(token).map_err(|error| error.to_string())?;
    let access_token = AccessToken::new("access".to_owned());
    let nonce = Nonce::new(NONCE.to_owned());
    verify(&settings(), &provider(), &token, &access_token, &nonce)
        .map_err(|error| error.to_string())
}

#[test]
fn the_providers_word_is_taken() {
    let token = with(json!({"groups": ["ops"], "email_verified": "true", "azp": CLIENT}));
    let claims = check(&token).unwrap();
    assert_eq!(claims["sub"], "42");
    assert_eq!(claims["groups"], json!(["ops"]));
    assert_eq!(claims["email_verified"], true);
}

#[test]
fn clocks_may_be_off_a_little() {
    for change in [
        json!({"exp": now() - 30}),
        json!({"iat": now() + 30}),
        json!({"nbf": now() + 30}),
    ] {
        assert!(check(&with(change.clone())).is_ok(), "{change}");
    }
}

#[test]
fn an_access_token_goes_with_its_id_token() {
    // The left half of the SHA-512 of "access".
    let hash = "kyd4-h3ZoV2sH212kLKbcOnCBajStKQ38Ae_bfT-PFI";
    let other = "x".repeat(43);
    let fits = check(&with(json!({ "at_hash": hash })));
    let differs = check(&with(json!({ "at_hash": other })));
    assert!(differs.unwrap_err().contains("another access token"));
    assert!(fits.is_ok(), "{fits:?}");
}

/// Attacks: what was done to the token, and what the log must say.
#[test]
fn forged_tokens_are_refused() {
    let honest = with(json!({}));
    let root = claims(json!({"sub": "root"}));
    let hmac = |secret: &[u8]| {
        let mut header = Header::new(Algorithm::HS256);
        header.kid = Some("1".to_owned());
        jsonwebtoken::encode(&header, &root, &EncodingKey::from_secret(secret)).unwrap()
    };
    let unsigned = tampered(&tampered(&honest, 1, &root), 0, &json!({"alg": "none"}));
    let bare = unsigned.rsplit_once('.').unwrap().0.to_owned() + ".";
    let table = [
        ("another subject", tampered(&honest, 1, &root), "ignature"),
        ("no signature", bare, "No signature"),
        ("alg none with a signature", unsigned, "No signature"),
        (
            "alg None",
            tampered(&honest, 0, &json!({"alg": "None"})),
            "",
        ),
        ("HMAC by the client secret", hmac(b"hunter2"), "HS256"),
        (
            "HMAC by the public key",
            hmac(key(1).verifying_key().as_bytes()),
            "HS256",
        ),
        (
            "a critical header",
            tampered(
                &honest,
                0,
                &json!({"alg": "EdDSA", "kid": "1", "crit": ["exp"]}),
            ),
            "critical",
        ),
        (
            "another key of the same name",
            signed(&key(2), Some("1"), &root),
            "ignature",
        ),
        (
            "a key that nobody knows",
            signed(&key(2), Some("2"), &root),
            "unknown key",
        ),
        (
            "another key of no name",
            signed(&key(2), None, &root),
            "ignature",
        ),
        (
            "another issuer",
            with(json!({"iss": "https://accounts.example.com"})),
            "issuer",
        ),
        (
            "the issuer with a slash",
            with(json!({"iss": format!("{ISSUER}/")})),
            "issuer",
        ),
        ("another audience", with(json!({"aud": "other"})), "udience"),
        (
            "one audience too many",
            with(json!({"aud": [CLIENT, "other"]})),
            "udience",
        ),
        (
            "another party",
            with(json!({"azp": "other"})),
            "authorised party",
        ),
        ("another nonce", with(json!({"nonce": "x"})), "nonce"),
        ("no nonce", with(json!({"nonce": null})), "nonce"),
        ("expired", with(json!({"exp": now() - 90})), "xpired"),
        ("no expiry", with(json!({"exp": null})), "exp"),
        (
            "from the future",
            with(json!({"iat": now() + 90})),
            "future",
        ),
        ("not valid yet", with(json!({"nbf": now() + 90})), "future"),
        ("no subject", with(json!({"sub": null})), "sub"),
        ("no token", "x.y.z".to_owned(), ""),
        ("nothing", String::new(), ""),
    ];
    for (what, token, told) in table {
        let error = check(&token).expect_err(what);
        assert!(error.contains(told), "{what}: {error}");
    }
}
