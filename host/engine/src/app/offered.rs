//! What apps may import.

/// WASI 0.2's interfaces, all of one version.
const WASI_0_2: &str = "0.2.12";
/// WASI 0.3's.
const WASI_0_3: &str = "0.3.0";

const SHARED: &[&str] = &[
    "wasi:cli/environment",
    "wasi:cli/exit",
    "wasi:cli/stderr",
    "wasi:cli/stdin",
    "wasi:cli/stdout",
    "wasi:cli/terminal-input",
    "wasi:cli/terminal-output",
    "wasi:cli/terminal-stderr",
    "wasi:cli/terminal-stdin",
    "wasi:cli/terminal-stdout",
    "wasi:clocks/monotonic-clock",
    "wasi:filesystem/preopens",
    "wasi:filesystem/types",
    "wasi:http/types",
    "wasi:random/insecure",
    "wasi:random/insecure-seed",
    "wasi:random/random",
    "wasi:sockets/ip-name-lookup",
];

const ONLY_0_2: &[&str] = &[
    "wasi:clocks/wall-clock",
    "wasi:http/outgoing-handler",
    "wasi:io/error",
    "wasi:io/poll",
    "wasi:io/streams",
    "wasi:sockets/instance-network",
    "wasi:sockets/network",
    "wasi:sockets/tcp",
    "wasi:sockets/tcp-create-socket",
    "wasi:sockets/udp",
    "wasi:sockets/udp-create-socket",
];

const ONLY_0_3: &[&str] = &[
    "wasi:cli/types",
    "wasi:clocks/system-clock",
    "wasi:clocks/types",
    "wasi:http/client",
    "wasi:sockets/types",
];

/// The interfaces that apps may import, each as
/// `namespace:package/interface@version`. Compatible versions are as good.
#[must_use]
pub fn offered() -> Vec<String> {
    let with = |names: &'static [&'static str], version: &'static str| {
        names.iter().map(move |name| format!("{name}@{version}"))
    };
    with(SHARED, WASI_0_2)
        .chain(with(ONLY_0_2, WASI_0_2))
        .chain(with(SHARED, WASI_0_3))
        .chain(with(ONLY_0_3, WASI_0_3))
        .chain(["wasi:config/store@0.2.0-rc.1".to_owned()])
        .collect()
}

#[cfg(test)]
mod tests {
    use wasmtime::component::{Component, Linker};

    use super::*;
    use crate::app::{
        code::{self, Kind},
        state::State,
    };

    /// A component that imports the interface, empty, compiles whatever the
    /// host has; what tells is whether the linker knows the name at all.
    #[test]
    fn everything_offered_is_in_the_linker() {
        let engine =
            wasmtime::Engine::new(wasmtime::Config::new().wasm_component_model_async(true))
                .unwrap();
        let linker: Linker<State> = code::linker(&engine, Kind::Concurrent).unwrap();
        for name in offered() {
            let text = format!(
                r#"(component (import "{name}" (instance (export "no-such-thing" (func)))))"#
            );
            let component = Component::new(&engine, wat::parse_str(text).unwrap()).unwrap();
            let error = format!(
                "{:#}",
                linker.instantiate_pre(&component).map(|_| ()).unwrap_err()
            );
            assert!(error.contains("no-such-thing"), "{name}: {error}");
        }
    }
}
