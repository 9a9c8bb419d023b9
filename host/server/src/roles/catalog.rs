//! The roles that this version of the host knows.

/// Roles that are part of the host: name and what they are for.
pub(super) const BUILTIN: &[(&str, &str)] = &[
    ("base", "what every host does: identity, logs, health"),
    ("controller", "the API, and the rules behind it"),
    ("primary", "keeps the state and the bus"),
];

/// Roles that plugins play.
pub(super) const PLAYED_BY_PLUGINS: &[(&str, &str)] = &[
    ("dea", "runs instances of apps on this host"),
    ("router", "decides where requests go"),
    ("stager", "makes droplets of packages"),
];
