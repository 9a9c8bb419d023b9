//! Authorities, keys and leaves, as they are written and read.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

use muster_peering::{Anchors, Authority, HostKey, Leaf, PeeringError, Pin, leaf::renew_at};
use proptest::prelude::*;
use rcgen::{CertificateParams, KeyPair, PublicKeyData};
use time::{Duration, OffsetDateTime, macros::datetime};
use uuid::Uuid;
use x509_parser::{
    certificate::X509Certificate, certification_request::X509CertificationRequest,
    extensions::GeneralName, parse_x509_certificate, pem::parse_x509_pem, prelude::FromDer,
};

const NOW: OffsetDateTime = datetime!(2031-05-04 12:00 UTC);
const LIFE: Duration = Duration::days(30);

fn authority() -> Authority {
    Authority::generate(Uuid::from_u128(1), NOW).unwrap()
}

fn issued(authority: &Authority, key: &HostKey, host: Uuid) -> Leaf {
    let csr = key.csr(host).unwrap();
    authority.issue(&csr, host, NOW, LIFE).unwrap()
}

fn parsed(der: &[u8]) -> X509Certificate<'_> {
    let (rest, certificate) = parse_x509_certificate(der).unwrap();
    assert!(rest.is_empty());
    certificate
}

#[test]
fn a_leaf_names_its_host_and_serves_both_ways() {
    let (authority, key, host) = (
        authority(),
        HostKey::generate().unwrap(),
        Uuid::from_u128(7),
    );
    let leaf = issued(&authority, &key, host);
    assert_eq!(leaf.host(), host);
    assert_eq!(leaf.fingerprint(), key.fingerprint());
    assert_eq!(leaf.issuer(), authority.pin());
    assert_eq!(leaf.not_before(), NOW - Duration::HOUR);
    assert_eq!(leaf.issued_at(), NOW);
    assert_eq!(leaf.not_after(), NOW + LIFE);

    let certificate = parsed(&leaf.chain()[0]);
    let names = certificate.subject_alternative_name().unwrap().unwrap();
    let names: Vec<_> = names.value.general_names.iter().collect();
    assert_eq!(
        names,
        [
            &GeneralName::URI("muster:host:00000000-0000-0000-0000-000000000007"),
            &GeneralName::DNSName("00000000-0000-0000-0000-000000000007.host.muster.internal"),
        ]
    );
    let usage = certificate.extended_key_usage().unwrap().unwrap().value;
    assert!(usage.client_auth && usage.server_auth && !usage.any);
    assert!(!certificate.is_ca());
    assert_eq!(
        Pin::of_public_key(certificate.public_key().raw),
        key.fingerprint()
    );
}

#[test]
fn an_authority_signs_hosts_and_no_further_authorities() {
    let authority = authority();
    let certificate = authority.certificate();
    let certificate = parsed(&certificate);
    let constraints = certificate.basic_constraints().unwrap().unwrap().value;
    assert!(constraints.ca);
    assert_eq!(constraints.path_len_constraint, Some(0));
    assert_eq!(
        Pin::of_public_key(certificate.public_key().raw),
        authority.pin()
    );
    assert_eq!(authority.cluster(), Uuid::from_u128(1));
}

#[test]
fn every_certificate_of_a_host_has_a_number_of_its_own() {
    let (authority, key, host) = (
        authority(),
        HostKey::generate().unwrap(),
        Uuid::from_u128(7),
    );
    let (one, other) = (
        issued(&authority, &key, host),
        issued(&authority, &key, host),
    );
    assert_ne!(
        parsed(&one.chain()[0]).raw_serial(),
        parsed(&other.chain()[0]).raw_serial()
    );
}

#[test]
fn what_else_a_request_wants_is_not_given() {
    let key = KeyPair::generate().unwrap();
    let mut wanted = CertificateParams::new(vec!["www.example.com".to_owned()]).unwrap();
    wanted.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    wanted.subject_alt_names.push(rcgen::SanType::URI(
        format!("muster:host:{}", Uuid::from_u128(99))
            .try_into()
            .unwrap(),
    ));
    let csr = wanted.serialize_request(&key).unwrap();
    let host = Uuid::from_u128(7);
    let leaf = authority().issue(csr.der(), host, NOW, LIFE).unwrap();
    assert_eq!(leaf.host(), host);
    assert_eq!(
        leaf.fingerprint(),
        Pin::of_public_key(&key.subject_public_key_info())
    );
    let certificate = parsed(&leaf.chain()[0]);
    assert!(!certificate.is_ca());
    let names = certificate.subject_alternative_name().unwrap().unwrap();
    assert_eq!(names.value.general_names.len(), 2);
    assert!(!certificate.subject().to_string().contains("example"));
}

#[test]
fn a_request_has_to_be_signed_by_its_own_key() {
    let (authority, host) = (authority(), Uuid::from_u128(7));
    let csr = HostKey::generate().unwrap().csr(host).unwrap();
    let refused = |csr: &[u8]| {
        matches!(
            authority.issue(csr, host, NOW, LIFE),
            Err(PeeringError::Request(_))
        )
    };
    let (_, request) = X509CertificationRequest::from_der(&csr).unwrap();
    let signed = request.certification_request_info.raw.len();
    let header = 4;
    for at in 0..header + signed {
        let mut changed = csr.clone();
        changed[at] ^= 1;
        assert!(refused(&changed), "byte {at}");
    }
    let mut changed = csr.clone();
    *changed.last_mut().unwrap() ^= 1;
    assert!(refused(&changed));
    assert!(refused(&[]));
    assert!(refused(&csr[..csr.len() - 1]));
    assert!(refused(&[csr.as_slice(), &[0]].concat()));
    assert!(refused(&vec![0x30; 8 << 10]));
}

#[test]
fn keys_of_other_kinds_get_no_certificate() {
    let host = Uuid::from_u128(7);
    for kind in [&rcgen::PKCS_ED25519, &rcgen::PKCS_ECDSA_P384_SHA384] {
        let key = KeyPair::generate_for(kind).unwrap();
        let csr = CertificateParams::default()
            .serialize_request(&key)
            .unwrap();
        let error = authority().issue(csr.der(), host, NOW, LIFE).unwrap_err();
        assert!(matches!(error, PeeringError::Request(_)), "{error}");
        assert!(HostKey::from_pem(&key.serialize_pem()).is_err());
    }
}

#[test]
fn no_leaf_lives_longer_than_a_month() {
    let (authority, host) = (authority(), Uuid::from_u128(7));
    let csr = HostKey::generate().unwrap().csr(host).unwrap();
    for life in [
        LIFE + Duration::SECOND,
        Duration::ZERO,
        -Duration::DAY,
        Duration::MAX,
    ] {
        let error = authority.issue(&csr, host, NOW, life).unwrap_err();
        assert!(matches!(error, PeeringError::Life), "{error}");
    }
}

#[test]
fn a_clock_that_begins_in_1970_can_lead() {
    let now = OffsetDateTime::UNIX_EPOCH + Duration::MINUTE;
    let authority = Authority::generate(Uuid::from_u128(1), now).unwrap();
    let key = HostKey::generate().unwrap();
    let csr = key.csr(Uuid::from_u128(7)).unwrap();
    let leaf = authority
        .issue(&csr, Uuid::from_u128(7), now, LIFE)
        .unwrap();
    assert_eq!(leaf.not_before(), OffsetDateTime::UNIX_EPOCH);
    assert_eq!(leaf.not_after(), now + LIFE);
}

#[test]
fn everything_survives_being_written() {
    let authority = authority();
    let again = Authority::from_pem(&authority.to_pem()).unwrap();
    assert_eq!(again.certificate(), authority.certificate());
    assert_eq!(again.pin(), authority.pin());
    assert_eq!(again.cluster(), authority.cluster());

    let key = HostKey::generate().unwrap();
    let same = HostKey::from_pem(&key.to_pem()).unwrap();
    assert_eq!(same.fingerprint(), key.fingerprint());

    let leaf = issued(&again, &same, Uuid::from_u128(7));
    assert_eq!(Leaf::from_pem(&leaf.to_pem()).unwrap(), leaf);

    let other = Authority::generate(Uuid::from_u128(1), NOW).unwrap();
    let anchors = Anchors::new([authority.certificate(), other.certificate()]).unwrap();
    assert_eq!(Anchors::from_pem(&anchors.to_pem()).unwrap(), anchors);
    assert_eq!(anchors.pins(), [authority.pin(), other.pin()]);
}

#[test]
fn others_can_read_our_pem() {
    let leaf = issued(
        &authority(),
        &HostKey::generate().unwrap(),
        Uuid::from_u128(7),
    );
    let text = leaf.to_pem();
    let (rest, first) = parse_x509_pem(text.as_bytes()).unwrap();
    assert_eq!(first.contents, leaf.chain()[0].as_ref());
    let (_, second) = parse_x509_pem(rest).unwrap();
    assert_eq!(second.contents, leaf.chain()[1].as_ref());
    assert!(text.lines().all(|line| line.len() <= 64));
}

#[test]
fn a_leaf_is_for_one_host_one_key_and_one_cluster() {
    let (authority, key, host) = (
        authority(),
        HostKey::generate().unwrap(),
        Uuid::from_u128(7),
    );
    let anchors = Anchors::new([authority.certificate()]).unwrap();
    let leaf = issued(&authority, &key, host);
    leaf.check(host, &key, &anchors).unwrap();

    let error = leaf.check(Uuid::from_u128(8), &key, &anchors).unwrap_err();
    assert!(matches!(error, PeeringError::OtherHost { .. }), "{error}");
    let other = HostKey::generate().unwrap();
    let error = leaf.check(host, &other, &anchors).unwrap_err();
    assert!(matches!(error, PeeringError::OtherKey), "{error}");
    let foreign = Authority::generate(Uuid::from_u128(2), NOW).unwrap();
    let foreign = Anchors::new([foreign.certificate()]).unwrap();
    let error = leaf.check(host, &key, &foreign).unwrap_err();
    assert!(matches!(error, PeeringError::OtherCluster), "{error}");
}

#[test]
fn parts_that_do_not_belong_together_are_noticed() {
    let (one, other) = (authority(), authority());
    let key_of = |authority: &Authority| {
        let pem = authority.to_pem();
        pem[pem.find("-----BEGIN PRIVATE KEY").unwrap()..].to_owned()
    };
    let certificate_of = |authority: &Authority| authority.to_pem().replace(&key_of(authority), "");
    let mixed = certificate_of(&one) + &key_of(&other);
    let error = Authority::from_pem(&mixed).unwrap_err();
    assert!(matches!(error, PeeringError::OtherKey), "{error}");

    let leaf = issued(&one, &HostKey::generate().unwrap(), Uuid::from_u128(7)).to_pem();
    let mixed = leaf.replace(&certificate_of(&one), "") + &certificate_of(&other);
    let error = Leaf::from_pem(&mixed).unwrap_err();
    assert!(matches!(error, PeeringError::OtherCluster), "{error}");
    assert!(Leaf::from_pem(&certificate_of(&one)).is_err());
    assert!(Anchors::from_pem(&leaf).is_err());
    assert!(matches!(Anchors::from_pem(""), Err(PeeringError::NoAnchor)));
    assert!(HostKey::from_pem(&certificate_of(&one)).is_err());
}

#[test]
fn what_is_logged_shows_no_key() {
    let (authority, key) = (authority(), HostKey::generate().unwrap());
    for (shown, pem) in [
        (format!("{authority:?}"), authority.to_pem()),
        (format!("{key:?}"), key.to_pem()),
    ] {
        let secret = pem.split("-----BEGIN PRIVATE KEY-----").nth(1).unwrap();
        let line = secret.trim().lines().nth(1).unwrap();
        assert!(!shown.contains(line), "{shown}");
    }
}

#[test]
fn a_leaf_from_the_future_is_replaced_at_once() {
    let leaf = issued(
        &authority(),
        &HostKey::generate().unwrap(),
        Uuid::from_u128(7),
    );
    assert!(!leaf.is_due(NOW, 0.0));
    assert!(leaf.is_due(NOW - Duration::hours(2), 1.0));
    assert!(leaf.is_due(NOW + Duration::days(16), 0.0));
    assert!(!leaf.is_due(NOW + Duration::days(16), 1.0));
    assert!(leaf.is_due(NOW + Duration::days(25), 1.0));
}

proptest! {
    #[test]
    fn renewal_is_between_half_and_four_fifths_of_a_life(seconds in 1i64..2_592_000, random in 0.0..=1.0) {
        let life = Duration::seconds(seconds);
        let at = renew_at(NOW, NOW + life, random);
        prop_assert!(at >= NOW + life * 0.5 - Duration::SECOND);
        prop_assert!(at <= NOW + life * 0.8 + Duration::SECOND);
    }

    #[test]
    fn renewal_has_a_time_whatever_is_asked(from in 0i64..9_000_000_000, to in 0i64..9_000_000_000, random: f64) {
        let at = |seconds| OffsetDateTime::from_unix_timestamp(seconds).unwrap();
        let when = renew_at(at(from), at(to), random);
        prop_assert!(when >= at(from) && when <= at(to.max(from)));
    }

    #[test]
    fn no_text_and_no_request_makes_anything_panic(text in ".*", bytes: Vec<u8>) {
        let _ = Authority::from_pem(&text);
        let _ = HostKey::from_pem(&text);
        let _ = Anchors::from_pem(&text);
        prop_assert!(Leaf::from_pem(&text).is_err());
        prop_assert!(authority().issue(&bytes, Uuid::from_u128(7), NOW, LIFE).is_err());
    }
}
