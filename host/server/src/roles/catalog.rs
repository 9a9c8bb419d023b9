//! The roles that this version of the host knows.

/// The role of which a group has exactly one: its leader's.
pub(crate) const PRIMARY: &str = "primary";

/// Roles that are part of the host: name and what they are for.
pub(super) const BUILTIN: &[(&str, &str)] = &[
    ("base", "what every host does: identity, logs, health"),
    ("controller", "the API, and the rules behind it"),
    (PRIMARY, "keeps the state and the bus"),
];

/// What a host without a role does not do.
pub(super) fn without(role: &str) -> &'static str {
    match role {
        "router" => "requests to apps are no longer routed",
        "stager" => "packages are no longer staged",
        _ => "all instances on this host are stopped",
    }
}

/// Roles that plugins play.
pub(super) const PLAYED_BY_PLUGINS: &[(&str, &str)] = &[
    ("dea", "runs instances of apps on this host"),
    ("router", "decides where requests go"),
    ("stager", "makes droplets of packages"),
];
