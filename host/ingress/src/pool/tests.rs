use std::{cell::Cell, convert::Infallible, net::SocketAddr, rc::Rc};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::{
    ClientConfig, RootCertStore, ServerConfig, crypto::ring, pki_types::PrivateKeyDer,
    version::TLS13,
};
use tokio::{
    net::TcpListener,
    task::{LocalSet, spawn_local},
};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::{deadline::Deadline, door::APPS_ALPN, listener, streams};

type Protocols<'a> = &'a [&'a [u8]];

/// Another host that speaks these, and how it is dialled by one that speaks both.
async fn host(spoken: Protocols<'_>) -> (TcpListener, TlsAcceptor, Arc<Peer>) {
    // What certificates are for does not matter here; see `connect`.
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(vec!["0.0.0.0".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
    let provider = Arc::new(ring::default_provider());
    let mut theirs = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&[&TLS13])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .unwrap();
    theirs.alpn_protocols = spoken.iter().map(|it| it.to_vec()).collect();
    let mut known = RootCertStore::empty();
    known.add(cert.der().clone()).unwrap();
    let mut ours = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13])
        .unwrap()
        .with_root_certificates(known)
        .with_no_client_auth();
    ours.alpn_protocols = APPS_ALPN.map(<[u8]>::to_vec).into();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let peer = Peer::new(Uuid::nil(), "other", vec![address], Arc::new(ours));
    (
        listener,
        TlsAcceptor::from(Arc::new(theirs)),
        Arc::new(peer),
    )
}

/// Asks that host twice, and gives how many of its connections that took.
async fn connections(spoken: Protocols<'_>, shared: bool) -> usize {
    let (listener, tls, peer) = host(spoken).await;
    let count = Rc::new(Cell::new(0));
    let counted = Rc::clone(&count);
    let serving = spawn_local(async move {
        while let Ok((stream, address)) = listener.accept().await {
            counted.set(counted.get() + 1);
            spawn_local(serve(tls.clone(), stream, address, shared));
        }
    });
    let pool = Pool::default();
    for _ in 0..2 {
        let asked = pool.ask(&peer, Request::new(Lingering::empty())).await;
        let answer = asked.unwrap_or_else(|failed| match failed {
            Failed::NotSent(_, why) | Failed::Broken(why) | Failed::Spoilt(why) => panic!("{why}"),
        });
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(body, "well");
    }
    serving.abort();
    count.get()
}

async fn serve(tls: TlsAcceptor, stream: TcpStream, address: SocketAddr, shared: bool) {
    let stream = tls.accept(stream).await.unwrap();
    let stop = CancellationToken::new();
    let answer = |_, _: Deadline| async {
        Response::new(Full::<Bytes>::from("well").map_err(|never: Infallible| match never {}))
    };
    match shared {
        true => streams::serve(stream, address, stop, answer).await,
        false => listener::serve(stream, address, stop, answer).await,
    }
}

#[tokio::test]
async fn a_host_is_spoken_to_as_it_can() {
    let [shared, in_turn] = APPS_ALPN;
    let test = async {
        // A host of the version before knows HTTP/1.1 alone, and its connection is
        // used again.
        assert_eq!(connections(&[in_turn], false).await, 1);
        // With HTTP/2 there are to be two for many to share.
        assert_eq!(connections(&[shared, in_turn], true).await, LANES);
    };
    LocalSet::new().run_until(test).await;
}
