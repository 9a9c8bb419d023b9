//! What a plugin says of itself before it runs: JSON in the custom section
//! `muster:plugin`, of the component or of a module inside.

use serde::Deserialize;
use wasmparser::{Parser, Payload};

/// The name of the custom section.
const SECTION: &str = "muster:plugin";
/// The longest manifest.
const MAX_LENGTH: usize = 64 << 10;

/// A plugin's manifest.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Manifest {
    /// The plugin's name.
    pub name: String,
    /// Its version, semantic.
    pub version: String,
    /// The role it plays, such as `router`.
    pub role: String,
    /// The world it implements, such as `muster:router/router-plugin@0.1.0`.
    pub world: String,
    /// What it is for, in a line.
    #[serde(default)]
    pub summary: String,
    /// The host interfaces it wants besides WASI's harmless ones.
    #[serde(default)]
    pub imports: Vec<String>,
}

/// Why there is no manifest to be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// The file is not a component.
    #[error("this is not a WebAssembly component: {0}")]
    NotAComponent(String),
    /// It has no manifest.
    #[error(
        "the component has no 'muster:plugin' section; export it with the SDK's macro for its role"
    )]
    Missing,
    /// The manifest cannot be read.
    #[error("the 'muster:plugin' section is not a manifest: {0}")]
    Malformed(String),
}

impl Manifest {
    /// Reads a plugin's manifest without running it.
    ///
    /// # Errors
    /// If the bytes are no component, or it carries no readable manifest.
    pub fn read(wasm: &[u8]) -> Result<Self, ManifestError> {
        if !Parser::is_component(wasm) {
            return Err(ManifestError::NotAComponent(
                "its first bytes are not those of one".to_owned(),
            ));
        }
        // Yields the payloads of nested modules and components too.
        for payload in Parser::new(0).parse_all(wasm) {
            let payload =
                payload.map_err(|error| ManifestError::NotAComponent(error.to_string()))?;
            if let Payload::CustomSection(section) = payload
                && section.name() == SECTION
            {
                return Self::parse(section.data());
            }
        }
        Err(ManifestError::Missing)
    }

    fn parse(data: &[u8]) -> Result<Self, ManifestError> {
        if data.len() > MAX_LENGTH {
            return Err(ManifestError::Malformed(format!(
                "it has {} bytes, {MAX_LENGTH} are allowed",
                data.len()
            )));
        }
        serde_json::from_slice(data).map_err(|error| ManifestError::Malformed(error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn component(section: &str) -> Vec<u8> {
        wat::parse_str(format!(
            r#"(component (core module (@custom "{SECTION}" "{}")))"#,
            section.replace('"', "\\22")
        ))
        .unwrap()
    }

    #[test]
    fn a_manifest_is_found_in_a_nested_module() {
        let wasm = component(
            r#"{"name":"r","version":"1.0.0","role":"router","world":"w","imports":["a:b/c@1.0.0"]}"#,
        );
        let manifest = Manifest::read(&wasm).unwrap();
        assert_eq!(
            (manifest.role.as_str(), manifest.imports.len()),
            ("router", 1)
        );
    }

    #[test]
    fn what_is_no_plugin_is_told_apart() {
        assert!(matches!(
            Manifest::read(b"#!/bin/sh"),
            Err(ManifestError::NotAComponent(_))
        ));
        assert!(matches!(
            Manifest::read(&wat::parse_str("(module)").unwrap()),
            Err(ManifestError::NotAComponent(_))
        ));
        assert_eq!(
            Manifest::read(&wat::parse_str("(component)").unwrap()),
            Err(ManifestError::Missing)
        );
        assert!(matches!(
            Manifest::read(&component("{}")),
            Err(ManifestError::Malformed(_))
        ));
        let whole = component("{}");
        assert!(matches!(
            Manifest::read(&whole[..whole.len() - 3]),
            Err(ManifestError::NotAComponent(_))
        ));
    }
}
