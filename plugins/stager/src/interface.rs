//! Names of interfaces, `namespace:package/interface@version`, and which
//! versions go together.

use semver::Version;

/// The name of an interface with its version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interface<'a> {
    /// `namespace:package/interface`.
    pub name: &'a str,
    /// The version, if the name has one.
    pub version: Option<Version>,
}

impl<'a> Interface<'a> {
    /// Takes a name apart. None if it is not that of an interface.
    #[must_use]
    pub fn parse(text: &'a str) -> Option<Self> {
        let (name, version) = match text.split_once('@') {
            Some((name, version)) => (name, Some(version.parse().ok()?)),
            None => (text, None),
        };
        (name.contains(':') && name.contains('/')).then_some(Self { name, version })
    }

    /// Whether one may stand for the other: the same name, and versions that
    /// semantic versioning holds for compatible, whichever is the later one.
    #[must_use]
    pub fn fits(&self, other: &Self) -> bool {
        self.name == other.name
            && match (&self.version, &other.version) {
                (Some(one), Some(other)) => compatible(one, other),
                (one, other) => one == other,
            }
    }
}

fn compatible(one: &Version, other: &Version) -> bool {
    if !one.pre.is_empty() || !other.pre.is_empty() {
        return (one.major, one.minor, one.patch, &one.pre)
            == (other.major, other.minor, other.patch, &other.pre);
    }
    let track = |version: &Version| match (version.major, version.minor) {
        (0, 0) => (0, 0, version.patch),
        (0, minor) => (0, minor, 0),
        (major, _) => (major, 0, 0),
    };
    track(one) == track(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fits(one: &str, other: &str) -> bool {
        let [one, other] = [one, other].map(|text| Interface::parse(text).unwrap());
        assert_eq!(one.fits(&other), other.fits(&one));
        one.fits(&other)
    }

    #[test]
    fn compatible_versions_fit_in_both_directions() {
        for (one, other) in [
            ("a:b/c@0.2.0", "a:b/c@0.2.12"),
            ("a:b/c@1.0.0", "a:b/c@1.9.3"),
            ("a:b/c@0.0.4", "a:b/c@0.0.4"),
            ("a:b/c@0.1.0-draft", "a:b/c@0.1.0-draft"),
            ("a:b/c", "a:b/c"),
        ] {
            assert!(fits(one, other), "{one} {other}");
        }
    }

    #[test]
    fn others_do_not() {
        for (one, other) in [
            ("a:b/c@0.2.0", "a:b/c@0.3.0"),
            ("a:b/c@0.2.0", "a:b/d@0.2.0"),
            ("a:b/c@1.0.0", "a:b/c@2.0.0"),
            ("a:b/c@0.0.4", "a:b/c@0.0.5"),
            ("a:b/c@0.2.0-draft", "a:b/c@0.2.0"),
            ("a:b/c@0.2.0-draft", "a:b/c@0.2.0-draft2"),
            ("a:b/c@0.2.0", "a:b/c"),
        ] {
            assert!(!fits(one, other), "{one} {other}");
        }
    }

    #[test]
    fn what_names_no_interface_is_none() {
        for text in ["run", "a:b", "a:b/c@x", "a/b"] {
            assert_eq!(Interface::parse(text), None, "{text}");
        }
    }
}
