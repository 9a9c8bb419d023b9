//! What a token says of itself.

use std::time::Duration;

use muster_api::config::tokens::{Algorithm, Tokens};
use serde_json::{Value, json};

use super::{AUDIENCE, BOTH, Claims, LIFE, NOW, ada, config, fixture};
use crate::keyring::{KeyRing, KeyRingError, LONGEST_LIFE, REGISTERED, TokenError, Verified};

#[test]
fn what_is_signed_verifies() {
    for algorithm in BOTH {
        let fixture = fixture(algorithm);
        let verified: Verified<Claims> = fixture
            .ring
            .verify(&fixture.token(), AUDIENCE, NOW)
            .unwrap();
        assert_eq!(verified.claims, ada());
        assert_eq!(verified.issued_at, NOW);
        assert_eq!(verified.expires_at, NOW + LIFE);
    }
}

#[test]
fn tokens_have_names_of_their_own() {
    let fixture = fixture(Algorithm::EdDsa);
    let id = |token: String| {
        fixture
            .ring
            .verify::<Claims>(&token, AUDIENCE, NOW)
            .unwrap()
            .id
    };
    assert_ne!(id(fixture.token()), id(fixture.token()));
}

#[test]
fn issuer_and_audience_are_exact() {
    let fixture = fixture(Algorithm::EdDsa);
    for wrong in [
        json!("mustard"),
        json!(""),
        json!("Muster"),
        json!(["muster"]),
        Value::Null,
    ] {
        let token = fixture.signed(|_, claims| claims["iss"] = wrong.clone());
        assert_eq!(fixture.refused(&token), TokenError::Issuer, "{wrong}");
    }
    // A list could name two audiences at once.
    for wrong in [
        json!("muster-ticket"),
        json!(""),
        json!([AUDIENCE]),
        json!([AUDIENCE, "x"]),
        Value::Null,
    ] {
        let token = fixture.signed(|_, claims| claims["aud"] = wrong.clone());
        assert_eq!(fixture.refused(&token), TokenError::Audience, "{wrong}");
    }
    let ticket = fixture
        .ring
        .sign("muster-ticket", LIFE, NOW, &ada())
        .unwrap();
    assert_eq!(fixture.refused(&ticket), TokenError::Audience);
    assert!(
        fixture
            .ring
            .verify::<Claims>(&ticket, "muster-ticket", NOW)
            .is_ok()
    );
}

#[test]
fn tokens_of_another_issuer_with_the_same_keys_are_refused() {
    let fixture = fixture(Algorithm::EdDsa);
    let records = [fixture.ed.clone(), fixture.ec.clone()];
    let other = Tokens {
        issuer: Some("https://other.example".to_owned()),
        ..config(&BOTH)
    };
    let other = KeyRing::new(&records, &other).unwrap();
    let token = other.sign(AUDIENCE, LIFE, NOW, &ada()).unwrap();
    assert_eq!(fixture.refused(&token), TokenError::Issuer);

    // Unless that was its own name a moment ago.
    let mut renamed = KeyRing::new(&records, &config(&BOTH)).unwrap();
    renamed.also_from(other.issuers());
    assert!(renamed.verify::<Claims>(&token, AUDIENCE, NOW).is_ok());
    assert_eq!(renamed.issuers()[1..], ["https://other.example"]);
}

#[test]
fn time_runs_by_the_verifiers_clock_with_five_seconds_of_leeway() {
    let fixture = fixture(Algorithm::EdDsa);
    let token = fixture.token();
    let at = |seconds: i64| {
        let now = NOW + time::Duration::seconds(seconds);
        fixture
            .ring
            .verify::<Claims>(&token, AUDIENCE, now)
            .map(|_| ())
    };
    assert_eq!(at(-6), Err(TokenError::NotYet));
    assert_eq!(at(-5), Ok(()));
    assert_eq!(at(604), Ok(()));
    assert_eq!(at(605), Err(TokenError::Expired));
    assert_eq!(at(1_000_000_000), Err(TokenError::Expired));
}

#[test]
fn each_time_counts_alone() {
    let fixture = fixture(Algorithm::EdDsa);
    let now = NOW.unix_timestamp();
    for (name, value, expected) in [
        ("exp", now - 6, TokenError::Expired),
        ("exp", 0, TokenError::Expired),
        ("exp", -1, TokenError::Expired),
        ("nbf", now + 6, TokenError::NotYet),
        ("iat", now + 6, TokenError::NotYet),
    ] {
        let token = fixture.signed(|_, claims| claims[name] = value.into());
        assert_eq!(fixture.refused(&token), expected, "{name} {value}");
    }
}

#[test]
fn claims_that_are_missing_or_of_another_type_are_refused() {
    let fixture = fixture(Algorithm::EdDsa);
    for name in ["iss", "aud", "iat", "nbf", "exp", "jti", "sub"] {
        let token = fixture.signed(|_, claims| {
            claims.as_object_mut().unwrap().remove(name);
        });
        assert!(
            matches!(fixture.refused(&token), TokenError::Claims(_)),
            "{name}"
        );
    }
    for name in ["iat", "nbf", "exp", "jti"] {
        for value in [
            json!("2099"),
            json!(1e300),
            json!(u64::MAX),
            json!(i64::MAX),
            json!({}),
            json!(true),
            Value::Null,
        ] {
            let token = fixture.signed(|_, claims| claims[name] = value.clone());
            assert!(
                matches!(fixture.refused(&token), TokenError::Claims(_)),
                "{name} {value}"
            );
        }
    }
    let token = fixture.signed(|_, claims| claims["admin"] = true.into());
    assert!(
        matches!(fixture.refused(&token), TokenError::Claims(_)),
        "unknown claims are the caller's affair"
    );
}

#[test]
fn the_caller_cannot_overwrite_what_the_ring_writes() {
    let ring = fixture(Algorithm::EdDsa).ring;
    for name in REGISTERED {
        let claims = json!({"sub": "ada", name: "x"});
        assert!(
            matches!(
                ring.sign(AUDIENCE, LIFE, NOW, &claims),
                Err(KeyRingError::Sign(_))
            ),
            "{name}"
        );
    }
    assert!(matches!(
        ring.sign(AUDIENCE, LIFE, NOW, &"text"),
        Err(KeyRingError::Sign(_))
    ));
    for life in [Duration::ZERO, LONGEST_LIFE + Duration::from_secs(1)] {
        assert!(matches!(
            ring.sign(AUDIENCE, life, NOW, &ada()),
            Err(KeyRingError::Sign(_))
        ));
    }
}
