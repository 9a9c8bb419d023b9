//! Which certificate a name gets. Swapped whole: the next handshake goes by
//! what was put last, and connections that stand go on.

use std::{collections::HashMap, fmt, sync::Arc};

use arc_swap::ArcSwap;
use rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer},
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};

/// A certificate that can be shown, for the names that it is for.
#[derive(Clone)]
pub struct Usable {
    names: Vec<String>,
    key: Arc<CertifiedKey>,
}

/// Why a certificate cannot be shown to anybody.
#[derive(Debug, thiserror::Error)]
#[error("the certificate and its key cannot be used: {0}")]
pub struct Unusable(#[from] rustls::Error);

impl Usable {
    /// A certificate with those that vouch for it, the own one first, and its
    /// key. The names are host names, or `*.` and one.
    ///
    /// # Errors
    /// If the key is none, or another certificate's.
    pub fn new(
        names: &[String],
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
    ) -> Result<Self, Unusable> {
        let key = CertifiedKey::from_der(chain, key, &ring::default_provider())?;
        Ok(Self {
            names: names.iter().map(|name| name.to_ascii_lowercase()).collect(),
            key: Arc::new(key),
        })
    }
}

/// The certificates in force.
#[derive(Default)]
pub struct Certificates(ArcSwap<Held>);

#[derive(Default)]
struct Held {
    exact: HashMap<String, Arc<CertifiedKey>>,
    /// By what follows the `*.`.
    below: HashMap<String, Arc<CertifiedKey>>,
    /// For who asks for no name, or for one that nobody has.
    otherwise: Option<Arc<CertifiedKey>>,
}

impl Certificates {
    /// Puts these in force. Of two for one name the first counts. Who asks for
    /// a name of none of them gets `otherwise`.
    pub fn replace(&self, all: &[Usable], otherwise: Option<Usable>) {
        let mut held = Held {
            otherwise: otherwise.map(|it| it.key),
            ..Held::default()
        };
        for certificate in all {
            for name in &certificate.names {
                let key = Arc::clone(&certificate.key);
                match name.strip_prefix("*.") {
                    Some(parent) => held.below.entry(parent.to_owned()).or_insert(key),
                    None => held.exact.entry(name.clone()).or_insert(key),
                };
            }
        }
        self.0.store(Arc::new(held));
    }

    /// How connections are secured by them.
    ///
    /// # Errors
    /// If TLS cannot be had at all.
    pub(super) fn config(self: &Arc<Self>) -> Result<ServerConfig, rustls::Error> {
        let provider = Arc::new(ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(self) as _);
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(config)
    }

    fn of(&self, name: Option<&str>) -> Option<Arc<CertifiedKey>> {
        let held = self.0.load();
        let found = name.and_then(|name| {
            let name = name.to_ascii_lowercase();
            let name = name.strip_suffix('.').unwrap_or(&name);
            held.exact.get(name).or_else(|| {
                let (_, parent) = name.split_once('.')?;
                held.below.get(parent)
            })
        });
        found.or(held.otherwise.as_ref()).cloned()
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.of(hello.server_name())
    }
}

impl fmt::Debug for Certificates {
    /// Without the keys.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let held = self.0.load();
        f.debug_set()
            .entries(held.exact.keys())
            .entries(held.below.keys())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertifiedKey as Made, generate_simple_self_signed};

    use super::*;

    fn made(names: &[&str]) -> Usable {
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        let Made { cert, signing_key } = generate_simple_self_signed(names.clone()).unwrap();
        let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
        Usable::new(&names, vec![cert.der().clone()], key).unwrap()
    }

    #[test]
    fn a_name_gets_its_own_certificate_or_its_parents() {
        let (shop, all, other) = (
            made(&["shop.example.org", "cart.example.org"]),
            made(&["*.example.org", "SHOP.example.org"]),
            made(&["other.test"]),
        );
        let certificates = Certificates::default();
        certificates.replace(&[shop.clone(), all.clone()], Some(other.clone()));
        for (name, expected) in [
            (Some("shop.example.org"), &shop),
            (Some("CART.example.org."), &shop),
            (Some("x.example.org"), &all),
            (Some("y.x.example.org"), &other),
            (Some("example.org"), &other),
            (None, &other),
        ] {
            let found = certificates.of(name).unwrap();
            assert!(Arc::ptr_eq(&found, &expected.key), "{name:?}");
        }
        certificates.replace(std::slice::from_ref(&all), None);
        let found = certificates.of(Some("shop.example.org")).unwrap();
        assert!(Arc::ptr_eq(&found, &all.key));
        assert!(certificates.of(Some("other.test")).is_none());
    }

    #[test]
    fn another_certificates_key_is_refused() {
        let names = vec!["a.test".to_owned()];
        let one = generate_simple_self_signed(names.clone()).unwrap();
        let other = generate_simple_self_signed(names.clone()).unwrap();
        let key = PrivateKeyDer::try_from(other.signing_key.serialize_der()).unwrap();
        assert!(Usable::new(&names, vec![one.cert.der().clone()], key).is_err());
    }
}
