//! The components that came with this host.

include!(concat!(env!("OUT_DIR"), "/bundled.rs"));

/// The bundled component of that name, unless the host was built without it.
pub(crate) fn component(name: &str) -> Option<&'static [u8]> {
    BUNDLED
        .iter()
        .find(|(bundled, _)| *bundled == name)
        .map(|(_, bytes)| *bytes)
}
