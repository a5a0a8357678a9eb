//! A digest of plain data: one multiplication per field.
//!
//! Every output of the engine passes through here while the driver's lock is held, so it has to be
//! cheap. It need not withstand anybody: it tells whether a replay did the same. Each step maps
//! different values to different digests, so that one field that differs is never missed; and it
//! hangs only on what is written down of the data, not on the machine or the compiler.

use std::fmt;

use serde::ser::{
    Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant, Serializer,
};

/// Odd, so that multiplication by it loses nothing; its bits have no pattern: 2^64 divided by the
/// golden ratio (D. Knuth, "The Art of Computer Programming", volume 3, section 6.4).
const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;

/// Bits by which the digest turns in each step, so that the order of fields counts.
const TURN: u32 = 23;

/// The digest so far.
#[derive(Debug)]
pub(crate) struct Digest(pub(crate) u64);

impl Digest {
    /// Takes in `value`.
    pub(crate) fn take(&mut self, value: &impl Serialize) {
        value.serialize(self).expect("there is nothing that cannot be counted in");
    }

    fn fold(&mut self, value: u64) {
        // One more, so that zeros count as well.
        self.0 = (self.0.rotate_left(TURN) ^ value).wrapping_mul(FACTOR).wrapping_add(1);
    }
}

type Result = std::result::Result<(), fmt::Error>;

macro_rules! numbers {
    ($($name:ident: $type:ty),*) => {$(
        fn $name(self, value: $type) -> Result {
            self.fold(value as u64);
            Ok(())
        }
    )*};
}

impl<'a> Serializer for &'a mut Digest {
    type Ok = ();
    type Error = fmt::Error;
    type SerializeSeq = &'a mut Digest;
    type SerializeTuple = &'a mut Digest;
    type SerializeTupleStruct = &'a mut Digest;
    type SerializeTupleVariant = &'a mut Digest;
    type SerializeMap = &'a mut Digest;
    type SerializeStruct = &'a mut Digest;
    type SerializeStructVariant = &'a mut Digest;

    numbers! {
        serialize_bool: bool, serialize_char: char,
        serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64,
        serialize_u8: u8, serialize_u16: u16, serialize_u32: u32, serialize_u64: u64
    }

    fn serialize_i128(self, value: i128) -> Result {
        self.serialize_u128(value as u128)
    }

    fn serialize_u128(self, value: u128) -> Result {
        self.fold(value as u64);
        self.fold((value >> u64::BITS) as u64);
        Ok(())
    }

    fn is_human_readable(&self) -> bool {
        false
    }

    fn serialize_f32(self, value: f32) -> Result {
        self.serialize_u32(value.to_bits())
    }

    fn serialize_f64(self, value: f64) -> Result {
        self.serialize_u64(value.to_bits())
    }

    fn serialize_str(self, value: &str) -> Result {
        self.serialize_bytes(value.as_bytes())
    }

    fn serialize_bytes(self, value: &[u8]) -> Result {
        self.fold(value.len() as u64);
        for bytes in value.chunks(size_of::<u64>()) {
            let mut word = [0; size_of::<u64>()];
            word[..bytes.len()].copy_from_slice(bytes);
            self.fold(u64::from_le_bytes(word));
        }
        Ok(())
    }

    fn serialize_none(self) -> Result {
        self.serialize_bool(false)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result {
        self.fold(1);
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result {
        Ok(())
    }

    fn serialize_unit_struct(self, _name: &'static str) -> Result {
        Ok(())
    }

    fn serialize_unit_variant(self, _: &'static str, index: u32, _: &'static str) -> Result {
        self.serialize_u32(index)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        value: &T,
    ) -> Result {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        index: u32,
        _variant: &'static str,
        value: &T,
    ) -> Result {
        self.fold(index.into());
        value.serialize(self)
    }

    fn serialize_seq(self, len: Option<usize>) -> std::result::Result<Self, fmt::Error> {
        self.fold(len.ok_or(fmt::Error)? as u64);
        Ok(self)
    }

    fn serialize_tuple(self, _len: usize) -> std::result::Result<Self, fmt::Error> {
        Ok(self)
    }

    fn serialize_tuple_struct(
        self,
        _name: &'static str,
        len: usize,
    ) -> std::result::Result<Self, fmt::Error> {
        self.serialize_tuple(len)
    }

    fn serialize_tuple_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        len: usize,
    ) -> std::result::Result<Self, fmt::Error> {
        self.serialize_struct_variant(name, index, variant, len)
    }

    fn serialize_map(self, len: Option<usize>) -> std::result::Result<Self, fmt::Error> {
        self.serialize_seq(len)
    }

    fn serialize_struct(
        self,
        _name: &'static str,
        len: usize,
    ) -> std::result::Result<Self, fmt::Error> {
        self.serialize_tuple(len)
    }

    fn serialize_struct_variant(
        self,
        _name: &'static str,
        index: u32,
        _variant: &'static str,
        _len: usize,
    ) -> std::result::Result<Self, fmt::Error> {
        self.fold(index.into());
        Ok(self)
    }
}

/// Parts of a whole, one after the other.
macro_rules! parts {
    ($($part:ident: $method:ident($($name:ident)?)),* $(,)?) => {$(
        impl $part for &mut Digest {
            type Ok = ();
            type Error = fmt::Error;

            fn $method<T: Serialize + ?Sized>(
                &mut self,
                $($name: &'static str,)?
                value: &T,
            ) -> Result {
                $(let _named_by_its_place = $name;)?
                value.serialize(&mut **self)
            }

            fn end(self) -> Result {
                Ok(())
            }
        }
    )*};
}

parts! {
    SerializeSeq: serialize_element(),
    SerializeTuple: serialize_element(),
    SerializeTupleStruct: serialize_field(),
    SerializeTupleVariant: serialize_field(),
    SerializeStruct: serialize_field(name),
    SerializeStructVariant: serialize_field(name),
}

impl SerializeMap for &mut Digest {
    type Ok = ();
    type Error = fmt::Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result {
        key.serialize(&mut **self)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result {
        value.serialize(&mut **self)
    }

    fn end(self) -> Result {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use maitred_engine::event::{Failure, Notice, Output};
    use maitred_engine::id::{PoolId, ProcessId, RequestId, SlotId};

    use super::*;

    fn of(value: &impl Serialize) -> u64 {
        let mut digest = Digest(0);
        digest.take(value);
        digest.0
    }

    fn dispatch(request: u64, index: u32, waited: u64) -> Output {
        let slot = SlotId { process: ProcessId(3), index };
        let (request, waited) = (RequestId(request), Duration::from_nanos(waited));
        Output::Dispatch { request, slot, waited }
    }

    #[test]
    fn one_field_that_differs_shows() {
        let all = [
            dispatch(1, 2, 3),
            dispatch(2, 2, 3),
            dispatch(2, 1, 3),
            dispatch(1, 2, 4),
            Output::Fail { request: RequestId(1), why: Failure::Poison },
            Output::Fail { request: RequestId(1), why: Failure::Lost },
            Output::Notice(Notice::BootGivenUp { pool: PoolId(1) }),
            Output::Closed,
        ];
        let digests: std::collections::BTreeSet<u64> = all.iter().map(of).collect();
        assert_eq!(digests.len(), all.len());
    }

    #[test]
    fn what_came_before_shows() {
        assert_ne!(of(&(1, 2)), of(&(2, 1)));
        assert_ne!(of(&[0, 0]), of(&[0]));
        assert_ne!(of(&("ab", "c")), of(&("a", "bc")));
        assert_ne!(of(&Some(0)), of(&None::<u32>));
    }

    /// Recordings travel between machines. The value is that of a few lines in another language:
    /// index of the variant, request, process, index of the slot, seconds, nanoseconds.
    #[test]
    fn it_is_the_same_everywhere() {
        assert_eq!(of(&dispatch(1, 2, 3)), 2_527_838_533_423_532_324);
    }
}
