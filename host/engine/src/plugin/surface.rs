//! What a component shows to the outside: read without compiling it.

use wasmparser::{Parser, Payload};

use super::manifest::ManifestError;

/// The names of what a component imports and exports, each in the order of the
/// file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Surface {
    /// What it imports, such as `muster:router/heads@0.1.0`.
    pub imports: Vec<String>,
    /// What it exports.
    pub exports: Vec<String>,
}

impl Surface {
    /// Reads it off a component.
    ///
    /// # Errors
    /// If the bytes are no component.
    pub fn read(wasm: &[u8]) -> Result<Self, ManifestError> {
        let broken = |error: wasmparser::Error| ManifestError::NotAComponent(error.to_string());
        let mut surface = Self::default();
        // How many modules and components the place is inside of.
        let mut depth = 0_u32;
        for payload in Parser::new(0).parse_all(wasm) {
            match payload.map_err(broken)? {
                Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
                Payload::End(_) => depth = depth.saturating_sub(1),
                Payload::ComponentImportSection(section) if depth == 0 => {
                    for import in section {
                        surface
                            .imports
                            .push(import.map_err(broken)?.name.name.to_owned());
                    }
                }
                Payload::ComponentExportSection(section) if depth == 0 => {
                    for export in section {
                        surface
                            .exports
                            .push(export.map_err(broken)?.name.name.to_owned());
                    }
                }
                _ => {}
            }
        }
        Ok(surface)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_outside_counts() {
        let text = r#"(component
            (import "a:b/c@0.1.0" (instance))
            (component (import "inner" (instance)))
            (core module (import "m" "f" (func)))
            (instance $empty)
            (export "d:e/f@0.1.0" (instance $empty)))"#;
        let surface = Surface::read(&wat::parse_str(text).unwrap()).unwrap();
        assert_eq!(surface.imports, ["a:b/c@0.1.0"]);
        assert_eq!(surface.exports, ["d:e/f@0.1.0"]);
        assert!(Surface::read(b"#!/bin/sh").is_err());
    }
}
