//! A stager: takes a package with one component and serves it as it is.

use muster_sdk::{
    log,
    stager::{
        Droplet, Entry, File, Package, PackageEntry, Rejection, Source, Stager, Terms, Wishes,
    },
};

/// How every component begins.
const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";
/// How much of a file is read at once, in bytes.
const CHUNK: u32 = 1 << 20;

#[derive(Default)]
struct Plugin;

impl Stager for Plugin {
    fn stage(
        &mut self,
        package: &dyn Package,
        wishes: Wishes,
        terms: Terms,
    ) -> Result<Droplet, Rejection> {
        let mut files = package.entries();
        // The app's manifest is for the host.
        files.retain(|file| file.path != "muster.toml");
        let found = match &wishes.component {
            Some(path) => files.iter().position(|file| file.path == *path),
            None => files.iter().position(|file| file.path.ends_with(".wasm")),
        };
        let Some(found) = found else {
            return Err(rejection("no-component", "the package has no file .wasm"));
        };
        let component = files.remove(found);
        if component.size > terms.max_component_size {
            let message = format!(
                "{} has {} bytes, {} are allowed",
                component.path, component.size, terms.max_component_size
            );
            return Err(rejection("too-large", &message));
        }
        let bytes = whole(package, &component)?;
        if !bytes.starts_with(COMPONENT) {
            let message = format!("{} is not a WebAssembly component", component.path);
            return Err(rejection("not-a-component", &message));
        }
        let Some(entry) = entry(&bytes) else {
            let message = format!("{} exports no handler of wasi:http", component.path);
            return Err(rejection("no-entry-point", &message));
        };
        log::info(
            "stage",
            format_args!("{} is {}", wishes.app, component.path),
        );
        let file = |file: PackageEntry| File {
            path: file.path.clone(),
            source: Source::Packaged(file.path),
        };
        Ok(Droplet {
            detected: "component".to_owned(),
            entry,
            log: vec![format!("found {}", component.path)],
            component: Source::Packaged(component.path),
            files: files.into_iter().map(file).collect(),
        })
    }
}

fn rejection(code: &str, message: &str) -> Rejection {
    Rejection {
        code: code.to_owned(),
        message: message.to_owned(),
        details: vec![],
    }
}

/// A whole file.
fn whole(package: &dyn Package, file: &PackageEntry) -> Result<Vec<u8>, Rejection> {
    let mut bytes = Vec::new();
    loop {
        let read = package.read(&file.path, bytes.len() as u64, CHUNK);
        let read = read.map_err(|error| {
            let message = format!("{} cannot be read: {error:?}", file.path);
            rejection("unreadable", &message)
        })?;
        if read.is_empty() {
            return Ok(bytes);
        }
        bytes.extend(read);
    }
}

/// The entry point of a component, by the names in it. The host's compiler has
/// the last word.
fn entry(bytes: &[u8]) -> Option<Entry> {
    let names = |name: &[u8]| bytes.windows(name.len()).any(|part| part == name);
    if names(b"wasi:http/handler@0.3") {
        Some(Entry::Handler)
    } else if names(b"wasi:http/incoming-handler@0.2") {
        Some(Entry::IncomingHandler)
    } else {
        None
    }
}

muster_sdk::stager::export!(Plugin);

#[cfg(test)]
mod tests {
    use muster_sdk::testing;

    use super::*;

    fn stage(package: &testing::Package) -> Result<Droplet, Rejection> {
        let wishes = Wishes {
            app: "shop".to_owned(),
            component: None,
            fallback: None,
        };
        let terms = Terms {
            offered: vec![],
            max_component_size: 1000,
        };
        Plugin.stage(package, wishes, terms)
    }

    fn component() -> Vec<u8> {
        [COMPONENT, b"wasi:http/incoming-handler@0.2.0"].concat()
    }

    #[test]
    fn a_component_is_staged_with_the_files_beside_it() {
        let package = testing::Package::of(&[
            ("app.wasm", &component()),
            ("logo.svg", b"<svg/>"),
            ("muster.toml", b""),
        ]);
        let droplet = stage(&package).expect("it is a component");
        assert_eq!(droplet.entry, Entry::IncomingHandler);
        assert_eq!(droplet.component, Source::Packaged("app.wasm".to_owned()));
        assert_eq!(droplet.files[0].path, "logo.svg");
        assert_eq!(droplet.files.len(), 1);
        assert_eq!(testing::logged()[0].message, "shop is app.wasm");
    }

    #[test]
    fn everything_else_is_refused_with_a_reason() {
        let package = testing::Package::default();
        for (package, code) in [
            (package.clone(), "no-component"),
            (
                package.clone().with("a.wasm", b"#!/bin/sh"),
                "not-a-component",
            ),
            (package.clone().with("a.wasm", COMPONENT), "no-entry-point"),
            (package.clone().with("a.wasm", &[0; 1001]), "too-large"),
            (package.with_unreadable("a.wasm"), "unreadable"),
        ] {
            let refused = stage(&package).expect_err(code);
            assert_eq!(refused.code, code);
        }
    }
}
