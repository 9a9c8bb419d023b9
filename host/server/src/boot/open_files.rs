//! How many files and connections this process may have open.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises the limit to what the system allows at most. It is low at first for the
/// sake of programs that count on small numbers of files (1,024 with systemd),
/// while each connection of a client, an instance or a peer is one.
pub(super) fn allow_most() {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current == maximum {
        return;
    }
    let most = Rlimit {
        current: maximum,
        maximum,
    };
    if let Err(error) = setrlimit(Resource::Nofile, most) {
        tracing::warn!(%error, "this host may have few connections at once");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_much_is_allowed_as_can_be() {
        let before = getrlimit(Resource::Nofile);
        let few = Rlimit {
            current: Some(256),
            ..before
        };
        setrlimit(Resource::Nofile, few).unwrap();
        allow_most();
        assert_eq!(getrlimit(Resource::Nofile).current, before.maximum);
    }
}
