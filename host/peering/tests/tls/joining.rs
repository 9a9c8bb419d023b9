//! A host that has nothing but a link token.

use std::sync::Arc;

use muster_peering::{Pin, proof, tls};
use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, Issuer, KeyPair, SanType};
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer},
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
    version::TLS13,
};
use tls::Distrust;
use tokio::net::TcpListener;

use super::meeting::*;

/// A server that shows whatever it is given, whether the key fits or not.
#[derive(Debug)]
struct Shows(Arc<CertifiedKey>);

impl ResolvesServerCert for Shows {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.clone())
    }
}

fn impostor(chain: Vec<CertificateDer<'static>>, key: &KeyPair) -> ServerConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
    let key = provider.key_provider.load_private_key(key).unwrap();
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13])
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(Shows(Arc::new(CertifiedKey::new(chain, key)))));
    config.alpn_protocols = vec![ALPN[0].to_vec()];
    config
}

#[tokio::test]
async fn a_joiner_that_knows_the_pin_is_let_in_as_a_stranger() {
    let authority = authority();
    let leader = Host::new(&authority, 1, NOW);
    let met = meet(
        leader.serves(&anchors(&[&authority]), |_, _| false),
        tls::joiner_config(&[authority.pin()], ALPN).unwrap(),
    )
    .await;
    let (server, client) = (met.server.unwrap(), met.client.unwrap());
    assert_eq!(server.peer, None);
    assert_eq!(client.peer, Some(leader.identity()));
    assert_eq!(server.exporter, client.exporter);
}

#[tokio::test]
async fn every_connection_has_an_exporter_of_its_own() {
    let authority = authority();
    let leader = Host::new(&authority, 1, NOW);
    let server = Arc::new(leader.serves(&anchors(&[&authority]), anyone));
    let client = Arc::new(tls::joiner_config(&[authority.pin()], ALPN).unwrap());
    let one = meet(server.clone(), client.clone()).await.client.unwrap();
    let other = meet(server, client).await.client.unwrap();
    assert_ne!(one.exporter, other.exporter);
}

#[tokio::test]
async fn whoever_does_not_have_the_pinned_authority_gets_nothing() {
    let (authority, foreign) = (authority(), authority());
    let stranger = Host::new(&foreign, 1, NOW);
    let met = meet(
        stranger.serves(&anchors(&[&foreign]), anyone),
        tls::joiner_config(&[authority.pin()], ALPN).unwrap(),
    )
    .await;
    let error = met.client.unwrap_err();
    assert_eq!(tls::reason(&error), Some(Distrust::PinMismatch), "{error}");
    // The stranger's handshake never ended, so that nothing was said in it.
    assert!(met.server.is_err());
}

#[tokio::test]
async fn no_pin_is_no_reason_to_believe_anybody() {
    let authority = authority();
    let leader = Host::new(&authority, 1, NOW);
    for pins in [
        vec![],
        vec![Pin::from_bytes([0; 32])],
        vec![leader.leaf.fingerprint()],
    ] {
        let met = meet(
            leader.serves(&anchors(&[&authority]), anyone),
            tls::joiner_config(&pins, ALPN).unwrap(),
        )
        .await;
        let error = met.client.unwrap_err();
        assert_eq!(tls::reason(&error), Some(Distrust::PinMismatch), "{error}");
    }
}

#[tokio::test]
async fn the_pinned_certificate_alone_proves_nothing() {
    // It is no secret: whoever once connected to the leader has it.
    let (authority, foreign) = (authority(), authority());
    let stranger = Host::new(&foreign, 1, NOW);
    let chain = vec![stranger.leaf.chain()[0].clone(), authority.certificate()];
    let key = KeyPair::from_pem(&stranger.key.to_pem()).unwrap();
    let met = meet(
        impostor(chain, &key),
        tls::joiner_config(&[authority.pin()], ALPN).unwrap(),
    )
    .await;
    let error = met.client.unwrap_err();
    assert_eq!(tls::reason(&error), Some(Distrust::PinMismatch), "{error}");
    assert!(met.server.is_err());
}

#[tokio::test]
async fn nor_does_the_leaders_whole_chain_without_its_key() {
    let authority = authority();
    let leader = Host::new(&authority, 1, NOW);
    let met = meet(
        impostor(leader.leaf.chain().to_vec(), &KeyPair::generate().unwrap()),
        tls::joiner_config(&[authority.pin()], ALPN).unwrap(),
    )
    .await;
    let error = met.client.unwrap_err();
    assert_eq!(tls::reason(&error), Some(Distrust::Invalid), "{error}");
    assert!(met.server.is_err());
}

#[tokio::test]
async fn a_leaf_that_is_not_for_servers_serves_nobody() {
    let authority = authority();
    let pem = authority.to_pem();
    let (certificate, key) = pem.split_at(pem.find("-----BEGIN PRIVATE KEY").unwrap());
    let issuer = Issuer::from_ca_cert_pem(certificate, KeyPair::from_pem(key).unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec![
        "00000000-0000-0000-0000-000000000007.host.muster.internal".to_owned(),
    ])
    .unwrap();
    params.subject_alt_names.push(SanType::URI(
        "muster:host:00000000-0000-0000-0000-000000000007"
            .try_into()
            .unwrap(),
    ));
    for (usage, good) in [
        (ExtendedKeyUsagePurpose::ServerAuth, true),
        (ExtendedKeyUsagePurpose::ClientAuth, false),
    ] {
        params.extended_key_usages = vec![usage];
        let leaf = params.signed_by(&key, &issuer).unwrap().der().clone();
        let met = meet(
            impostor(vec![leaf, authority.certificate()], &key),
            tls::joiner_config(&[authority.pin()], ALPN).unwrap(),
        )
        .await;
        match met.client {
            Ok(_) => assert!(good),
            Err(error) => {
                assert!(!good, "{error}");
                assert_eq!(tls::reason(&error), Some(Distrust::Invalid), "{error}");
            }
        }
    }
}

/// The worst that can be in between: another member, whose leaf the pinned
/// authority did sign. The joiner believes it, and it passes on what it hears.
#[tokio::test]
async fn a_proof_cannot_be_passed_on_even_by_a_member() {
    let authority = authority();
    let trusted = anchors(&[&authority]);
    let (leader, between) = (Host::new(&authority, 1, NOW), Host::new(&authority, 2, NOW));
    let secret = [9; 32];
    let csr = b"the request for a certificate";

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let relay = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let joiner = Arc::new(tls::joiner_config(&[authority.pin()], ALPN).unwrap());
    let (heard, said, at_leader, passed_on) = tokio::join!(
        serve_once(&relay, Arc::new(between.serves(&trusted, anyone))),
        dial(relay.local_addr().unwrap(), joiner.clone()),
        serve_once(&listener, Arc::new(leader.serves(&trusted, anyone))),
        dial(listener.local_addr().unwrap(), joiner),
    );
    let (said, at_leader) = (said.unwrap(), at_leader.unwrap());
    let proof = proof::prove(&secret, &said.exporter, csr);
    let hash = proof::secret_hash(&secret);

    assert_eq!(heard.unwrap().exporter, said.exporter);
    assert_eq!(passed_on.unwrap().exporter, at_leader.exporter);
    assert!(proof::check(&hash, &said.exporter, csr, &proof));
    assert!(!proof::check(&hash, &at_leader.exporter, csr, &proof));
}
