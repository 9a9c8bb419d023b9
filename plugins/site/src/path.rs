//! From a request's path to the path of a file.

/// Why a path leads nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// No well-behaved client sends it: 400.
    Bad,
    /// It can name no file that is served: 404.
    Nowhere,
}

/// Where a request's path leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// To this file, or to the directory of this name.
    Named(String),
    /// To this directory, since it ends with a slash; empty for the topmost.
    Directory(String),
}

/// Reads a path that is percent-encoded and has no query. What it gives is
/// relative, with `/` between segments, none of which is empty, `.` or `..` or
/// begins with a dot; only the first may be `.well-known`.
///
/// # Errors
/// A refusal.
pub fn parse(path: &str) -> Result<Target, Refusal> {
    let path = path.strip_prefix('/').ok_or(Refusal::Bad)?;
    if path.is_empty() {
        return Ok(Target::Directory(String::new()));
    }
    let (names, slash) = path
        .strip_suffix('/')
        .map_or((path, false), |names| (names, true));
    let mut whole = String::with_capacity(names.len());
    for (place, name) in names.split('/').enumerate() {
        let name = decoded(name)?;
        if name == "." || name == ".." || name.contains(['/', '\\', '\0']) {
            return Err(Refusal::Bad);
        }
        let hidden = name.starts_with('.') && !(place == 0 && name == ".well-known");
        if name.is_empty() || hidden {
            return Err(Refusal::Nowhere);
        }
        if place > 0 {
            whole.push('/');
        }
        whole.push_str(&name);
    }
    Ok(if slash {
        Target::Directory(whole)
    } else {
        Target::Named(whole)
    })
}

/// Undoes percent-encoding.
fn decoded(name: &str) -> Result<String, Refusal> {
    let mut parts = name.split('%');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let (code, rest) = part.split_at_checked(2).ok_or(Refusal::Bad)?;
        // A sign would pass as a number.
        if !code.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(Refusal::Bad);
        }
        bytes.push(u8::from_str_radix(code, 16).map_err(|_| Refusal::Bad)?);
        bytes.extend_from_slice(rest.as_bytes());
    }
    String::from_utf8(bytes).map_err(|_| Refusal::Bad)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn paths_lead_to_files_and_directories() {
        for (path, target) in [
            ("/", Target::Directory(String::new())),
            ("/a", Target::Named("a".to_owned())),
            ("/a/b.html", Target::Named("a/b.html".to_owned())),
            ("/a/b/", Target::Directory("a/b".to_owned())),
            ("/a%20b/%C3%B6", Target::Named("a b/ö".to_owned())),
            ("/100%25", Target::Named("100%".to_owned())),
            (
                "/.well-known/acme",
                Target::Named(".well-known/acme".to_owned()),
            ),
            ("/a..b", Target::Named("a..b".to_owned())),
        ] {
            assert_eq!(parse(path), Ok(target), "{path}");
        }
    }

    #[test]
    fn no_path_leads_out_or_to_hidden_files() {
        for path in [
            "/..",
            "/../a",
            "/a/../b",
            "/%2e%2e/a",
            "/%2E./a",
            "/.",
            "/a/./b",
        ] {
            assert_eq!(parse(path), Err(Refusal::Bad), "{path}");
        }
        for path in [
            "/a%2fb", "/..%2fa", "/a%5cb", "/..\\a", "/a%00", "/%", "/%4", "/%zz", "/%+4", "/%ff",
            "", "a", "*",
        ] {
            assert_eq!(parse(path), Err(Refusal::Bad), "{path}");
        }
        for path in [
            "//",
            "//a",
            "/a//b",
            "/.git/config",
            "/%2eenv",
            "/a/.well-known/b",
            "/.well-known/.x",
        ] {
            assert_eq!(parse(path), Err(Refusal::Nowhere), "{path}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_sent_nothing_leads_out(path in "/[a.%25cfe0/\\\\]{0,20}") {
            if let Ok(Target::Named(path) | Target::Directory(path)) = parse(&path) {
                for (place, name) in path.split('/').enumerate().filter(|_| !path.is_empty()) {
                    prop_assert!(!name.is_empty());
                    prop_assert!(!name.starts_with('.') || (place == 0 && name == ".well-known"));
                    prop_assert!(!name.contains(['\\', '\0']));
                }
            }
        }

        #[test]
        fn encoded_names_are_found_again(names in prop::collection::vec("[^/\\\\\0.][^/\\\\\0]{0,8}", 1..4)) {
            let encoded: String = names
                .iter()
                .map(|name| name.bytes().fold("/".to_owned(), |path, byte| path + &format!("%{byte:02x}")))
                .collect();
            prop_assert_eq!(parse(&encoded), Ok(Target::Named(names.join("/"))));
        }
    }
}
