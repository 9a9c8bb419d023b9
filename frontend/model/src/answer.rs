//! What hosts answer, read as what it means. `serde_json` reads records from lists as
//! well as from objects, with code for both in each record; hosts never send the
//! former, and without it the console is smaller.

use serde::{
    Deserializer,
    de::{
        DeserializeOwned, Error as _, IntoDeserializer, Unexpected, Visitor,
        value::{MapAccessDeserializer, MapDeserializer, SeqDeserializer},
    },
    forward_to_deserialize_any,
};
use serde_json::{Error, Value};

/// Reads a value.
///
/// # Errors
/// If it means something else.
pub fn read<T: DeserializeOwned>(value: Value) -> Result<T, Error> {
    T::deserialize(Told(value))
}

/// A value that a host has told.
struct Told(Value);

impl<'de> IntoDeserializer<'de, Error> for Told {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

type Fields = MapDeserializer<'static, std::vec::IntoIter<(String, Told)>, Error>;

/// The fields of an object.
fn fields(object: serde_json::Map<String, Value>) -> Fields {
    let fields = object.into_iter().map(|(name, value)| (name, Told(value)));
    MapDeserializer::new(fields.collect::<Vec<_>>().into_iter())
}

fn unexpected(value: &Value) -> Unexpected<'_> {
    match value {
        Value::Null => Unexpected::Unit,
        Value::Bool(it) => Unexpected::Bool(*it),
        Value::Number(_) => Unexpected::Other("a number"),
        Value::String(it) => Unexpected::Str(it),
        Value::Array(_) => Unexpected::Seq,
        Value::Object(_) => Unexpected::Map,
    }
}

impl<'de> Deserializer<'de> for Told {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0 {
            Value::Null => visitor.visit_unit(),
            Value::Bool(it) => visitor.visit_bool(it),
            Value::Number(it) => it.deserialize_any(visitor),
            Value::String(it) => visitor.visit_string(it),
            Value::Array(all) => {
                let all: Vec<_> = all.into_iter().map(Told).collect();
                visitor.visit_seq(SeqDeserializer::new(all.into_iter()))
            }
            Value::Object(object) => visitor.visit_map(fields(object)),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match self.0 {
            Value::Object(object) => visitor.visit_map(fields(object)),
            other => Err(Error::invalid_type(unexpected(&other), &visitor)),
        }
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_struct("", &[], visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0 {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match self.0 {
            Value::String(word) => visitor.visit_enum(word.into_deserializer()),
            Value::Object(object) => visitor.visit_enum(MapAccessDeserializer::new(fields(object))),
            other => Err(Error::invalid_type(unexpected(&other), &visitor)),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf
        unit unit_struct seq tuple tuple_struct identifier
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, fmt::Debug};

    use muster_api::{id::HostId, units::ByteSize};
    use serde::{Deserialize, Serialize};
    use serde_json::json;
    use time::OffsetDateTime;

    use super::*;

    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    #[serde(rename_all = "kebab-case")]
    enum Sort {
        Plain,
        Deep { inner: Vec<u8> },
        Wrapped(i64),
    }

    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    #[serde(tag = "kind", rename_all = "kebab-case")]
    enum Tagged {
        One { size: ByteSize },
    }

    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    struct Record {
        id: HostId,
        share: f64,
        #[serde(with = "time::serde::rfc3339")]
        at: OffsetDateTime,
        #[serde(default)]
        maybe: Option<String>,
        sorts: Vec<Sort>,
        tagged: Tagged,
        named: BTreeMap<String, (bool, u16)>,
        #[serde(flatten)]
        rest: BTreeMap<String, Value>,
    }

    fn alike<T: DeserializeOwned + PartialEq + Debug>(value: &Value) {
        let (ours, theirs) = (
            read::<T>(value.clone()),
            serde_json::from_value::<T>(value.clone()),
        );
        match (ours, theirs) {
            (Ok(ours), Ok(theirs)) => assert_eq!(ours, theirs),
            (Err(_), Err(_)) => {}
            (ours, theirs) => panic!("{value}: {ours:?}, {theirs:?}"),
        }
    }

    #[test]
    fn a_value_means_what_it_means_to_serde_json() {
        let whole = json!({
            "id": "00000000-0000-0000-0000-000000000000", "share": 3, "at": "1970-01-01T00:00:00Z", "maybe": "x",
            "sorts": ["plain", { "deep": { "inner": [1, 2] } }, { "wrapped": -4 }],
            "tagged": { "kind": "one", "size": "2MiB" }, "named": { "a": [true, 7] }, "more": { "b": null },
        });
        assert!(read::<Record>(whole.clone()).is_ok());
        alike::<Record>(&whole);
        for field in ["id", "share", "at", "maybe", "sorts", "tagged", "named"] {
            for other in [json!(null), json!(1.5), json!("odd"), json!({}), json!([])] {
                let mut value = whole.clone();
                value[field] = other;
                alike::<Record>(&value);
            }
            let mut less = whole.clone();
            less.as_object_mut().unwrap().remove(field);
            alike::<Record>(&less);
        }
        alike::<Vec<Option<bool>>>(&json!([null, true]));
        alike::<Value>(&whole);
        alike::<u8>(&json!(300));
    }

    #[test]
    fn a_list_is_no_record() {
        #[derive(Debug, Deserialize)]
        struct Pair {
            _one: u8,
        }
        let error = read::<Pair>(json!([1])).unwrap_err().to_string();
        assert!(
            error.contains("sequence") && error.contains("Pair"),
            "{error}"
        );
    }
}
