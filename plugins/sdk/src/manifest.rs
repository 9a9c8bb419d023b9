//! The manifest: what a host reads of a plugin before it runs it.

use crate::lifecycle::Description;

/// What a plugin says of itself at run time, agreeing with its manifest.
/// Made by [`manifest!`](crate::manifest!).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Manifest {
    /// The plugin's name.
    pub name: &'static str,
    /// The version of the crate that declared the manifest.
    pub version: &'static str,
    /// The JSON text of the custom section.
    pub json: &'static str,
}

impl Manifest {
    /// What `describe` answers.
    #[must_use]
    pub fn description(&self) -> Description {
        Description {
            name: self.name.to_owned(),
            version: self.version.to_owned(),
        }
    }
}

/// Declares a plugin's manifest. It is put into the component's custom section
/// `muster:plugin` as JSON with the members `name`, `version`, `role`, `world`,
/// `summary` and `imports`; the version is that of the crate that calls this.
///
/// `imports` lists the host interfaces that the plugin wants, each as
/// `namespace:package/interface@version`. What Rust's standard library imports
/// by itself (`wasi:cli`, `wasi:clocks`, `wasi:filesystem`, `wasi:io`,
/// `wasi:random`) need not be listed: a host gives a plugin these without
/// anything in them, no files, no variables and no input.
///
/// All values are literals without quotes, backslashes and control characters;
/// others do not compile.
///
/// Yields a [`Manifest`]; bind it to a constant.
#[macro_export]
macro_rules! manifest {
    (
        name: $name:literal,
        role: $role:literal,
        world: $world:literal,
        summary: $summary:literal,
        imports: [$($first:literal $(, $import:literal)*)? $(,)?] $(,)?
    ) => {{
        const JSON: &str = ::core::concat!(
            "{\"name\":\"", $name,
            "\",\"version\":\"", ::core::env!("CARGO_PKG_VERSION"),
            "\",\"role\":\"", $role,
            "\",\"world\":\"", $world,
            "\",\"summary\":\"", $summary,
            "\",\"imports\":[" $(, "\"", $first, "\"" $(, ",\"", $import, "\"")*)?, "]}",
        );
        const _: () = {
            $crate::manifest::assert_plain($name);
            $crate::manifest::assert_plain($role);
            $crate::manifest::assert_plain($world);
            $crate::manifest::assert_plain($summary);
            $($crate::manifest::assert_plain($first); $($crate::manifest::assert_plain($import);)*)?
        };
        #[cfg(target_arch = "wasm32")]
        #[used]
        #[allow(unsafe_code, reason = "the only way to name a custom section; no other static goes there")]
        #[unsafe(link_section = "muster:plugin")]
        static SECTION: [u8; JSON.len()] = $crate::manifest::section(JSON);
        $crate::Manifest { name: $name, version: ::core::env!("CARGO_PKG_VERSION"), json: JSON }
    }};
}

/// Stops the compilation at a text that would have to be escaped in JSON.
#[doc(hidden)]
pub const fn assert_plain(text: &str) {
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        assert!(
            bytes[at] != b'"' && bytes[at] != b'\\' && bytes[at] >= b' ',
            "a manifest's texts must not have quotes, backslashes or control characters",
        );
        at += 1;
    }
}

/// The bytes of `json` as an array, the form that a custom section needs.
/// `N` is its length.
#[doc(hidden)]
#[must_use]
pub const fn section<const N: usize>(json: &str) -> [u8; N] {
    match json.as_bytes().first_chunk() {
        Some(bytes) => *bytes,
        None => panic!("the section is as long as the text"),
    }
}

#[cfg(test)]
mod tests {
    use super::Manifest;

    const FULL: Manifest = crate::manifest! {
        name: "router",
        role: "router",
        world: "muster:router/router-plugin@0.1.0",
        summary: "Decides where requests go",
        imports: ["wasi:logging/logging@0.1.0-draft", "muster:router/heads@0.1.0"],
    };

    #[test]
    fn a_manifest_is_json_with_every_member() {
        let json: serde_json::Value = serde_json::from_str(FULL.json).unwrap();
        let expected = serde_json::json!({
            "name": "router",
            "version": env!("CARGO_PKG_VERSION"),
            "role": "router",
            "world": "muster:router/router-plugin@0.1.0",
            "summary": "Decides where requests go",
            "imports": ["wasi:logging/logging@0.1.0-draft", "muster:router/heads@0.1.0"],
        });
        assert_eq!(json, expected);
        assert_eq!(
            (FULL.name, FULL.version),
            ("router", env!("CARGO_PKG_VERSION"))
        );
    }

    #[test]
    fn a_plugin_may_want_nothing() {
        let none = crate::manifest! { name: "a", role: "b", world: "c", summary: "d", imports: [] };
        let json: serde_json::Value = serde_json::from_str(none.json).unwrap();
        assert_eq!(json["imports"], serde_json::json!([]));
    }

    #[test]
    #[should_panic(expected = "quotes")]
    fn texts_that_would_break_the_json_are_refused() {
        super::assert_plain("say \"hi\"");
    }
}
