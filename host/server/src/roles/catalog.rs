//! The roles that this version of the host knows.

/// The role of which a group has exactly one: its leader's.
pub(crate) const PRIMARY: &str = "primary";

/// Roles that are part of the host: name and what they are for.
pub(super) const BUILTIN: &[(&str, &str)] = &[
    ("base", "what every host does: identity, logs, health"),
    ("controller", "the API, and the rules behind it"),
    (PRIMARY, "keeps the state and the bus"),
];

/// The role that suffers no other that a plugin plays beside it: clients reach
/// everything by such a host, so that nothing else may take what it needs.
pub(crate) const ALONE: &str = "load-balancer";

/// Which of two roles are not for one host.
pub(super) fn are_apart(one: &str, other: &str) -> bool {
    one != other && (one == ALONE || other == ALONE)
}

/// What a host without a role does not do.
pub(super) fn without(role: &str) -> &'static str {
    match role {
        "router" => "requests to apps are no longer routed",
        "stager" => "packages are no longer staged",
        ALONE => "clients that come by it are no longer served",
        _ => "all instances on this host are stopped",
    }
}

/// Roles that plugins play.
pub(super) const PLAYED_BY_PLUGINS: &[(&str, &str)] = &[
    ("dea", "runs instances of apps on this host"),
    (ALONE, "spreads requests over the routers of the group"),
    ("router", "decides where requests go"),
    ("stager", "makes droplets of packages"),
];
