//! What is in the log of an app.

use muster_api::{
    logs::{LogLine, LogSource},
    page::Page,
};

use crate::{client::Client, eventually::eventually};

/// Waits for the newest line of an app's log from that source that has all
/// these texts in it.
///
/// # Panics
/// If there is none in the end.
pub async fn logged(client: &Client, app: &str, source: LogSource, texts: &[&str]) -> LogLine {
    eventually(&format!("{texts:?} in the log of {app}"), async || {
        let page: Page<LogLine> = client.get(&format!("/apps/{app}/logs?tail=10000")).await;
        page.items.into_iter().rev().find(|line| {
            line.source == source && texts.iter().all(|text| line.message.contains(text))
        })
    })
    .await
}
