//! Tells what a file is by how it begins, whatever its name.

/// How many bytes must be known of a file to tell what it is.
pub const LENGTH: u32 = 512;

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A WebAssembly component.
    Component,
    /// A core WebAssembly module.
    Module,
    /// WebAssembly of a version that nobody knows.
    UnknownVersion,
    /// Fewer bytes than any WebAssembly has, though it begins like it.
    Truncated,
    /// A component as text.
    ComponentText,
    /// A core module as text.
    ModuleText,
    /// A web page.
    Html,
    /// Something else, in words, such as `a ZIP archive`.
    Other(&'static str),
}

/// Magic numbers at the beginning of a file, and what they mean.
const MAGIC: &[(&[u8], &str)] = &[
    (b"\x7fELF", "a native program or library for Linux (ELF)"),
    (b"MZ", "a native program or library for Windows (PE)"),
    (
        b"\xcf\xfa\xed\xfe",
        "a native program or library for macOS (Mach-O)",
    ),
    (
        b"\xce\xfa\xed\xfe",
        "a native program or library for macOS (Mach-O)",
    ),
    (b"PK\x03\x04", "a ZIP archive, as JAR files are too"),
    (b"PK\x05\x06", "an empty ZIP archive"),
    (b"\x1f\x8b", "a gzip file"),
    (b"\x28\xb5\x2f\xfd", "a Zstandard file"),
    (b"\xfd7zXZ\0", "an xz file"),
    (b"BZh", "a bzip2 file"),
    (b"!<arch>\n", "a static library or Debian package (ar)"),
    (b"BC\xc0\xde", "LLVM bitcode"),
    (b"\x89PNG\r\n\x1a\n", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"GIF8", "a GIF picture"),
    (b"%PDF-", "a PDF document"),
    (b"#!", "a script"),
];

/// Tells what a file is by its first [`LENGTH`] bytes.
#[must_use]
pub fn sniff(head: &[u8]) -> Kind {
    const WASM: &[u8] = b"\0asm";
    if let Some(version) = head.strip_prefix(WASM) {
        return match version {
            [_, _, 1, 0, ..] => Kind::Component,
            [1, 0, 0, 0, ..] => Kind::Module,
            [_, _, _, _, ..] => Kind::UnknownVersion,
            _ => Kind::Truncated,
        };
    }
    if !head.is_empty() && WASM.starts_with(head) {
        return Kind::Truncated;
    }
    if let Some(what) = archive_of_two_kinds(head) {
        return Kind::Other(what);
    }
    if let Some((_, what)) = MAGIC.iter().find(|(magic, _)| head.starts_with(magic)) {
        return Kind::Other(what);
    }
    if head.get(257..262) == Some(b"ustar") {
        return Kind::Other("a tar archive");
    }
    // The last character may be cut off by the length that was read.
    let text = head.utf8_chunks().next().map_or("", |chunk| chunk.valid());
    if text.len() + 3 < head.len() || text.contains('\0') {
        return Kind::Other("binary data of no known kind");
    }
    of_text(text)
}

/// Universal Mach-O files and Java classes share their magic number; the
/// former then count a few architectures, the latter have a version from 45.
fn archive_of_two_kinds(head: &[u8]) -> Option<&'static str> {
    let count = head.strip_prefix(b"\xca\xfe\xba\xbe")?;
    let count = u32::from_be_bytes(*count.first_chunk()?);
    Some(if count < 45 {
        "a universal program or library for macOS (Mach-O)"
    } else {
        "a Java class"
    })
}

fn of_text(text: &str) -> Kind {
    let text = text.trim_start_matches('\u{feff}').trim_start();
    if text.is_empty() {
        return Kind::Other("an empty file");
    }
    let starts = |word: &str| {
        text.get(..word.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(word))
    };
    if starts("<!doctype html") || starts("<html") {
        return Kind::Html;
    }
    match wat_keyword(text) {
        Some("component") => Kind::ComponentText,
        Some("module") => Kind::ModuleText,
        _ if starts("{") || starts("[") => Kind::Other("text, probably JSON"),
        _ => Kind::Other("text"),
    }
}

/// The word after the first parenthesis of WebAssembly text, past comments.
fn wat_keyword(mut text: &str) -> Option<&str> {
    loop {
        text = text.trim_start();
        if let Some(comment) = text.strip_prefix(";;") {
            text = comment.split_once('\n')?.1;
        } else if let Some(comment) = text.strip_prefix("(;") {
            text = comment.split_once(";)")?.1;
        } else {
            let list = text.strip_prefix('(')?.trim_start();
            return list.split(|c: char| !c.is_ascii_alphanumeric()).next();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn webassembly_is_told_by_its_magic_and_layer() {
        assert_eq!(
            sniff(&wat::parse_str("(component)").unwrap()),
            Kind::Component
        );
        assert_eq!(sniff(&wat::parse_str("(module)").unwrap()), Kind::Module);
        assert_eq!(sniff(b"\0asm\x02\0\0\0"), Kind::UnknownVersion);
        for short in [&b"\0"[..], b"\0as", b"\0asm", b"\0asm\x0d\0\x01"] {
            assert_eq!(sniff(short), Kind::Truncated, "{short:?}");
        }
    }

    #[test]
    fn webassembly_text_is_told_by_its_first_word() {
        for text in [
            "(component)",
            "\n ;; a (module\n (; and (; \n;) ( component $x",
            "\u{feff}(component",
        ] {
            assert_eq!(sniff(text.as_bytes()), Kind::ComponentText, "{text}");
        }
        assert_eq!(sniff(b"(module $m)"), Kind::ModuleText);
        assert_eq!(sniff(b"(defun f () 1)"), Kind::Other("text"));
        assert_eq!(sniff(b";; (component"), Kind::Other("text"));
    }

    #[test]
    fn other_files_are_named_for_what_they_are() {
        for (head, word) in [
            (&b"\x7fELF\x02\x01"[..], "ELF"),
            (b"MZ\x90\0", "PE"),
            (b"\xcf\xfa\xed\xfe\x07", "Mach-O"),
            (b"\xca\xfe\xba\xbe\0\0\0\x02", "Mach-O"),
            (b"\xca\xfe\xba\xbe\0\0\0\x34", "Java"),
            (b"PK\x03\x04\x14", "ZIP"),
            (b"\x1f\x8b\x08", "gzip"),
            (b"\x89PNG\r\n\x1a\n", "PNG"),
            (b"#!/bin/sh\n", "script"),
            (b"{\"a\": 1}", "JSON"),
            (b"plain words", "text"),
            ("ein Wort für alle".as_bytes(), "text"),
            (b"  \n", "empty"),
            (b"", "empty"),
            (b"\x00\x01\x02\x03\x04", "binary"),
            (b"\xff\xfe\xfd\xfc\xfb\xfa", "binary"),
        ] {
            let Kind::Other(what) = sniff(head) else {
                panic!("{head:?}")
            };
            assert!(what.contains(word), "{head:?} is {what}");
        }
        assert_eq!(sniff(b"<!DOCTYPE HTML><p>"), Kind::Html);
    }

    #[test]
    fn a_character_that_the_reading_cut_in_two_is_still_text() {
        let mut text = "a".repeat(LENGTH as usize - 1);
        text.push('ö');
        assert_eq!(
            sniff(&text.as_bytes()[..LENGTH as usize]),
            Kind::Other("text")
        );
    }

    #[test]
    fn a_tar_archive_is_told_by_its_header() {
        let mut head = vec![0; 512];
        head[257..262].copy_from_slice(b"ustar");
        assert_eq!(sniff(&head), Kind::Other("a tar archive"));
    }
}
