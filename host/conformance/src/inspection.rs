//! What a plugin is, read off its component.

use std::fmt::Write;

use muster_engine::plugin::{Contract, Manifest, PluginError, Surface, is_harmless};
use serde::Serialize;
use sha2::{Digest, Sha256};

/// What a plugin is and wants.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Inspection {
    /// The plugin's name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// What it is for, in a line.
    pub summary: String,
    /// The role that it plays.
    pub role: String,
    /// The world that it is made for, with its version.
    pub world: String,
    /// The world that this version of Muster has for the role; none if no plugin
    /// can play it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub known_world: Option<String>,
    /// What it wants of a host, and whether it gets that.
    pub wants: Vec<Wanted>,
    /// What it imports.
    pub imports: Vec<String>,
    /// What it exports.
    pub exports: Vec<String>,
    /// Largest memory of one instance, in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_limit: Option<u64>,
    /// Longest call that requests wait for, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub call_limit_ms: Option<u64>,
    /// Longest call that does work in the background, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub work_limit_ms: Option<u64>,
    /// The component's size, in bytes.
    pub size: u64,
    /// The component's SHA-256.
    pub digest: String,
    /// What keeps this version of Muster from taking it; nothing if it would be
    /// tried out.
    pub problems: Vec<String>,
}

/// A host interface that a plugin wants.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Wanted {
    /// Its name, such as `muster:router/heads@0.1.0`.
    pub interface: String,
    /// Whether the plugin's role gets it.
    pub granted: bool,
    /// Whether the component imports it, rather than only declaring it.
    pub used: bool,
}

/// Reads off a component what it is and wants, without running it.
///
/// # Errors
/// If the bytes are no component, or it has no manifest.
pub fn inspect(wasm: &[u8]) -> Result<Inspection, PluginError> {
    let manifest = Manifest::read(wasm)?;
    let Surface { imports, exports } = Surface::read(wasm)?;
    let contract = Contract::of(&manifest.role);
    let wants = manifest.imports.iter().map(|interface| Wanted {
        interface: interface.clone(),
        granted: contract.is_some_and(|it| it.imports.contains(&interface.as_str())),
        used: imports.contains(interface),
    });
    let wants: Vec<Wanted> = wants.collect();
    let undeclared: Vec<String> = imports
        .iter()
        .filter(|name| !is_harmless(name) && !manifest.imports.contains(name))
        .cloned()
        .collect();
    let mut problems = Vec::new();
    match &contract {
        None => problems.push(PluginError::NoContract(manifest.role.clone())),
        Some(contract) => {
            problems.extend(contract.check(&manifest).err());
            let exports_role = exports
                .iter()
                .any(|name| name.starts_with("muster:lifecycle/"));
            if !exports_role {
                let told = "it does not export muster:lifecycle/lifecycle";
                problems.push(PluginError::Load(told.to_owned()));
            }
        }
    }
    if !undeclared.is_empty() {
        problems.push(PluginError::Undeclared(undeclared));
    }
    let milliseconds =
        |time: std::time::Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    let limits = contract.map(|contract| contract.limits);
    let digest = Sha256::digest(wasm)
        .iter()
        .fold(String::new(), |mut text, byte| {
            // Strings take whatever is written to them.
            let _ = write!(text, "{byte:02x}");
            text
        });
    Ok(Inspection {
        name: manifest.name,
        version: manifest.version,
        summary: manifest.summary,
        role: manifest.role,
        world: manifest.world,
        known_world: contract.map(|it| format!("{}@{}", it.world, it.version)),
        wants,
        imports,
        exports,
        memory_limit: limits.map(|limits| limits.memory),
        call_limit_ms: limits.map(|limits| milliseconds(limits.call)),
        work_limit_ms: limits.map(|limits| milliseconds(limits.work)),
        size: wasm.len() as u64,
        digest,
        problems: problems.iter().map(ToString::to_string).collect(),
    })
}
