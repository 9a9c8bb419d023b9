use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::EncodingKey;
use muster_api::config::tokens::{Algorithm, Tokens};
use proptest::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use time::{OffsetDateTime, macros::datetime};

use super::{KeyRecord, KeyRing, KeyRingError, LONGEST_LIFE, MAX_TOKEN, TokenError, Verified};

const NOW: OffsetDateTime = datetime!(2026-11-22 12:00 UTC);
const LIFE: Duration = Duration::from_secs(600);
const AUDIENCE: &str = "muster-api";

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Claims {
    sub: String,
}

fn ada() -> Claims {
    Claims { sub: "ada".into() }
}

fn config(algorithms: &[Algorithm]) -> Tokens {
    Tokens {
        algorithms: algorithms.to_vec(),
        ..Tokens::default()
    }
}

const BOTH: [Algorithm; 2] = [Algorithm::EdDsa, Algorithm::Es256];

/// A ring with a key of each algorithm; the one of `signs` is the newer.
struct Fixture {
    ring: KeyRing,
    ed: KeyRecord,
    ec: KeyRecord,
}

fn fixture(signs: Algorithm) -> Fixture {
    let age = |algorithm| if algorithm == signs { 10 } else { 20 };
    let made =
        |algorithm| KeyRecord::generate(algorithm, NOW - Duration::from_secs(age(algorithm)));
    let (ed, ec) = (
        made(Algorithm::EdDsa).unwrap(),
        made(Algorithm::Es256).unwrap(),
    );
    let ring = KeyRing::new(&[ed.clone(), ec.clone()], &config(&BOTH)).unwrap();
    Fixture { ring, ed, ec }
}

impl Fixture {
    fn token(&self) -> String {
        self.ring.sign(AUDIENCE, LIFE, NOW, &ada()).unwrap()
    }

    fn refused(&self, token: &str) -> TokenError {
        self.ring
            .verify::<Claims>(token, AUDIENCE, NOW)
            .expect_err(token)
    }

    /// A token with any header and claims, signed as the key of `record`
    /// would, whatever the header says.
    fn forge(record: &KeyRecord, header: &Value, claims: &Value) -> String {
        let message = format!("{}.{}", part(header), part(claims));
        let key = super::Key::read(record).unwrap();
        let signature = jsonwebtoken::crypto::sign(
            message.as_bytes(),
            &key.encoding,
            super::jwt(record.algorithm),
        )
        .unwrap();
        format!("{message}.{signature}")
    }

    /// Signed properly by the Ed25519 key, but for what `change` changes.
    fn signed(&self, change: impl FnOnce(&mut Value, &mut Value)) -> String {
        let mut header = json!({"alg": "EdDSA", "typ": "JWT", "kid": self.ed.kid});
        let mut claims = good_claims();
        change(&mut header, &mut claims);
        Self::forge(&self.ed, &header, &claims)
    }
}

fn good_claims() -> Value {
    let now = NOW.unix_timestamp();
    json!({
        "iss": "muster", "aud": AUDIENCE, "sub": "ada", "iat": now, "nbf": now, "exp": now + 600,
        "jti": "019ab000-0000-7000-8000-000000000000",
    })
}

fn part(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

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
fn the_forger_of_these_tests_makes_good_tokens_when_nothing_is_changed() {
    let fixture = fixture(Algorithm::EdDsa);
    let token = fixture.signed(|_, _| {});
    assert!(fixture.ring.verify::<Claims>(&token, AUDIENCE, NOW).is_ok());
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
        let key = super::Key::read(record).unwrap();
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
    let public = serde_json::to_value(super::Key::read(&mallory).unwrap().public).unwrap();
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
        issuer: "https://other.example".into(),
        ..config(&BOTH)
    };
    let other = KeyRing::new(&records, &other).unwrap();
    let token = other.sign(AUDIENCE, LIFE, NOW, &ada()).unwrap();
    assert_eq!(fixture.refused(&token), TokenError::Issuer);
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

#[test]
fn the_caller_cannot_overwrite_what_the_ring_writes() {
    let ring = fixture(Algorithm::EdDsa).ring;
    for name in super::REGISTERED {
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

#[test]
fn a_rotation_logs_nobody_out() {
    let mut records = vec![KeyRecord::generate(Algorithm::EdDsa, NOW).unwrap()];
    let config = config(&[Algorithm::EdDsa]);
    let ring = KeyRing::new(&records, &config).unwrap();
    let month = NOW + Duration::from_secs(30 * 24 * 3600);
    assert!(!ring.rotation_due(month - Duration::from_secs(1)));
    assert!(ring.rotation_due(month));
    let just_before = ring.sign(AUDIENCE, LONGEST_LIFE, month, &ada()).unwrap();

    let rotation = ring.rotate(month).unwrap();
    assert_eq!(rotation.retired.len(), 1);
    assert!(rotation.over.is_empty());
    records = rotation.retired;
    records.push(rotation.new.clone());
    let ring = KeyRing::new(&records, &config).unwrap();
    assert!(!ring.rotation_due(month));

    // New tokens are the new key's; old ones live as long as they were to.
    let after = ring.sign(AUDIENCE, LIFE, month, &ada()).unwrap();
    assert_eq!(
        jsonwebtoken::decode_header(&after).unwrap().kid,
        Some(rotation.new.kid.clone())
    );
    let last = month + LONGEST_LIFE - Duration::from_secs(1);
    assert!(ring.verify::<Claims>(&just_before, AUDIENCE, last).is_ok());
    assert_eq!(ring.jwks(last)["keys"].as_array().unwrap().len(), 2);
    assert_eq!(
        ring.jwks(last)["keys"][0]["kid"],
        rotation.new.kid,
        "newest first"
    );

    // Then the old key is over, and the next rotation says so.
    let later = month + LONGEST_LIFE + Duration::from_secs(24 * 3600);
    assert_eq!(
        ring.verify::<Claims>(&just_before, AUDIENCE, later),
        Err(TokenError::UnknownKey)
    );
    assert_eq!(ring.jwks(later)["keys"].as_array().unwrap().len(), 1);
    let next = ring.rotate(later).unwrap();
    assert_eq!(next.over, [records[0].kid.clone()]);
    assert_eq!(next.retired.len(), 1);
}

#[test]
fn an_empty_ring_wants_a_rotation_and_signs_nothing() {
    let ring = KeyRing::new(&[], &Tokens::default()).unwrap();
    assert!(ring.rotation_due(NOW));
    assert_eq!(
        ring.sign(AUDIENCE, LIFE, NOW, &ada()),
        Err(KeyRingError::NoKey)
    );
    assert_eq!(ring.jwks(NOW), json!({"keys": []}));
    let rotation = ring.rotate(NOW).unwrap();
    assert!(rotation.retired.is_empty());
    let ring = KeyRing::new(&[rotation.new], &Tokens::default()).unwrap();
    assert!(ring.sign(AUDIENCE, LIFE, NOW, &ada()).is_ok());
}

#[test]
fn another_first_algorithm_wants_a_rotation() {
    let key = KeyRecord::generate(Algorithm::EdDsa, NOW).unwrap();
    let ring = KeyRing::new(
        std::slice::from_ref(&key),
        &config(&[Algorithm::Es256, Algorithm::EdDsa]),
    )
    .unwrap();
    assert!(ring.rotation_due(NOW));
    let rotation = ring.rotate(NOW).unwrap();
    assert_eq!(rotation.new.algorithm, Algorithm::Es256);
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
