//! Reading what a newer version has written. Requests and files of people are read
//! strictly, so that a slip of the pen is not passed over; what hosts tell each other
//! and keep may have fields that only the next version knows, which this one leaves
//! out of account.

use serde::{
    Deserializer,
    de::{
        DeserializeOwned, DeserializeSeed, EnumAccess, Error as _, IntoDeserializer, Unexpected,
        VariantAccess, Visitor,
        value::{MapDeserializer, SeqDeserializer},
    },
    forward_to_deserialize_any,
};
use serde_json::{Error, Value};

/// Reads a value and passes over the fields of structures that are not known.
///
/// # Errors
/// If it is no `T` otherwise.
pub fn from_value<T: DeserializeOwned>(value: Value) -> Result<T, Error> {
    T::deserialize(Lenient(value))
}

struct Lenient(Value);

impl<'de> IntoDeserializer<'de, Error> for Lenient {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'de> Deserializer<'de> for Lenient {
    type Error = Error;

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes
        byte_buf unit unit_struct seq tuple tuple_struct map identifier ignored_any
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0 {
            Value::Array(all) => {
                let mut all = SeqDeserializer::new(all.into_iter().map(Lenient));
                let value = visitor.visit_seq(&mut all)?;
                all.end()?;
                Ok(value)
            }
            Value::Object(fields) => {
                let fields = fields.into_iter();
                // Keys are words or ids, never numbers.
                let fields = fields.map(|(key, value)| (Lenient(key.into()), Lenient(value)));
                let mut fields = MapDeserializer::new(fields);
                let value = visitor.visit_map(&mut fields)?;
                fields.end()?;
                Ok(value)
            }
            plain => plain.deserialize_any(visitor),
        }
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

    fn deserialize_struct<V: Visitor<'de>>(
        mut self,
        _: &'static str,
        known: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        if let Value::Object(fields) = &mut self.0 {
            fields.retain(|key, _| known.contains(&key.as_str()));
        }
        self.deserialize_any(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let (variant, content) = match self.0 {
            Value::String(variant) => (variant, None),
            Value::Object(fields) if fields.len() == 1 => match fields.into_iter().next() {
                Some((variant, content)) => (variant, Some(content)),
                None => return Err(Error::custom("an object with one field has one")),
            },
            _ => {
                return Err(Error::custom(
                    "a variant is a string or an object with one field",
                ));
            }
        };
        visitor.visit_enum(Variant { variant, content })
    }
}

struct Variant {
    variant: String,
    content: Option<Value>,
}

impl<'de> EnumAccess<'de> for Variant {
    type Error = Error;
    type Variant = Content;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Content), Error> {
        let variant = seed.deserialize(self.variant.into_deserializer())?;
        Ok((variant, Content(self.content)))
    }
}

struct Content(Option<Value>);

impl Content {
    fn some(self, expected: &'static str) -> Result<Lenient, Error> {
        let missing = || Error::invalid_type(Unexpected::UnitVariant, &expected);
        self.0.map(Lenient).ok_or_else(missing)
    }
}

impl<'de> VariantAccess<'de> for Content {
    type Error = Error;

    fn unit_variant(self) -> Result<(), Error> {
        match self.0 {
            None | Some(Value::Null) => Ok(()),
            Some(_) => Err(Error::custom("the variant has no content")),
        }
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, Error> {
        seed.deserialize(self.some("a newtype variant")?)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Error> {
        self.some("a tuple variant")?.deserialize_any(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let content = self.some("a struct variant")?;
        content.deserialize_struct("", fields, visitor)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Serialize};
    use serde_json::json;

    use super::*;
    use crate::{blocks::FileEntry, bundles::BundleKind, settings::Settings};

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(deny_unknown_fields, rename_all = "kebab-case")]
    enum Kind {
        Plain,
        Number(u64),
        Pair(i8, String),
        Named { a: Option<bool> },
    }

    #[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
    struct Key(String);

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Deep {
        kinds: Vec<Kind>,
        map: BTreeMap<Key, Deep>,
        either: Option<Box<Deep>>,
        bundle: BundleKind,
        #[serde(default)]
        rest: f64,
    }

    fn deep(number: u64) -> Deep {
        Deep {
            kinds: vec![
                Kind::Plain,
                Kind::Number(number),
                Kind::Pair(-1, "b".to_owned()),
                Kind::Named { a: Some(true) },
            ],
            map: BTreeMap::new(),
            either: None,
            bundle: BundleKind::Plugin,
            rest: 0.5,
        }
    }

    /// Puts a field into every object that is no map and no variant.
    fn newer(mut value: Value) -> Value {
        match &mut value {
            Value::Array(all) => all.iter_mut().for_each(|one| *one = newer(one.take())),
            Value::Object(fields) => {
                fields.values_mut().for_each(|one| *one = newer(one.take()));
                let one = ["number", "pair", "named", "inner"];
                if !fields.is_empty() && !one.iter().any(|key| fields.contains_key(*key)) {
                    fields.insert("of_the_next_version".to_owned(), json!([1, { "x": null }]));
                }
            }
            _ => {}
        }
        value
    }

    #[test]
    fn what_is_known_is_read_and_the_rest_passed_over() {
        let whole = Deep {
            map: BTreeMap::from([(Key("inner".to_owned()), deep(2))]),
            either: Some(Box::new(deep(u64::MAX))),
            ..deep(1)
        };
        let plain = serde_json::to_value(&whole).unwrap();
        assert_eq!(from_value::<Deep>(plain.clone()).unwrap(), whole);
        let newer = newer(plain);
        assert!(serde_json::from_value::<Deep>(newer.clone()).is_err());
        assert_eq!(from_value::<Deep>(newer).unwrap(), whole);
    }

    #[test]
    fn what_hosts_keep_and_tell_may_be_newer() {
        let file = FileEntry {
            path: "a".to_owned(),
            size: 0,
            blocks: Vec::new(),
        };
        let told = newer(serde_json::to_value(&file).unwrap());
        assert_eq!(from_value::<FileEntry>(told).unwrap(), file);
        let settings = Settings::default();
        let mut told = serde_json::to_value(&settings).unwrap();
        told["limits"]["of_the_next_version"] = json!(1);
        told["of_the_next_version"] = json!({});
        assert_eq!(from_value::<Settings>(told).unwrap(), settings);
    }

    #[test]
    fn what_is_wrong_is_wrong() {
        for wrong in [
            json!({ "path": "a", "size": -1, "blocks": [] }),
            json!({ "path": "a", "blocks": [] }),
            json!({ "path": "a", "size": 0, "blocks": ["x"] }),
            json!([]),
            json!(null),
        ] {
            assert!(from_value::<FileEntry>(wrong.clone()).is_err(), "{wrong}");
        }
        for wrong in [
            json!("odd"),
            json!({ "number": "x" }),
            json!({}),
            json!("pair"),
        ] {
            assert!(from_value::<Kind>(wrong.clone()).is_err(), "{wrong}");
        }
    }
}
