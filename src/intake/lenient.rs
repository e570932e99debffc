//! JSON values that may be of any type: whatever is not expected is read to its end and forgotten, never an error.
//!
//! serde can't go on after an error inside a list's element, and one bad alert must not cost the others their delivery.

use serde::Deserializer;
use serde::de::{DeserializeSeed, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::fmt;

/// Reads one value of any type. What is not overridden is [`Reader::other`].
pub(super) trait Reader<'de>: Sized {
    /// What comes of it.
    type Out;

    /// A value of a type that is not expected here.
    fn other(self) -> Self::Out;

    /// Null.
    fn missing(self) -> Self::Out {
        self.other()
    }

    /// A string.
    fn text(self, _text: &str) -> Self::Out {
        self.other()
    }

    /// A whole number that isn't negative.
    fn number(self, _number: u64) -> Self::Out {
        self.other()
    }

    /// A list. An error is one of the JSON, not of its meaning.
    fn list<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Out, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(self.other())
    }

    /// An object. An error is one of the JSON, not of its meaning.
    fn object<A: MapAccess<'de>>(self, mut object: A) -> Result<Self::Out, A::Error> {
        while object.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(self.other())
    }
}

/// Makes a [`Reader`] known to serde.
pub(super) struct Any<R>(pub(super) R);

impl<'de, R: Reader<'de>> DeserializeSeed<'de> for Any<R> {
    type Value = R::Out;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<R::Out, D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de, R: Reader<'de>> Visitor<'de> for Any<R> {
    type Value = R::Out;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("anything")
    }

    fn visit_unit<E: Error>(self) -> Result<R::Out, E> {
        Ok(self.0.missing())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<R::Out, E> {
        Ok(self.0.text(text))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<R::Out, E> {
        Ok(self.0.number(number))
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<R::Out, E> {
        Ok(self.0.other())
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<R::Out, E> {
        Ok(self.0.other())
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<R::Out, E> {
        Ok(self.0.other())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<R::Out, A::Error> {
        self.0.list(list)
    }

    fn visit_map<A: MapAccess<'de>>(self, object: A) -> Result<R::Out, A::Error> {
        self.0.object(object)
    }
}

/// A scalar as it came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Scalar {
    /// It is not there, or null.
    #[default]
    Missing,
    /// A string within its limit.
    Text(String),
    /// A whole number that isn't negative.
    Number(u64),
    /// A string beyond its limit.
    TooLong,
    /// Something else.
    Other,
}

/// Keeps a string of at most so many bytes, or a number.
pub(super) struct Bounded(pub(super) usize);

impl Reader<'_> for Bounded {
    type Out = Scalar;

    fn other(self) -> Scalar {
        Scalar::Other
    }

    fn missing(self) -> Scalar {
        Scalar::Missing
    }

    fn text(self, text: &str) -> Scalar {
        if text.len() <= self.0 {
            Scalar::Text(text.to_owned())
        } else {
            Scalar::TooLong
        }
    }

    fn number(self, number: u64) -> Scalar {
        Scalar::Number(number)
    }
}
