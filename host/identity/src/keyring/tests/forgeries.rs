//! Tokens that nobody here signed, or not so.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::EncodingKey;
use muster_api::config::tokens::Algorithm;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{AUDIENCE, BOTH, Claims, Fixture, NOW, config, fixture, good_claims, part};
use crate::keyring::{KeyRecord, KeyRing, MAX_TOKEN, TokenError, key::Key};

#[test]
fn the_forger_of_these_tests_makes_good_tokens_when_nothing_is_changed() {
    let fixture = fixture(Algorithm::EdDsa);
    let token = fixture.signed(|_, _| {});
    assert!(fixture.ring.verify::<Claims>(&token, AUDIENCE, NOW).is_ok());
}

#[test]
fn no_algorithm_is_no_signature() {
    let fixture = fixture(Algorithm::EdDsa);
    for name in ["none", "None", "NONE", "nOnE", ""] {
        let header = json!({"alg": name, "typ": "JWT", "kid": fixture.ed.kid});
        let message = format!("{}.{}", part(&header), part(&good_claims()));
        let real = fixture.token();
        let signature = real.rsplit('.').next().unwrap();
        for token in [
            format!("{message}."),
            message.clone(),
            format!("{message}.{signature}"),
        ] {
            fixture.refused(&token);
        }
    }
    let (message, _) = fixture
        .token()
        .rsplit_once('.')
        .map(|(m, s)| (m.to_owned(), s.to_owned()))
        .unwrap();
    assert_eq!(
        fixture.refused(&format!("{message}.")),
        TokenError::Signature
    );
}

#[test]
fn a_public_key_is_no_shared_secret() {
    let fixture = fixture(Algorithm::EdDsa);
    for record in [&fixture.ed, &fixture.ec] {
        let key = Key::read(record).unwrap();
        let public = serde_json::to_string(&key.public).unwrap();
        let x = URL_SAFE_NO_PAD.decode(&key.public.x).unwrap();
        for secret in [
            key.public.x.as_bytes(),
            &x,
            public.as_bytes(),
            record.pem.expose().as_bytes(),
        ] {
            for (name, algorithm) in [
                ("HS256", jsonwebtoken::Algorithm::HS256),
                ("HS512", jsonwebtoken::Algorithm::HS512),
            ] {
                let header = json!({"alg": name, "typ": "JWT", "kid": record.kid});
                let message = format!("{}.{}", part(&header), part(&good_claims()));
                let shared = EncodingKey::from_secret(secret);
                let signature =
                    jsonwebtoken::crypto::sign(message.as_bytes(), &shared, algorithm).unwrap();
                assert_eq!(
                    fixture.refused(&format!("{message}.{signature}")),
                    TokenError::Algorithm
                );
            }
        }
    }
}

#[test]
fn a_key_verifies_by_its_own_algorithm_alone() {
    let fixture = fixture(Algorithm::EdDsa);
    let claims = good_claims();
    // The header claims the other algorithm for its own key …
    let header = json!({"alg": "ES256", "typ": "JWT", "kid": fixture.ed.kid});
    assert_eq!(
        fixture.refused(&Fixture::forge(&fixture.ed, &header, &claims)),
        TokenError::Algorithm
    );
    let header = json!({"alg": "EdDSA", "typ": "JWT", "kid": fixture.ec.kid});
    assert_eq!(
        fixture.refused(&Fixture::forge(&fixture.ec, &header, &claims)),
        TokenError::Algorithm
    );
    // … or is signed by one key and names the other.
    let header = json!({"alg": "ES256", "typ": "JWT", "kid": fixture.ec.kid});
    assert_eq!(
        fixture.refused(&Fixture::forge(&fixture.ed, &header, &claims)),
        TokenError::Signature
    );
    let header = json!({"alg": "EdDSA", "typ": "JWT", "kid": fixture.ed.kid});
    assert_eq!(
        fixture.refused(&Fixture::forge(&fixture.ec, &header, &claims)),
        TokenError::Signature
    );
}

#[test]
fn an_algorithm_that_is_not_configured_is_refused_though_its_key_is_known() {
    let fixture = fixture(Algorithm::Es256);
    let token = fixture.token();
    let records = [fixture.ed, fixture.ec];
    let strict = KeyRing::new(&records, &config(&[Algorithm::EdDsa])).unwrap();
    assert_eq!(
        strict.verify::<Claims>(&token, AUDIENCE, NOW),
        Err(TokenError::Algorithm)
    );
    let published = strict.jwks(NOW);
    assert_eq!(published["keys"].as_array().unwrap().len(), 1);
    assert_eq!(published["keys"][0]["alg"], "EdDSA");
}

#[test]
fn keys_are_looked_up_by_name_and_nothing_else_is_made_of_it() {
    let fixture = fixture(Algorithm::EdDsa);
    for kid in [
        "",
        "unknown",
        "../../../../dev/null",
        "/etc/passwd",
        "file:///dev/null",
        "' OR '1'='1",
        "x' UNION SELECT 'key' --",
        "https://evil.example/jwks.json",
        "\u{0}",
        "*",
        "%",
    ] {
        let token = fixture.signed(|header, _| header["kid"] = kid.into());
        assert_eq!(fixture.refused(&token), TokenError::UnknownKey, "{kid}");
    }
    for kid in [
        Value::Null,
        json!(1),
        json!([fixture.ed.kid]),
        json!({"$ne": ""}),
    ] {
        let token = fixture.signed(|header, _| header["kid"] = kid);
        assert!(matches!(fixture.refused(&token), TokenError::Malformed(_)));
    }
    let without = fixture.signed(|header, _| {
        header.as_object_mut().unwrap().remove("kid");
    });
    assert!(matches!(
        fixture.refused(&without),
        TokenError::Malformed(_)
    ));
}

#[test]
fn keys_that_a_token_brings_along_are_ignored() {
    let fixture = fixture(Algorithm::EdDsa);
    let mallory = KeyRecord::generate(Algorithm::EdDsa, NOW).unwrap();
    let public = serde_json::to_value(Key::read(&mallory).unwrap().public).unwrap();
    let extras = [
        ("jwk", public),
        ("jku", json!("https://evil.example/jwks.json")),
        ("x5u", json!("https://evil.example/chain.pem")),
        ("x5c", json!(["MIIB"])),
    ];
    for (name, value) in extras {
        let mut header = json!({"alg": "EdDSA", "typ": "JWT", "kid": fixture.ed.kid});
        header[name] = value.clone();
        let token = Fixture::forge(&mallory, &header, &good_claims());
        assert_eq!(fixture.refused(&token), TokenError::Signature, "{name}");
        header["kid"] = mallory.kid.as_str().into();
        let token = Fixture::forge(&mallory, &header, &good_claims());
        assert_eq!(fixture.refused(&token), TokenError::UnknownKey, "{name}");
    }
}

#[test]
fn extensions_that_must_be_understood_are_not() {
    let fixture = fixture(Algorithm::EdDsa);
    let token = fixture.signed(|header, _| {
        header["crit"] = json!(["b64"]);
        header["b64"] = false.into();
    });
    assert!(matches!(fixture.refused(&token), TokenError::Malformed(_)));
}

#[test]
fn a_token_of_another_type_is_none() {
    let fixture = fixture(Algorithm::EdDsa);
    for typ in [
        json!("at+jwt"),
        json!("dpop+jwt"),
        json!("jwt"),
        json!(""),
        Value::Null,
    ] {
        let token = fixture.signed(|header, _| header["typ"] = typ);
        assert!(matches!(fixture.refused(&token), TokenError::Malformed(_)));
    }
}

#[test]
fn a_payload_that_was_changed_has_another_signature() {
    for algorithm in BOTH {
        let fixture = fixture(algorithm);
        let token = fixture.token();
        let [header, _, signature] = token.split('.').collect::<Vec<_>>().try_into().unwrap();
        let mut claims = good_claims();
        claims["sub"] = "root".into();
        let forged = format!("{header}.{}.{signature}", part(&claims));
        assert_eq!(fixture.refused(&forged), TokenError::Signature);
    }
}

#[test]
fn a_token_has_three_parts() {
    let fixture = fixture(Algorithm::EdDsa);
    let token = fixture.token();
    let [header, payload, signature] = token.split('.').collect::<Vec<_>>().try_into().unwrap();
    for wrong in [
        String::new(),
        ".".into(),
        "..".into(),
        "...".into(),
        header.to_owned(),
        format!("{header}.{payload}"),
        format!("{token}.{signature}"),
        format!("{token}."),
        format!(".{token}"),
        format!("{header}.{payload}.{signature}.{payload}.{signature}"),
        format!(
            r#"{{"payload":"{payload}","signatures":[{{"protected":"{header}","signature":"{signature}"}}]}}"#
        ),
    ] {
        assert!(
            matches!(fixture.refused(&wrong), TokenError::Malformed(_)),
            "{wrong}"
        );
    }
    for wrong in [
        format!(" {token}"),
        format!("{token} "),
        format!("{token}\n"),
        format!("{token}="),
        format!("Bearer {token}"),
    ] {
        fixture.refused(&wrong);
    }
}

#[test]
fn a_huge_token_is_not_even_decoded() {
    let fixture = fixture(Algorithm::EdDsa);
    let huge = fixture.signed(|_, claims| claims["sub"] = "x".repeat(MAX_TOKEN).into());
    assert_eq!(
        fixture.refused(&huge),
        TokenError::Malformed("it is too long")
    );
    let nested = format!("{}{}", "[".repeat(5_000), "]".repeat(5_000));
    let nested = URL_SAFE_NO_PAD.encode(&nested[..4_000]);
    assert!(matches!(
        fixture.refused(&format!("{nested}.e30.")),
        TokenError::Malformed(_)
    ));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_text_is_refused(token in ".{0,200}") {
        prop_assert!(fixture(Algorithm::EdDsa).ring.verify::<Claims>(&token, AUDIENCE, NOW).is_err());
    }

    #[test]
    fn any_three_parts_are_refused(header in ".{0,60}", payload in ".{0,60}", signature in proptest::collection::vec(any::<u8>(), 0..80)) {
        let fixture = fixture(Algorithm::EdDsa);
        let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let token = format!("{}.{}.{}", encode(header.as_bytes()), encode(payload.as_bytes()), encode(&signature));
        prop_assert!(fixture.ring.verify::<Claims>(&token, AUDIENCE, NOW).is_err());
    }

    #[test]
    fn any_changed_character_is_noticed(at: prop::sample::Index, to in "[A-Za-z0-9_.-]") {
        for algorithm in BOTH {
            let fixture = fixture(algorithm);
            let mut token = fixture.token();
            let at = at.index(token.len());
            if token[at..=at] != to {
                token.replace_range(at..=at, &to);
                prop_assert!(fixture.ring.verify::<Claims>(&token, AUDIENCE, NOW).is_err());
            }
        }
    }
}
