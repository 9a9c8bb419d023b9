//! The manifest: what a host reads of a plugin before it runs it.

use crate::bindings::lifecycle::Description;

/// What a plugin says of itself. Made by the `export!` of its role.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Manifest {
    /// The plugin's name.
    pub name: &'static str,
    /// The version of the crate that exports the plugin.
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

/// The manifest of a plugin of some role, as a constant. It is put into the
/// component's custom section `muster:plugin` as JSON with the members `name`,
/// `version`, `role`, `world`, `summary` and `imports`. What the plugin does not
/// declare comes from the manifest of its crate and from its world.
#[doc(hidden)]
#[macro_export]
macro_rules! __manifest {
    (
        role: $role:literal,
        world: $world:literal,
        offered: [$($offered:literal),*];
        $(name: $name:literal $(,)?)?
        $(summary: $summary:literal $(,)?)?
        $(imports: [$($import:literal),* $(,)?] $(,)?)?
    ) => {{
        const NAME: &str = $crate::__or!([$($name)?] ::core::env!("CARGO_PKG_NAME"));
        const JSON: &str = ::core::concat!(
            "{\"name\":\"", $crate::__or!([$($name)?] ::core::env!("CARGO_PKG_NAME")),
            "\",\"version\":\"", ::core::env!("CARGO_PKG_VERSION"),
            "\",\"role\":\"", $role,
            "\",\"world\":\"", $world,
            "\",\"summary\":\"", $crate::__or!([$($summary)?] ::core::env!("CARGO_PKG_DESCRIPTION")),
            "\",\"imports\":[",
            $crate::__or!(
                [$($crate::__list!($($import),*))?]
                $crate::__list!($($offered),*)
            ),
            "]}",
        );
        const _: () = {
            $crate::manifest::assert_plain(NAME);
            $crate::manifest::assert_plain(
                $crate::__or!([$($summary)?] ::core::env!("CARGO_PKG_DESCRIPTION"))
            );
            $($($crate::manifest::assert_plain($import);)*)?
        };
        #[cfg(target_family = "wasm")]
        #[used]
        #[allow(unsafe_code, reason = "the only way to name a custom section; no other static goes there")]
        #[unsafe(link_section = "muster:plugin")]
        static SECTION: [u8; JSON.len()] = $crate::manifest::section(JSON);
        $crate::Manifest { name: NAME, version: ::core::env!("CARGO_PKG_VERSION"), json: JSON }
    }};
}

/// What is in the brackets; what follows them if they are empty.
#[doc(hidden)]
#[macro_export]
macro_rules! __or {
    ([] $($other:tt)+) => { $($other)+ };
    ([$($given:tt)+] $($other:tt)+) => { $($given)+ };
}

/// The items of a list in JSON.
#[doc(hidden)]
#[macro_export]
macro_rules! __list {
    () => { "" };
    ($first:literal $(, $more:literal)*) => {
        ::core::concat!("\"", $first, "\"" $(, ",\"", $more, "\"")*)
    };
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

    fn json(manifest: &Manifest) -> serde_json::Value {
        serde_json::from_str(manifest.json).unwrap()
    }

    #[test]
    fn what_is_not_declared_comes_from_the_crate_and_the_world() {
        let plain: Manifest = crate::__manifest! {
            role: "router",
            world: "muster:router/router-plugin@0.1.0",
            offered: ["wasi:logging/logging@0.1.0-draft", "muster:router/heads@0.1.0"];
        };
        let expected = serde_json::json!({
            "name": "muster-sdk",
            "version": env!("CARGO_PKG_VERSION"),
            "role": "router",
            "world": "muster:router/router-plugin@0.1.0",
            "summary": "What role plugins are written with",
            "imports": ["wasi:logging/logging@0.1.0-draft", "muster:router/heads@0.1.0"],
        });
        assert_eq!(json(&plain), expected);
        assert_eq!(
            (plain.name, plain.version),
            ("muster-sdk", env!("CARGO_PKG_VERSION"))
        );
    }

    #[test]
    fn what_is_declared_counts() {
        let all: Manifest = crate::__manifest! {
            role: "router",
            world: "muster:router/router-plugin@0.1.0",
            offered: ["a:b/c@0.1.0"];
            name: "mine", summary: "Decides", imports: ["d:e/f@0.1.0", "g:h/i@0.1.0"],
        };
        assert_eq!(all.name, "mine");
        let json = json(&all);
        assert_eq!(
            (&json["name"], &json["summary"]),
            (&"mine".into(), &"Decides".into())
        );
        assert_eq!(
            json["imports"],
            serde_json::json!(["d:e/f@0.1.0", "g:h/i@0.1.0"])
        );
    }

    #[test]
    fn a_plugin_may_want_nothing() {
        let none: Manifest =
            crate::__manifest! { role: "b", world: "c", offered: ["d:e/f@0.1.0"]; imports: [] };
        assert_eq!(json(&none)["imports"], serde_json::json!([]));
        assert_eq!(json(&none)["name"], "muster-sdk");
    }

    #[test]
    #[should_panic(expected = "quotes")]
    fn texts_that_would_break_the_json_are_refused() {
        super::assert_plain("say \"hi\"");
    }
}
