//! A digest of a table's rows that is the same on every database.

use muster_api::blocks::Digest;
use sea_orm::Value;
use serde_json::Value as Json;
use sha2::{Digest as _, Sha256};

use super::tables::Row;
use crate::text;

/// How many rows there are, and what they are.
#[derive(Debug, Default, Clone)]
pub(super) struct Tally {
    pub rows: u64,
    hash: Sha256,
}

impl Tally {
    pub fn add(&mut self, row: &Row) {
        self.rows += 1;
        for value in row {
            let text = written(value.clone());
            self.hash.update(text.len().to_be_bytes());
            self.hash.update(text.as_bytes());
        }
    }

    pub fn digest(&self) -> Digest {
        Digest::from_bytes(&self.hash.clone().finalize().into())
    }
}

/// A value as text in which equal ones are equal, whichever database they come
/// from. Databases differ in how they write JSON.
fn written(value: Value) -> String {
    match value {
        Value::Json(Some(mut json)) => {
            text::fit_json(&mut json);
            let mut text = "json:".to_owned();
            write_json(&json, &mut text);
            text
        }
        Value::String(Some(mut string)) => {
            text::fit_text(&mut string);
            format!("text:{string}")
        }
        other => format!("{other:?}"),
    }
}

fn write_json(json: &Json, text: &mut String) {
    match json {
        Json::Array(items) => {
            text.push('[');
            for item in items {
                write_json(item, text);
                text.push(',');
            }
            text.push(']');
        }
        Json::Object(fields) => {
            let mut fields: Vec<_> = fields.iter().collect();
            fields.sort_unstable_by_key(|(key, _)| *key);
            text.push('{');
            for (key, value) in fields {
                text.push_str(&Json::from(key.as_str()).to_string());
                text.push(':');
                write_json(value, text);
                text.push(',');
            }
            text.push('}');
        }
        Json::Number(number) => match number.as_f64() {
            // 10.0 and 1e1 are 10.
            Some(float) if number.is_f64() && float.fract() == 0.0 => {
                text.push_str(&format!("{float:.0}"));
            }
            _ => text.push_str(&number.to_string()),
        },
        other => text.push_str(&other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use sea_orm::Value;
    use serde_json::{Value as Json, json};

    use super::{Tally, written};

    fn of(json: Json) -> String {
        written(Value::Json(Some(Box::new(json))))
    }

    #[test]
    fn json_is_the_same_however_a_database_writes_it() {
        for (left, right) in [
            (
                r#"{"b":1,"a":[1.5,null]}"#,
                r#"{ "a": [1.50, null], "b": 1 }"#,
            ),
            ("1e17", "100000000000000000"),
            ("10.0", "10"),
        ] {
            let [left, right] = [left, right].map(|text| serde_json::from_str(text).unwrap());
            assert_eq!(of(left), of(right));
        }
        assert_ne!(of(json!("1")), of(json!(1)));
        assert_ne!(of(json!(["a", "b"])), of(json!(["a,b"])));
        assert_ne!(of(json!(0.1)), of(json!(0.2)));
    }

    #[test]
    fn a_digest_tells_rows_apart() {
        let digest = |rows: &[&[&str]]| {
            let mut tally = Tally::default();
            for row in rows {
                tally.add(&row.iter().map(|text| Value::from(*text)).collect());
            }
            tally.digest()
        };
        assert_eq!(digest(&[&["a", "b"]]), digest(&[&["a", "b"]]));
        for other in [
            &[&["ab", ""][..]][..],
            &[&["b", "a"]],
            &[&["a", "b"], &["", ""]],
            &[],
        ] {
            assert_ne!(digest(&[&["a", "b"]]), digest(other));
        }
        let null = written(Value::String(None));
        assert_ne!(null, written(Value::from("")));
    }
}
