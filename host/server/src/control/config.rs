//! Sections of the configuration, as the operator has set them.

use muster_store::Reader;
use serde::de::DeserializeOwned;

use super::error::ControlError;

/// A section; its defaults if it was never set.
pub(crate) async fn section<T: DeserializeOwned + Default>(
    db: &Reader,
    name: &str,
) -> Result<T, ControlError> {
    let kept = db.setting_get(&format!("config.{name}")).await?;
    Ok(kept.unwrap_or_default())
}
