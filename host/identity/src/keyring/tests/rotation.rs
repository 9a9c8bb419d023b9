//! Keys come and go while tokens live on.

use std::time::Duration;

use muster_api::config::tokens::{Algorithm, Tokens};
use serde_json::json;

use super::{AUDIENCE, Claims, LIFE, NOW, ada, config};
use crate::keyring::{KeyRecord, KeyRing, KeyRingError, LONGEST_LIFE, TokenError};

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
