//! Keeps a client with the instance that first served it, by a cookie.

use crate::table::{Host, Target};

/// The name of a route's cookie. Routes of one host name must not share one,
/// since a browser sends the cookies of all prefixes that fit.
#[must_use]
pub fn cookie_name(host: Host<'_>, prefix: &str) -> String {
    let (mark, name) = match host {
        Host::Exact(name) => ("", name),
        Host::Below(name) => ("*.", name),
        Host::Any => ("*", ""),
    };
    // A name has no slash, so that no two keys make the same text.
    let key = [mark, name, prefix, "/"];
    // FNV-1a: short, and the same on every host and in every version.
    let hash = key
        .iter()
        .flat_map(|part| part.bytes())
        .fold(0x811c_9dc5_u32, |hash, byte| {
            (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
        });
    format!("muster-sticky-{hash:08x}")
}

/// The `Set-Cookie` value that keeps a client with an instance.
#[must_use]
pub fn set_cookie(name: &str, instance: &str, prefix: &str) -> String {
    // Such a prefix would end the attribute early.
    let path = if prefix.is_empty() || prefix.contains([';', ',', ' ']) {
        "/"
    } else {
        prefix
    };
    format!("{name}={instance}; Path={path}; HttpOnly; SameSite=Lax")
}

/// The target that has the instance.
pub fn holder<'a>(
    mut targets: impl Iterator<Item = &'a Target>,
    instance: &str,
) -> Option<&'a Target> {
    targets.find(|target| target.pool.instances.iter().any(|id| **id == *instance))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_route_has_its_own_cookie() {
        let keys = [
            (Host::Exact("a.test"), ""),
            (Host::Below("a.test"), ""),
            (Host::Any, ""),
            (Host::Exact("a.test"), "/x"),
            (Host::Exact("b.test"), ""),
        ];
        let mut names: Vec<_> = keys
            .iter()
            .map(|(host, prefix)| cookie_name(*host, prefix))
            .collect();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), keys.len());
        assert_eq!(
            cookie_name(Host::Exact("a.test"), ""),
            "muster-sticky-45c2f5f3"
        );
    }

    #[test]
    fn the_cookie_is_bound_to_the_prefix() {
        assert_eq!(
            set_cookie("n", "i", "/x"),
            "n=i; Path=/x; HttpOnly; SameSite=Lax"
        );
        assert_eq!(
            set_cookie("n", "i", ""),
            "n=i; Path=/; HttpOnly; SameSite=Lax"
        );
        assert_eq!(
            set_cookie("n", "i", "/x; Domain=y"),
            "n=i; Path=/; HttpOnly; SameSite=Lax"
        );
    }
}
