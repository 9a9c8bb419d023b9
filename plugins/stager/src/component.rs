//! Checks a component: that it is valid, has an entry point and wants nothing
//! that is not offered.

use muster_sdk::stager::Entry;
use wasmparser::{
    ComponentExternalKind, ComponentTypeRef, Encoding, Parser, Payload, TypeBounds, Validator,
    WasmFeatures,
};

use crate::{
    interface::Interface,
    reject::{Missing, Reason},
};

/// What a host calls, most modern first.
const ENTRIES: [(&str, Entry); 2] = [
    ("wasi:http/handler@0.3.0", Entry::Handler),
    ("wasi:http/incoming-handler@0.2.0", Entry::IncomingHandler),
];

/// What a component shows to the outside.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Surface {
    /// The names of the imports that a host must offer.
    pub imports: Vec<String>,
    /// The names of all exports.
    pub exports: Vec<String>,
}

/// Makes the binary of a component's text.
///
/// # Errors
/// [`Reason::WatSyntax`], [`Reason::Malformed`].
pub fn assemble(path: &str, text: &[u8]) -> Result<Vec<u8>, Reason> {
    let text = std::str::from_utf8(text).map_err(|error| Reason::Malformed {
        path: path.to_owned(),
        what: "the text is not UTF-8".to_owned(),
        offset: error.valid_up_to() as u64,
    })?;
    let syntax = |error: wast::Error| {
        let (line, column) = error.span().linecol_in(text);
        Reason::WatSyntax {
            path: path.to_owned(),
            what: error.message(),
            line: line + 1,
            column: column + 1,
        }
    };
    let buffer = wast::parser::ParseBuffer::new(text).map_err(syntax)?;
    let mut parsed: wast::Wat<'_> = wast::parser::parse(&buffer).map_err(syntax)?;
    parsed.encode().map_err(syntax)
}

/// Validates a component in full and reads its surface.
///
/// # Errors
/// [`Reason::Truncated`], [`Reason::Malformed`], [`Reason::CoreModule`].
pub fn read(path: &str, bytes: &[u8]) -> Result<Surface, Reason> {
    let broken = |error: wasmparser::Error| {
        let path = path.to_owned();
        if error.message().starts_with("unexpected end") {
            Reason::Truncated {
                path,
                size: bytes.len() as u64,
            }
        } else {
            Reason::Malformed {
                path,
                what: error.message().to_owned(),
                offset: error.offset() as u64,
            }
        }
    };
    // The host's compiler knows best which features it has, so all pass here.
    Validator::new_with_features(WasmFeatures::all())
        .validate_all(bytes)
        .map_err(broken)?;

    let mut surface = Surface::default();
    let mut depth = 0;
    for payload in Parser::new(0).parse_all(bytes) {
        match payload.map_err(broken)? {
            Payload::Version {
                encoding: Encoding::Module,
                ..
            } if depth == 0 => {
                return Err(Reason::CoreModule {
                    path: path.to_owned(),
                });
            }
            Payload::Version { .. } => depth += 1,
            Payload::End(_) => depth -= 1,
            Payload::ComponentImportSection(section) if depth == 1 => {
                for import in section {
                    let import = import.map_err(broken)?;
                    // A type that equals another is no demand on the host.
                    if !matches!(import.ty, ComponentTypeRef::Type(TypeBounds::Eq(_))) {
                        surface.imports.push(import.name.name.to_owned());
                    }
                }
            }
            Payload::ComponentExportSection(section) if depth == 1 => {
                for export in section {
                    let export = export.map_err(broken)?;
                    if export.kind != ComponentExternalKind::Type {
                        surface.exports.push(export.name.name.to_owned());
                    }
                }
            }
            _ => {}
        }
    }
    Ok(surface)
}

/// The entry points among a component's exports, most modern first.
///
/// # Errors
/// [`Reason::WrongExports`] if there is none.
pub fn entries(path: &str, surface: &Surface) -> Result<Vec<(Entry, String)>, Reason> {
    let found: Vec<_> = ENTRIES
        .iter()
        .filter_map(|(wanted, entry)| {
            let wanted = Interface::parse(wanted)?;
            let fits =
                |name: &&String| Interface::parse(name).is_some_and(|export| export.fits(&wanted));
            Some((*entry, surface.exports.iter().find(fits)?.clone()))
        })
        .collect();
    if found.is_empty() {
        return Err(Reason::WrongExports {
            path: path.to_owned(),
            found: surface.exports.clone(),
        });
    }
    Ok(found)
}

/// Checks that every import is offered.
///
/// # Errors
/// [`Reason::MissingImports`].
pub fn check_imports(path: &str, surface: &Surface, offered: &[String]) -> Result<(), Reason> {
    let offered: Vec<_> = offered
        .iter()
        .filter_map(|name| Some((name, Interface::parse(name)?)))
        .collect();
    let missing = |import: &String| {
        let wanted = Interface::parse(import);
        if let Some(wanted) = &wanted
            && offered.iter().any(|(_, offer)| offer.fits(wanted))
        {
            return None;
        }
        let same = offered.iter().filter(|(_, offer)| {
            wanted
                .as_ref()
                .is_some_and(|wanted| wanted.name == offer.name)
        });
        Some(Missing {
            import: import.clone(),
            instead: same.map(|(name, _)| (*name).clone()).collect(),
        })
    };
    let imports: Vec<_> = surface.imports.iter().filter_map(missing).collect();
    if imports.is_empty() {
        return Ok(());
    }
    Err(Reason::MissingImports {
        path: path.to_owned(),
        imports,
    })
}

#[cfg(test)]
mod tests;
