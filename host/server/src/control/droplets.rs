//! Droplets: what is kept of each app.

use muster_api::{droplets::Droplet, page::Page};
use muster_store::Store;

use super::{apps::require_app, error::ControlError, record::Actor, views::droplet_view};

/// The droplets of this host.
#[derive(Clone)]
pub(crate) struct Droplets {
    pub(crate) store: Store,
}

impl Droplets {
    /// An app's droplets, newest first. There are few, so this is one page.
    pub(crate) async fn list(
        &self,
        actor: &Actor,
        app: &str,
    ) -> Result<Page<Droplet>, ControlError> {
        let app = require_app(&self.store, actor, app).await?;
        let current = match app.current_release {
            Some(number) => self
                .store
                .release_get(app.id, number)
                .await?
                .map(|release| release.droplet),
            None => None,
        };
        let droplets = self.store.droplet_list(app.id).await?;
        let items = droplets
            .iter()
            .map(|droplet| droplet_view(droplet, Some(droplet.id) == current))
            .collect();
        Ok(Page { items, next: None })
    }
}
