//! The clients that sign people in, and where their answers may go.

use muster_api::tokens::{CLI_CLIENT, CONSOLE_CLIENT};

const CALLBACK: &str = "/callback";

/// Whether there is such a client.
pub(crate) fn is_client(id: &str) -> bool {
    [CLI_CLIENT, CONSOLE_CLIENT].contains(&id)
}

/// Whether a client's answers may go to an address. Of the console's, each
/// character must be right; the command line's is on the person's own machine,
/// at whatever port was free there (RFC 8252, section 7.3).
pub(super) fn may_redirect(client: &str, address: &str, consoles: &[String]) -> bool {
    match client {
        CONSOLE_CLIENT => consoles
            .iter()
            .any(|console| address.strip_suffix(CALLBACK) == Some(console)),
        CLI_CLIENT => is_loopback(address),
        _ => false,
    }
}

fn is_loopback(address: &str) -> bool {
    let port = ["http://127.0.0.1:", "http://[::1]:"]
        .into_iter()
        .find_map(|start| address.strip_prefix(start))
        .and_then(|rest| rest.strip_suffix(CALLBACK));
    let Some(port) = port else {
        return false;
    };
    // Spelt as it is parsed: no sign, no zero in front.
    port.parse::<u16>()
        .is_ok_and(|number| number > 0 && number.to_string() == port)
}

/// Whether a text may be a challenge of PKCE: a SHA-256 in base64url.
pub(super) fn is_challenge(text: &str) -> bool {
    text.len() == 43 && text.bytes().all(is_base64url)
}

/// Whether a text may be a verifier of PKCE (RFC 7636, section 4.1).
pub(super) fn is_verifier(text: &str) -> bool {
    let unreserved = |byte: u8| is_base64url(byte) || matches!(byte, b'.' | b'~');
    (43..=128).contains(&text.len()) && text.bytes().all(unreserved)
}

fn is_base64url(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn consoles() -> [String; 2] {
        [
            "https://muster.example.org".to_owned(),
            "http://127.0.0.1:7480".to_owned(),
        ]
    }

    #[test]
    fn answers_go_home() {
        for (client, address) in [
            (CONSOLE_CLIENT, "https://muster.example.org/callback"),
            (CONSOLE_CLIENT, "http://127.0.0.1:7480/callback"),
            (CLI_CLIENT, "http://127.0.0.1:49152/callback"),
            (CLI_CLIENT, "http://[::1]:1/callback"),
        ] {
            assert!(may_redirect(client, address, &consoles()), "{address}");
        }
    }

    #[test]
    fn answers_go_nowhere_else() {
        for address in [
            "",
            "https://muster.example.org",
            "https://muster.example.org/",
            "https://muster.example.org/callback/",
            "https://muster.example.org/callback?to=evil",
            "https://muster.example.org/callback#x",
            "https://muster.example.org/x/callback",
            "https://muster.example.org.evil.example/callback",
            "https://muster.example.org@evil.example/callback",
            "https://evil.example/https://muster.example.org/callback",
            "http://muster.example.org/callback",
            "HTTPS://muster.example.org/callback",
            "//muster.example.org/callback",
            "http://127.0.0.1:7481/callback",
            "https://127.0.0.1:7480/callback",
            "javascript:alert(1)//callback",
        ] {
            assert!(
                !may_redirect(CONSOLE_CLIENT, address, &consoles()),
                "{address}"
            );
        }
        for address in [
            "http://127.0.0.1/callback",
            "http://127.0.0.1:/callback",
            "http://127.0.0.1:0/callback",
            "http://127.0.0.1:080/callback",
            "http://127.0.0.1:+80/callback",
            "http://127.0.0.1:65536/callback",
            "http://127.0.0.1:80@evil.example/callback",
            "http://127.0.0.1:80/evil/callback",
            "http://127.0.0.1.evil.example:80/callback",
            "http://127.0.0.2:80/callback",
            "http://localhost:80/callback",
            "https://127.0.0.1:80/callback",
            "http://127.0.0.1:80/callback?x=y",
            "http://127.0.0.1:80/Callback",
            "https://muster.example.org/callback",
        ] {
            assert!(!may_redirect(CLI_CLIENT, address, &consoles()), "{address}");
        }
        assert!(!may_redirect(
            "other",
            "http://127.0.0.1:80/callback",
            &consoles()
        ));
    }

    #[test]
    fn challenges_and_verifiers_have_their_shapes() {
        let (short, fits, long) = ("a".repeat(42), "a".repeat(43), "a".repeat(129));
        assert!(is_challenge(&fits) && is_verifier(&fits));
        for bad in [&short, &long, &format!("{short}="), &format!("{short} ")] {
            assert!(!is_challenge(bad) && !is_verifier(bad), "{bad}");
        }
    }
}
