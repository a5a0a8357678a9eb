//! The files of `vectors/` as data, and messages as JSON by the schema alone.

use prost::Message as _;
use protox::prost_reflect::{
    DescriptorPool, DynamicMessage, FieldDescriptor, Kind as FieldKind, MessageDescriptor,
    ReflectMessage as _, Value,
};
use serde::Deserialize;
use serde_json::Value as Json;

use maitred_proto::frame::{Flags, Kind, Side};

/// An entry of `frames.json`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Golden {
    pub(crate) name: String,
    pub(crate) from: String,
    pub(crate) kind: String,
    flags: Vec<String>,
    pub(crate) stream: u64,
    pub(crate) payload: Json,
    pub(crate) hex: Vec<String>,
}

/// An entry of `errors.json`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Mistake {
    pub(crate) name: String,
    pub(crate) to: String,
    pub(crate) state: String,
    pub(crate) code: Option<String>,
    hex: Vec<String>,
}

impl Golden {
    pub(crate) fn kind(&self) -> u8 {
        if let Some(number) = self.kind.strip_prefix("0x") {
            return u8::from_str_radix(number, 16).expect("the number of a kind");
        }
        let known = Kind::ALL.iter().find(|kind| kind.name() == self.kind);
        let kind = *known.unwrap_or_else(|| panic!("no kind is called {}", self.kind));
        let side = if self.from == "core" { Side::Core } else { Side::Process };
        assert!(kind.is_sent_by(side), "{} does not come from the {}", self.kind, self.from);
        kind as u8
    }

    pub(crate) fn flags(&self) -> u8 {
        let bit = |flag: &String| match flag.as_str() {
            "END" => Flags::END.0,
            "READY" => Flags::READY.0,
            "OPTIONAL" => Flags::OPTIONAL.0,
            other => panic!("no flag is called {other}"),
        };
        self.flags.iter().map(bit).sum()
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        unhex(&self.hex.concat())
    }
}

impl Mistake {
    pub(crate) fn bytes(&self) -> Vec<u8> {
        unhex(&self.hex.concat())
    }
}

fn unhex(hex: &str) -> Vec<u8> {
    let digits = |at| u8::from_str_radix(&hex[at..at + 2], 16).expect("two hexadecimal digits");
    (0..hex.len()).step_by(2).map(digits).collect()
}

/// `link.proto`, read at run time.
pub(crate) struct Schema(DescriptorPool);

impl Schema {
    pub(crate) fn load() -> Self {
        let files = protox::compile(["maitred/link/link.proto"], [env!("CARGO_MANIFEST_DIR")])
            .expect("link.proto compiles");
        Self(DescriptorPool::from_file_descriptor_set(files).expect("link.proto is complete"))
    }

    /// The message of a kind: its name is that of the kind.
    fn message(&self, kind: &str) -> Option<MessageDescriptor> {
        let word = |word: &str| format!("{}{}", &word[..1], word[1..].to_lowercase());
        let name: String = kind.split('_').map(word).collect();
        self.0.get_message_by_name(&format!("maitred.link.{name}"))
    }

    pub(crate) fn read(&self, kind: &str, payload: &[u8]) -> Json {
        let Some(descriptor) = self.message(kind) else {
            return if kind == "BODY" || kind.starts_with("0x") {
                text(payload)
            } else {
                Json::Null
            };
        };
        let message = DynamicMessage::decode(descriptor, payload).expect("the message of its kind");
        message.fields().map(|(field, value)| (field.name().to_owned(), to_json(value))).collect()
    }

    pub(crate) fn write(&self, kind: &str, payload: &Json) -> Vec<u8> {
        let Some(descriptor) = self.message(kind) else {
            return payload.as_str().map(latin1).unwrap_or_default();
        };
        let mut message = DynamicMessage::new(descriptor);
        for (name, value) in payload.as_object().expect("fields") {
            let field = message.descriptor().get_field_by_name(name);
            let field = field.unwrap_or_else(|| panic!("{kind} has no field {name}"));
            message.set_field(&field, from_json(&field, value));
        }
        message.encode_to_vec()
    }
}

fn text(bytes: &[u8]) -> Json {
    bytes.iter().map(|&byte| char::from(byte)).collect::<String>().into()
}

fn latin1(text: &str) -> Vec<u8> {
    text.chars().map(|c| u8::try_from(c).expect("one byte per character")).collect()
}

fn to_json(value: &Value) -> Json {
    match value {
        Value::Bool(it) => (*it).into(),
        Value::U32(it) => (*it).into(),
        Value::U64(it) => (*it).into(),
        Value::String(it) => it.as_str().into(),
        Value::Bytes(it) => text(it),
        Value::List(items) => items.iter().map(to_json).collect(),
        other => panic!("no message of the link has a {other:?}"),
    }
}

fn from_json(field: &FieldDescriptor, json: &Json) -> Value {
    if let Json::Array(items) = json {
        return Value::List(items.iter().map(|item| one_from_json(field, item)).collect());
    }
    one_from_json(field, json)
}

fn one_from_json(field: &FieldDescriptor, json: &Json) -> Value {
    let value = match field.kind() {
        FieldKind::Bool => json.as_bool().map(Value::Bool),
        FieldKind::Uint64 => json.as_u64().map(Value::U64),
        FieldKind::Uint32 => json.as_u64().and_then(|it| u32::try_from(it).ok()).map(Value::U32),
        FieldKind::String => json.as_str().map(|it| Value::String(it.to_owned())),
        FieldKind::Bytes => json.as_str().map(|it| Value::Bytes(latin1(it).into())),
        other => panic!("no message of the link has a {other:?}"),
    };
    value.unwrap_or_else(|| panic!("{} cannot be {json}", field.name()))
}
