//! Which version of Muster this program is, and which database schema it brings:
//! a stamp that can be read in the program's file without running it.

use std::{fmt, hint::black_box};

use muster_migrations::WORKS_SINCE;
use serde::{Deserialize, Serialize};

/// How long the stamp is.
pub const STAMP_WIDTH: usize = 96;
/// How long its beginning is, by which it is found.
const MARK: usize = 16;

/// The stamp: its mark, the version, a line feed, since which version its schema
/// can be worked with, and zeros. A file that has it twice is no release.
static STAMP: [u8; STAMP_WIDTH] = stamp();

const fn stamp() -> [u8; STAMP_WIDTH] {
    let parts: [&[u8]; 4] = [
        b"\0muster stamp 1\0",
        env!("CARGO_PKG_VERSION").as_bytes(),
        b"\n",
        WORKS_SINCE.as_bytes(),
    ];
    let mut bytes = [0; STAMP_WIDTH];
    let (mut at, mut part) = (0, 0);
    while part < parts.len() {
        let mut place = 0;
        while place < parts[part].len() {
            bytes[at] = parts[part][place];
            at += 1;
            place += 1;
        }
        part += 1;
    }
    bytes
}

/// The version of this program, such as `0.1.0`.
#[must_use]
pub fn version() -> &'static str {
    // It is read where it lies, not where the compiler has copied it to.
    let text = text(black_box(&STAMP));
    text.split_once('\n').map_or(text, |(version, _)| version)
}

/// What a program says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp {
    /// Its version.
    pub version: String,
    /// The oldest version that can work with its database schema.
    pub works_since: String,
}

impl Stamp {
    /// This program's.
    #[must_use]
    pub fn own() -> Self {
        Self::read(black_box(&STAMP)).unwrap_or_else(|| Self {
            version: version().to_owned(),
            works_since: WORKS_SINCE.to_owned(),
        })
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let (version, works_since) = text(bytes).split_once('\n')?;
        let good = Version::of(version).is_some() && Version::of(works_since).is_some();
        good.then(|| Self {
            version: version.to_owned(),
            works_since: works_since.to_owned(),
        })
    }
}

fn text(stamp: &[u8]) -> &str {
    let text = stamp.get(MARK..).unwrap_or_default();
    let end = text.iter().position(|byte| *byte == 0);
    std::str::from_utf8(&text[..end.unwrap_or(text.len())]).unwrap_or_default()
}

/// Looks for stamps in a file that comes piece by piece.
#[derive(Debug, Default)]
pub struct StampFinder {
    /// The end of what came, in which a stamp may have begun.
    rest: Vec<u8>,
    found: Vec<Option<Stamp>>,
}

impl StampFinder {
    /// Takes the next piece.
    pub fn feed(&mut self, piece: &[u8]) {
        self.rest.extend_from_slice(piece);
        let mark = &black_box(&STAMP)[..MARK];
        let mut at = 0;
        while let Some(step) = find(&self.rest[at..], mark) {
            let begin = at + step;
            let Some(stamp) = self.rest.get(begin..begin + STAMP_WIDTH) else {
                at = begin;
                break;
            };
            self.found.push(Stamp::read(stamp));
            at = begin + MARK;
        }
        let kept = self.rest.len().saturating_sub(STAMP_WIDTH);
        self.rest.drain(..at.max(kept).min(self.rest.len()));
    }

    /// The stamp, if there was just one.
    #[must_use]
    pub fn end(self) -> Option<Stamp> {
        match <[Option<Stamp>; 1]>::try_from(self.found) {
            Ok([stamp]) => stamp,
            Err(_) => None,
        }
    }
}

fn find(bytes: &[u8], mark: &[u8]) -> Option<usize> {
    let mut at = 0;
    while let Some(step) = bytes[at..].iter().position(|byte| *byte == mark[0]) {
        at += step;
        let rest = &bytes[at..];
        if rest.len() < mark.len() {
            // The beginning of one, maybe; the next piece tells.
            return rest.iter().eq(&mark[..rest.len()]).then_some(at);
        }
        if rest.starts_with(mark) {
            return Some(at);
        }
        at += 1;
    }
    None
}

/// A version as numbers that can be compared. What follows a hyphen does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    major: u64,
    minor: u64,
    patch: u64,
}

impl Version {
    /// The version that the text is, such as `1.4.2`; nothing if it is none.
    #[must_use]
    pub fn of(text: &str) -> Option<Self> {
        let plain = text.split(['-', '+']).next()?;
        let mut numbers = plain.split('.').map(str::parse::<u64>);
        let mut next = || numbers.next()?.ok();
        let (major, minor, patch) = (next()?, next()?, next()?);
        numbers.next().is_none().then_some(Self {
            major,
            minor,
            patch,
        })
    }

    /// Whether hosts of the two versions work together: they are of the same minor
    /// version, or of one and the next.
    #[must_use]
    pub fn is_neighbour_of(self, other: Self) -> bool {
        self.major == other.major && self.minor.abs_diff(other.minor) <= 1
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn found(pieces: &[&[u8]]) -> Option<Stamp> {
        let mut finder = StampFinder::default();
        for piece in pieces {
            finder.feed(piece);
        }
        finder.end()
    }

    #[test]
    fn versions_are_compared_as_numbers() {
        let of = |text| Version::of(text).unwrap();
        assert!(of("0.10.0") > of("0.9.9"));
        assert_eq!(of("1.2.3-rc.1").to_string(), "1.2.3");
        for odd in ["", "1", "1.2", "1.2.x", "1.2.3.4", "v1.2.3", "1..3"] {
            assert_eq!(Version::of(odd), None, "{odd}");
        }
        for (one, other, good) in [
            ("1.4.2", "1.4.9", true),
            ("1.4.2", "1.5.0", true),
            ("1.4.2", "1.3.7", true),
            ("1.4.2", "1.6.0", false),
            ("1.4.2", "1.2.0", false),
            ("1.4.2", "2.4.2", false),
        ] {
            assert_eq!(of(one).is_neighbour_of(of(other)), good, "{one} {other}");
            assert_eq!(of(other).is_neighbour_of(of(one)), good, "{other} {one}");
        }
    }

    #[test]
    fn the_schema_can_be_worked_with_by_the_version_before() {
        let (own, since) = (Stamp::own().version, Stamp::own().works_since);
        assert_eq!(own, env!("CARGO_PKG_VERSION"));
        let (own, since) = (Version::of(&own).unwrap(), Version::of(&since).unwrap());
        assert!(since <= own && since.is_neighbour_of(own), "{since} {own}");
        // Unless it is the first one, the minor version before can, too.
        assert!(since.minor < own.minor || own.minor <= 1, "{since} {own}");
    }

    #[test]
    fn two_stamps_or_none_are_no_stamp() {
        assert_eq!(found(&[b"\0muster", b" what"]), None);
        assert_eq!(found(&[&STAMP, b"between", &STAMP]), None);
        let mut odd = STAMP;
        odd[MARK] = b'x';
        assert_eq!(found(&[&odd]), None);
        assert_eq!(found(&[&STAMP[..STAMP_WIDTH - 1]]), None, "it is cut off");
    }

    proptest! {
        #[test]
        fn a_stamp_is_found_however_the_pieces_are_cut(
            before in prop::collection::vec(prop_oneof![Just(0_u8), Just(b'm'), any::<u8>()], 0..300),
            after in prop::collection::vec(any::<u8>(), 0..300),
            cuts in prop::collection::vec(0_usize..700, 0..6),
        ) {
            let whole = [before.as_slice(), STAMP.as_slice(), after.as_slice()].concat();
            let mut cuts: Vec<_> = cuts.into_iter().map(|cut| cut % whole.len()).collect();
            cuts.sort_unstable();
            let (mut pieces, mut last) = (Vec::new(), 0);
            for cut in cuts {
                pieces.push(&whole[last..cut]);
                last = cut;
            }
            pieces.push(&whole[last..]);
            prop_assert_eq!(found(&pieces), Some(Stamp::own()));
        }
    }
}
