//! Members among each other.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use muster_peering::{
    HostKey, Pin,
    tls::{self, Members},
};
use rustls::{HandshakeKind, client::Resumption, version::TLS12};
use tls::Distrust;
use uuid::Uuid;

use super::meeting::*;

#[tokio::test]
async fn members_know_each_other_by_host_and_key() {
    let authority = authority();
    let trusted = anchors(&[&authority]);
    let (one, other) = (Host::new(&authority, 1, NOW), Host::new(&authority, 2, NOW));
    let asked = Arc::new(Mutex::new(Vec::new()));
    let list = asked.clone();
    let met = meet(
        one.serves(&trusted, move |host, fingerprint| {
            list.lock().unwrap().push((host, fingerprint));
            true
        }),
        other.dials(&trusted, &one),
    )
    .await;
    let (server, client) = (met.server.unwrap(), met.client.unwrap());
    assert_eq!(server.peer, Some(other.identity()));
    assert_eq!(client.peer, Some(one.identity()));
    assert_eq!(server.exporter, client.exporter);
    assert_eq!(
        *asked.lock().unwrap(),
        [(other.id, other.key.fingerprint())]
    );
}

#[tokio::test]
async fn removal_is_felt_at_the_next_handshake() {
    let authority = authority();
    let trusted = anchors(&[&authority]);
    let (one, other) = (Host::new(&authority, 1, NOW), Host::new(&authority, 2, NOW));
    let member = Arc::new(AtomicBool::new(true));
    let list = member.clone();
    let server = Arc::new(one.serves(&trusted, Leading(move |_, _| list.load(Ordering::SeqCst))));
    let client = Arc::new(other.dials(&trusted, &one));
    meet(server.clone(), client.clone()).await.client.unwrap();

    member.store(false, Ordering::SeqCst);
    let met = meet(server.clone(), client.clone()).await;
    let told = met.client.unwrap_err();
    assert_eq!(tls::reason(&told), Some(Distrust::NotAMember), "{told}");
    let refused = met.server.unwrap_err();
    assert_eq!(
        tls::reason(&refused),
        Some(Distrust::NotAMember),
        "{refused}"
    );

    member.store(true, Ordering::SeqCst);
    meet(server, client).await.client.unwrap();
}

#[tokio::test]
async fn a_host_is_not_itself_with_another_key() {
    let authority = authority();
    let trusted = anchors(&[&authority]);
    let (one, other) = (Host::new(&authority, 1, NOW), Host::new(&authority, 2, NOW));
    let twin = Host::new(&authority, 2, NOW);
    let known = other.identity();
    let server = Arc::new(one.serves(&trusted, move |host, fingerprint| {
        (host, fingerprint) == (known.host, known.fingerprint)
    }));
    meet(server.clone(), other.dials(&trusted, &one))
        .await
        .client
        .unwrap();
    let told = meet(server, twin.dials(&trusted, &one))
        .await
        .client
        .unwrap_err();
    assert_eq!(tls::reason(&told), Some(Distrust::NotAMember), "{told}");
}

#[tokio::test]
async fn sessions_are_not_resumed() {
    let authority = authority();
    let trusted = anchors(&[&authority]);
    let (one, other) = (Host::new(&authority, 1, NOW), Host::new(&authority, 2, NOW));
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let server = Arc::new(one.serves(&trusted, move |_, _| {
        count.fetch_add(1, Ordering::SeqCst);
        true
    }));
    let mut client = other.dials(&trusted, &one);
    // Even a client that would like to.
    client.resumption = Resumption::in_memory_sessions(8);
    let client = Arc::new(client);
    for round in 1..=3 {
        let met = meet(server.clone(), client.clone()).await;
        assert_eq!(met.client.unwrap().kind, HandshakeKind::Full);
        assert_eq!(met.server.unwrap().kind, HandshakeKind::Full);
        assert_eq!(asked.load(Ordering::SeqCst), round);
    }
}

#[tokio::test]
async fn whoever_answers_has_to_be_the_host_that_was_dialled() {
    let authority = authority();
    let trusted = anchors(&[&authority]);
    let (one, other) = (Host::new(&authority, 1, NOW), Host::new(&authority, 2, NOW));
    let third = Host::new(&authority, 3, NOW);
    // The address of `third` is now that of `one`.
    let met = meet(one.serves(&trusted, anyone), other.dials(&trusted, &third)).await;
    let error = met.client.unwrap_err();
    assert_eq!(tls::reason(&error), Some(Distrust::OtherHost), "{error}");
    assert!(met.server.is_err());

    let twin = Host::new(&authority, 1, NOW);
    let met = meet(
        twin.serves(&trusted, anyone),
        other.dials_leader(&trusted, &one),
    )
    .await;
    let error = met.client.unwrap_err();
    assert_eq!(tls::reason(&error), Some(Distrust::OtherHost), "{error}");
}

/// The list of a leader that knows whom it has taken out.
struct Remembering;

impl Members for Remembering {
    fn admits(&self, _: Uuid, _: Pin) -> bool {
        false
    }

    fn knew(&self, host: Uuid, _: Pin) -> bool {
        host == Uuid::from_u128(2)
    }

    fn is_leader(&self) -> bool {
        true
    }
}

#[tokio::test]
async fn whoever_was_a_member_is_heard_and_recognised() {
    let authority = authority();
    let trusted = anchors(&[&authority]);
    let one = Host::new(&authority, 1, NOW);
    let (other, third) = (Host::new(&authority, 2, NOW), Host::new(&authority, 3, NOW));
    let server = Arc::new(one.serves(&trusted, Remembering));
    let met = meet(server.clone(), other.dials_leader(&trusted, &one)).await;
    met.client.unwrap();
    assert_eq!(met.server.unwrap().peer, Some(other.identity()));
    let met = meet(server, third.dials_leader(&trusted, &one)).await;
    let told = met.client.unwrap_err();
    assert_eq!(tls::told(&told), Some(Distrust::NotAMember), "{told}");
}

#[tokio::test]
async fn a_leader_is_its_key_and_says_itself_that_its_group_is_over() {
    let (before, after) = (authority(), authority());
    let old = anchors(&[&before]);
    let mut leader = Host::new(&before, 1, NOW);
    let member = Host::new(&before, 2, NOW);
    leader.renew(&after, NOW);
    let met = meet(
        leader.serves(&anchors(&[&after]), Leading(anyone)),
        member.dials_leader(&old, &leader),
    )
    .await;
    let told = met.client.unwrap_err();
    assert_eq!(tls::told(&told), Some(Distrust::OtherCluster), "{told}");

    // Whoever else has got its address and name is not believed.
    let impostor = Host::new(&after, 1, NOW);
    let met = meet(
        impostor.serves(&anchors(&[&after]), Leading(anyone)),
        member.dials_leader(&old, &leader),
    )
    .await;
    let error = met.client.unwrap_err();
    assert_eq!(tls::reason(&error), Some(Distrust::OtherHost), "{error}");
    assert_eq!(tls::told(&error), None);
}

#[tokio::test]
async fn clusters_keep_apart_in_both_directions() {
    let (ours, theirs) = (authority(), authority());
    let (our_anchors, their_anchors) = (anchors(&[&ours]), anchors(&[&theirs]));
    let both = anchors(&[&ours, &theirs]);
    let (one, other) = (Host::new(&ours, 1, NOW), Host::new(&theirs, 2, NOW));

    let met = meet(one.serves(&our_anchors, anyone), other.dials(&both, &one)).await;
    let told = met.client.unwrap_err();
    assert_eq!(tls::reason(&told), Some(Distrust::OtherCluster), "{told}");

    let met = meet(one.serves(&both, anyone), other.dials(&their_anchors, &one)).await;
    let error = met.client.unwrap_err();
    assert_eq!(tls::reason(&error), Some(Distrust::OtherCluster), "{error}");
    assert!(met.server.is_err());
}

#[tokio::test]
async fn a_stolen_leaf_is_useless_without_its_key() {
    let authority = authority();
    let trusted = anchors(&[&authority]);
    let (one, other) = (Host::new(&authority, 1, NOW), Host::new(&authority, 2, NOW));
    let thief = HostKey::generate().unwrap();
    // The library already notices that these do not belong together.
    assert!(tls::client_config(&other.leaf, &thief, &trusted, one.id, ALPN).is_err());
    assert!(tls::server_config(&other.leaf, &thief, &trusted, Arc::new(anyone), ALPN).is_err());
}

#[tokio::test]
async fn older_tls_is_not_spoken() {
    let authority = authority();
    let one = Host::new(&authority, 1, NOW);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut roots = rustls::RootCertStore::empty();
    roots.add(authority.certificate()).unwrap();
    let old = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS12])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let met = meet(one.serves(&anchors(&[&authority]), anyone), old).await;
    assert!(met.server.is_err());
    let error = met.client.unwrap_err();
    assert_eq!(tls::reason(&error), None, "{error}");
}

#[tokio::test]
async fn both_ends_have_to_speak_one_protocol() {
    let authority = authority();
    let trusted = anchors(&[&authority]);
    let (one, other) = (Host::new(&authority, 1, NOW), Host::new(&authority, 2, NOW));
    let strange =
        tls::client_config(&other.leaf, &other.key, &trusted, one.id, &[b"other/1"]).unwrap();
    let met = meet(one.serves(&trusted, anyone), strange).await;
    assert!(met.server.is_err());
    assert_eq!(tls::reason(&met.client.unwrap_err()), None);
}

#[test]
fn every_host_has_a_name() {
    for host in [Uuid::nil(), Uuid::max(), Uuid::from_u128(7)] {
        let name = tls::server_name(host);
        assert_eq!(name.to_str(), format!("{host}.host.muster.internal"));
    }
}
