//! Lays out a static site for the host's own component that serves it: the
//! files under `site/`, each one's digest under `etags/`, and the path of the
//! fallback file, if there is one, in `fallback`.

use muster_sdk::stager::{Droplet, Entry as EntryPoint, File, PackageEntry as Entry, Source};

/// The droplet of a site. `fallback` must be the path of one of the entries.
#[must_use]
pub fn droplet(entries: &[Entry], fallback: Option<&str>) -> Droplet {
    let mut files = Vec::with_capacity(2 * entries.len() + 1);
    for Entry { path, digest, .. } in entries {
        files.push(File {
            path: format!("site/{path}"),
            source: Source::Packaged(path.clone()),
        });
        files.push(File {
            path: format!("etags/{path}"),
            source: Source::Made(digest.clone().into_bytes()),
        });
    }
    let size: u64 = entries.iter().map(|entry| entry.size).sum();
    let mut log = vec![format!(
        "found a static site: files {}, bytes {size}",
        entries.len()
    )];
    if !entries.iter().any(|entry| entry.path == "index.html") {
        log.push("there is no index.html at the top, so the path / answers 404".to_owned());
    }
    if let Some(path) = fallback {
        log.push(format!("{path} answers for paths that do not exist"));
        files.push(File {
            path: "fallback".to_owned(),
            source: Source::Made(path.as_bytes().to_vec()),
        });
    }
    Droplet {
        detected: "static site".to_owned(),
        entry: EntryPoint::IncomingHandler,
        component: Source::StaticSite,
        files,
        log,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(path: &str) -> Entry {
        Entry {
            path: path.to_owned(),
            size: 10,
            digest: format!("d-{path}"),
        }
    }

    #[test]
    fn every_file_gets_its_place_and_its_tag() {
        let droplet = droplet(&[entry("a/b.css"), entry("index.html")], Some("index.html"));
        let files: Vec<_> = droplet
            .files
            .iter()
            .map(|file| (file.path.as_str(), &file.source))
            .collect();
        let made = |text: &str| Source::Made(text.as_bytes().to_vec());
        assert_eq!(
            files,
            [
                ("site/a/b.css", &Source::Packaged("a/b.css".to_owned())),
                ("etags/a/b.css", &made("d-a/b.css")),
                (
                    "site/index.html",
                    &Source::Packaged("index.html".to_owned())
                ),
                ("etags/index.html", &made("d-index.html")),
                ("fallback", &made("index.html")),
            ]
        );
        assert_eq!(
            (&droplet.component, droplet.entry),
            (&Source::StaticSite, EntryPoint::IncomingHandler)
        );
    }

    #[test]
    fn a_site_without_a_first_page_is_told_so() {
        let log = droplet(&[entry("sub/index.html")], None).log;
        assert!(
            log.iter().any(|line| line.contains("no index.html")),
            "{log:?}"
        );
        assert!(
            !droplet(&[entry("index.html")], None)
                .log
                .iter()
                .any(|line| line.contains("no index.html"))
        );
    }
}
