//! Role plugins: put in force, looked at, and made to differ.

use muster_api::{plan::Plan, roles::Role};
use reqwest::{Method, Response};

use crate::client::Client;

impl Client {
    /// Asks to have a component play a role; without one, the bundled plugin.
    ///
    /// # Panics
    /// If the host does not answer.
    pub async fn try_role(&self, role: &str, component: Option<Vec<u8>>) -> Response {
        self.request(Method::PUT, &format!("/roles/{role}"))
            .body(component.unwrap_or_default())
            .send()
            .await
            .expect("the host answers")
    }

    /// Has a component play a role; without one, the bundled plugin.
    ///
    /// # Panics
    /// If the host refuses.
    pub async fn put_role(&self, role: &str, component: Option<Vec<u8>>) -> Role {
        let response = self.try_role(role, component).await;
        let status = response.status();
        let text = response.text().await.expect("a body");
        assert!(status.is_success(), "{role}: {status}: {text}");
        serde_json::from_str(&text).expect("a role")
    }

    /// Takes a role from the host.
    ///
    /// # Panics
    /// If the host refuses.
    pub async fn remove_role(&self, role: &str) {
        let nothing = serde_json::json!({});
        let path = format!("/roles/{role}");
        let plan: Plan = self.send(Method::DELETE, &path, &nothing).await;
        assert!(plan.done, "{plan:?}");
    }

    /// How a role does.
    ///
    /// # Panics
    /// If there is no such role.
    pub async fn role(&self, role: &str) -> Role {
        self.get(&format!("/roles/{role}")).await
    }
}

/// The same component with a custom section more, which tells it from others
/// and changes nothing of what it does.
///
/// # Panics
/// If the mark is longer than a hundred bytes.
#[must_use]
pub fn marked(mut component: Vec<u8>, mark: &str) -> Vec<u8> {
    const NAME: &str = "e2e-mark";
    let length = 1 + NAME.len() + mark.len();
    assert!(length < 0x80, "{mark} does not fit into one byte of LEB128");
    // A custom section: its id, its length, the length of its name, its name.
    component.extend([0, length as u8, NAME.len() as u8]);
    component.extend(NAME.as_bytes());
    component.extend(mark.as_bytes());
    component
}
