//! A provider of OpenID Connect.

use serde_json::{Value, json};

use super::{Authority, Browser, node::Node};

/// How a provider is.
#[derive(Default)]
pub struct OidcOptions<'a> {
    /// Who signs its certificate; without, it speaks plain HTTP.
    pub authority: Option<&'a Authority>,
    /// Where it may send people back to.
    pub redirect_uris: &'a [&'a str],
}

/// A running provider. Killed when dropped. It knows `ada`, with all claims and
/// two groups, and `eve`, whose address is not verified. Any password does.
pub struct OidcProvider {
    node: Node,
    scheme: &'static str,
}

impl OidcProvider {
    /// Who its client is.
    pub const CLIENT_ID: &'static str = "muster";
    /// The client's secret.
    pub const CLIENT_SECRET: &'static str = "client secret with % and +";

    /// Starts a provider.
    ///
    /// # Panics
    /// If it does not start.
    #[must_use]
    pub fn start(options: &OidcOptions<'_>) -> Self {
        let mut argument = json!({
            "clients": [{
                "client_id": Self::CLIENT_ID,
                "client_secret": Self::CLIENT_SECRET,
                "redirect_uris": options.redirect_uris,
            }],
            "accounts": accounts(),
        });
        if let Some(authority) = options.authority {
            argument["tls"] = authority.issue().to_json();
        }
        Self {
            node: Node::start(include_str!("../../servers/oidc.js"), &argument),
            scheme: if options.authority.is_some() {
                "https"
            } else {
                "http"
            },
        }
    }

    /// What it calls itself.
    #[must_use]
    pub fn issuer(&self) -> String {
        format!("{}://127.0.0.1:{}", self.scheme, self.node.port())
    }

    /// Signs in as somebody in a browser that was sent to `url`, and gives the
    /// address that the provider sends it back to.
    ///
    /// # Panics
    /// If the provider sends it nowhere.
    pub async fn sign_in(&self, browser: &mut Browser, url: &str, login: &str) -> String {
        let issuer = self.issuer();
        let mut page = browser.visit(url, &issuer).await;
        // The form for the login, then the one for consent.
        for _ in 0..3 {
            if let Some(left) = page.left {
                return left;
            }
            let action = page.form_action();
            let prompt = page.hidden("prompt");
            let fields = [("prompt", &*prompt), ("login", login), ("password", "any")];
            page = browser.submit(&action, &fields, &issuer).await;
        }
        panic!("the provider sends nobody back: {}", page.body);
    }

    /// Ends it.
    pub fn stop(&mut self) {
        self.node.stop();
    }
}

fn accounts() -> Value {
    json!({
        "ada": {
            "preferred_username": "ada",
            "name": "Ada Lovelace",
            "email": "ada@example.org",
            "email_verified": true,
            "groups": ["staff", "operators"],
        },
        "eve": {
            "preferred_username": "eve",
            "email": "ada@example.org",
            "email_verified": false,
        },
    })
}
