//! Certificates by which load balancers end TLS. They are the group's: whoever
//! puts one finds it on every load balancer.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::ToSchema;

/// A certificate. Its key is never shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Certificate {
    /// What it is called here; unique. The one called `default` is for who asks
    /// for no name, or for one that no certificate has.
    #[schema(example = "shop")]
    pub name: String,
    /// The host names that it is for; `*.name` is for one label below `name`.
    #[schema(example = json!(["shop.example.org", "*.shop.example.org"]))]
    pub hosts: Vec<String>,
    /// Whom it names.
    #[schema(example = "CN=shop.example.org")]
    pub subject: String,
    /// Who vouches for it.
    #[schema(example = "CN=Example CA")]
    pub issuer: String,
    /// Whether it vouches for itself, which no browser believes.
    pub self_signed: bool,
    /// How many certificates it comes with, itself among them.
    #[schema(example = 2)]
    pub chain: u32,
    /// The SHA-256 of the certificate, in hexadecimal.
    #[schema(example = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")]
    pub fingerprint: String,
    /// From when on it is good.
    #[serde(with = "time::serde::rfc3339")]
    pub not_before: OffsetDateTime,
    /// Until when it is good.
    #[serde(with = "time::serde::rfc3339")]
    pub not_after: OffsetDateTime,
    /// When it was put.
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
}

/// A certificate to be put: with its key, or host names to make one for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewCertificate {
    /// The certificate and those that vouch for it, the own one first, as PEM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<String>,
    /// Its private key, as PEM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The host names for which a certificate is made that vouches for itself,
    /// in place of the two above.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(example = json!(["shop.example.org"]))]
    pub self_made_for: Vec<String>,
}
