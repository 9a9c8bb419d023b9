//! TLS to servers that an operator names: directories, providers, mail.

use std::{fs, io, sync::Arc};

use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, pem::PemObject},
};

/// Why a file of certificates cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CaFileError {
    /// It cannot be read.
    #[error("the CA file {path} cannot be read: {source}")]
    Unreadable {
        /// The file.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// It is not PEM.
    #[error("the CA file {path} is not PEM: {reason}")]
    NotPem {
        /// The file.
        path: String,
        /// What is wrong.
        reason: String,
    },
    /// There is no certificate in it.
    #[error("the CA file {0} has no certificate")]
    Empty(String),
}

/// The certificates of a file in PEM form, in DER form; at least one.
///
/// # Errors
/// If the file cannot be read or has none.
pub fn certificates(path: &str) -> Result<Vec<CertificateDer<'static>>, CaFileError> {
    let pem = fs::read(path).map_err(|source| CaFileError::Unreadable {
        path: path.to_owned(),
        source,
    })?;
    let found: Vec<_> = CertificateDer::pem_slice_iter(&pem)
        .collect::<Result<_, _>>()
        .map_err(|error| CaFileError::NotPem {
            path: path.to_owned(),
            reason: error.to_string(),
        })?;
    if found.is_empty() {
        return Err(CaFileError::Empty(path.to_owned()));
    }
    Ok(found)
}

/// A client that believes the certificates in `ca_file` and no others, or,
/// without one, those of public authorities.
///
/// # Errors
/// If the file is of no use.
pub fn client_config(ca_file: Option<&str>) -> Result<ClientConfig, CaFileError> {
    let mut roots = RootCertStore::empty();
    match ca_file {
        Some(path) => {
            for certificate in certificates(path)? {
                roots
                    .add(certificate)
                    .map_err(|error| CaFileError::NotPem {
                        path: path.to_owned(),
                        reason: error.to_string(),
                    })?;
            }
        }
        None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
    }
    let provider = Arc::new(ring::default_provider());
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring has the cipher suites of TLS 1.2 and 1.3")
        .with_root_certificates(roots)
        .with_no_client_auth())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_no_use_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        let told = |path: &str| client_config(Some(path)).unwrap_err().to_string();
        assert!(told(&path("absent")).contains("cannot be read"));
        fs::write(path("empty"), "no certificate here\n").unwrap();
        assert!(told(&path("empty")).contains("has no certificate"));
        fs::write(
            path("broken"),
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        )
        .unwrap();
        assert!(told(&path("broken")).contains("is not PEM"));
        assert!(client_config(None).is_ok());
    }
}
