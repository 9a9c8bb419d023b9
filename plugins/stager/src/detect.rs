//! Finds out what a package is and makes its droplet.

use muster_sdk::stager::{Droplet, File, Package, PackageEntry as Entry, Source, Terms, Wishes};

use crate::{
    component, package,
    reject::Reason,
    site,
    sniff::{self, Kind},
};

/// The package's manifest, which is for the host and never part of an app.
const MANIFEST: &str = "muster.toml";

/// Files at the top of a program's source that no built site has.
const SOURCES: [&str; 6] = [
    "Cargo.toml",
    "package.json",
    "go.mod",
    "pyproject.toml",
    "pom.xml",
    "Dockerfile",
];

/// Stages a package.
///
/// # Errors
/// The reason for which it is refused.
pub fn stage(package: &dyn Package, wishes: &Wishes, terms: &Terms) -> Result<Droplet, Reason> {
    let mut entries = package.entries();
    entries.retain(|entry| entry.path != MANIFEST);
    if entries.is_empty() {
        return Err(Reason::Empty);
    }
    if let Some(path) = &wishes.component {
        let at = position(&entries, "component", path)?;
        let entry = entries.remove(at);
        let kind = sniff::sniff(&package::head(package, &entry.path, sniff::LENGTH)?);
        return of_component(package, &entry, kind, &entries, wishes, terms);
    }

    let mut found = vec![];
    let alone = entries.len() == 1;
    for (at, entry) in entries.iter().enumerate() {
        if alone || may_be_webassembly(&entry.path) {
            found.push((
                at,
                sniff::sniff(&package::head(package, &entry.path, sniff::LENGTH)?),
            ));
        }
    }
    let has_start_page = entries.iter().any(|entry| entry.path == "index.html");
    let components: Vec<_> = found
        .iter()
        .filter(|(_, kind)| matches!(kind, Kind::Component | Kind::ComponentText))
        .collect();
    match components.as_slice() {
        [(at, kind)] => {
            let entry = entries.remove(*at);
            of_component(package, &entry, *kind, &entries, wishes, terms)
        }
        [_, _, ..] => Err(Reason::Ambiguous(
            components
                .iter()
                .map(|(at, _)| entries[*at].path.clone())
                .collect(),
        )),
        // Web pages bring core modules of their own, so that a site may have
        // any number of them.
        [] if has_start_page => of_site(&entries, wishes),
        [] => {
            for (at, kind) in &found {
                check_app(&entries[*at], *kind, alone)?;
            }
            if let Some(path) = SOURCES
                .iter()
                .find(|path| entries.iter().any(|entry| entry.path == **path))
            {
                return Err(Reason::SourceCode {
                    path: (*path).to_owned(),
                });
            }
            of_site(&entries, wishes)
        }
    }
}

/// Whether a file among others is looked into: the rest is taken for an asset.
fn may_be_webassembly(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    match name.rsplit_once('.') {
        Some((_, extension)) => ["wasm", "wat"]
            .iter()
            .any(|known| extension.eq_ignore_ascii_case(known)),
        None => true,
    }
}

/// Refuses a file that was probably meant to be the app but cannot be.
fn check_app(entry: &Entry, kind: Kind, alone: bool) -> Result<(), Reason> {
    let path = entry.path.clone();
    match kind {
        Kind::Module | Kind::ModuleText => Err(Reason::CoreModule { path }),
        Kind::Truncated => Err(Reason::Truncated {
            path,
            size: entry.size,
        }),
        Kind::UnknownVersion => Err(unknown_version(path)),
        Kind::Other(what) if alone => Err(Reason::NotWebAssembly { path, what }),
        Kind::Html | Kind::Other(_) | Kind::Component | Kind::ComponentText => Ok(()),
    }
}

fn of_component(
    package: &dyn Package,
    entry: &Entry,
    kind: Kind,
    others: &[Entry],
    wishes: &Wishes,
    terms: &Terms,
) -> Result<Droplet, Reason> {
    let path = &entry.path;
    check_app(entry, kind, true)?;
    if kind == Kind::Html {
        return Err(Reason::NotWebAssembly {
            path: path.clone(),
            what: "a web page",
        });
    }
    if entry.size > terms.max_component_size {
        return Err(Reason::TooLarge {
            path: path.clone(),
            size: entry.size,
            limit: terms.max_component_size,
        });
    }
    let mut bytes = package::whole(package, entry)?;
    let mut log = vec![format!("found {path}: a component of {} bytes", entry.size)];
    let text = kind == Kind::ComponentText;
    if text {
        bytes = component::assemble(path, &bytes)?;
        log.push(format!("assembled the text into {} bytes", bytes.len()));
    }
    let surface = component::read(path, &bytes)?;
    let entries = component::entries(path, &surface)?;
    component::check_imports(path, &surface, &terms.offered)?;
    let (entry_point, name) = &entries[0];
    log.push(format!("serves through {name}"));
    if let Some((_, other)) = entries.get(1) {
        log.push(format!("also exports {other}, which is not used"));
    }
    log.push(format!(
        "imports {} interfaces, all of them offered",
        surface.imports.len()
    ));
    if wishes.fallback.is_some() {
        log.push("`fallback` has no effect: it is for static sites".to_owned());
    }
    let file = |other: &Entry| File {
        path: other.path.clone(),
        source: Source::Packaged(other.path.clone()),
    };
    Ok(Droplet {
        detected: if text { "component text" } else { "component" }.to_owned(),
        entry: *entry_point,
        component: if text {
            Source::Made(bytes)
        } else {
            Source::Packaged(path.clone())
        },
        files: others.iter().map(file).collect(),
        log,
    })
}

fn of_site(entries: &[Entry], wishes: &Wishes) -> Result<Droplet, Reason> {
    let fallback = match &wishes.fallback {
        Some(path) => Some(entries[position(entries, "fallback", path)?].path.as_str()),
        None => None,
    };
    Ok(site::droplet(entries, fallback))
}

/// Where the file that a setting names is.
fn position(entries: &[Entry], setting: &'static str, path: &str) -> Result<usize, Reason> {
    let plain = path.trim_start_matches("./").trim_start_matches('/');
    let missing = || Reason::NoSuchFile {
        setting,
        path: path.to_owned(),
    };
    entries
        .iter()
        .position(|entry| entry.path == plain)
        .ok_or_else(missing)
}

fn unknown_version(path: String) -> Reason {
    Reason::Malformed {
        path,
        what: "its WebAssembly version is not known".to_owned(),
        offset: 4,
    }
}

#[cfg(test)]
mod tests;
