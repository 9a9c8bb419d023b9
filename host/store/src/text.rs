//! Text that every database can hold. PostgreSQL refuses the character U+0000,
//! which SQLite keeps: what a guest says when it fails may have it.

use muster_api::audit::AuditEntry;
use sea_orm::{Statement, Value};
use serde_json::Value as Json;

/// What stands in place of U+0000.
const INSTEAD: &str = "\u{fffd}";

/// Makes the values of a statement such that every database takes them.
pub(crate) fn fit(mut statement: Statement) -> Statement {
    if let Some(values) = &mut statement.values {
        for value in &mut values.0 {
            match value {
                Value::String(Some(text)) => fit_text(text),
                Value::Json(Some(json)) => fit_json(json),
                _ => {}
            }
        }
    }
    statement
}

/// The same of an entry of the audit log, before it is hashed.
pub(crate) fn fit_entry(entry: &mut AuditEntry) {
    for text in [&mut entry.actor, &mut entry.action, &mut entry.subject] {
        fit_text(text);
    }
    let optional = [
        &mut entry.credential,
        &mut entry.reason,
        &mut entry.origin,
        &mut entry.request_id,
    ];
    for text in optional.into_iter().flatten() {
        fit_text(text);
    }
    for json in [&mut entry.before, &mut entry.after].into_iter().flatten() {
        fit_json(json);
    }
}

pub(crate) fn fit_text(text: &mut String) {
    if text.contains('\0') {
        *text = text.replace('\0', INSTEAD);
    }
}

pub(crate) fn fit_json(json: &mut Json) {
    match json {
        Json::String(text) => fit_text(text),
        Json::Array(items) => items.iter_mut().for_each(fit_json),
        Json::Object(fields) => {
            if fields.keys().any(|key| key.contains('\0')) {
                let renamed = std::mem::take(fields).into_iter().map(|(mut key, value)| {
                    fit_text(&mut key);
                    (key, value)
                });
                *fields = renamed.collect();
            }
            fields.values_mut().for_each(fit_json);
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::fit_json;
    use crate::testing::{job, store};

    #[test]
    fn zero_bytes_are_replaced_wherever_they_are() {
        let mut json = json!({ "a\u{0}": ["b\u{0}c", { "d": "\u{0}" }], "e": 1 });
        fit_json(&mut json);
        assert_eq!(
            json,
            json!({ "a\u{fffd}": ["b\u{fffd}c", { "d": "\u{fffd}" }], "e": 1 })
        );
    }

    #[tokio::test]
    async fn every_text_can_be_kept() {
        let (store, _dir) = store().await;
        let mut odd = job("a\u{0}b", None);
        odd.log = vec![
            "line\u{0}".to_owned(),
            "\u{1f980} 'quoted' \\ \"".to_owned(),
        ];
        let id = odd.id;
        store
            .write(move |tx| Box::pin(async move { tx.job_insert(&odd).await }))
            .await
            .unwrap();
        let kept = store.job_get(id).await.unwrap().unwrap();
        assert_eq!(kept.subject, "a\u{fffd}b");
        assert_eq!(kept.log, ["line\u{fffd}", "\u{1f980} 'quoted' \\ \""]);
    }
}
