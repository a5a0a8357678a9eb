//! The JSON, held to the descriptor of the API.

use maitred_engine::event::OobOutcome;
use maitred_engine::limits::LeaseKind;
use maitred_engine::snapshot::LeaseCounts;
use prost::Message as _;
use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{DescriptorProto, FieldDescriptorProto, FileDescriptorSet};

use super::*;
use crate::status::samples::{Sample, oob_end};

/// The messages of the API by their full names.
fn message(set: &FileDescriptorSet, name: &str) -> DescriptorProto {
    let mut messages = set.file.iter().flat_map(|file| &file.message_type);
    let name = name.strip_prefix(".maitred.v1.").unwrap();
    messages.find(|message| message.name() == name).unwrap().clone()
}

/// Every field is there and has the right shape; nothing else is there.
fn compare(set: &FileDescriptorSet, message: &DescriptorProto, value: &Value, path: &str) {
    let object = value.as_object().unwrap_or_else(|| panic!("{path} is no object"));
    for field in &message.field {
        let path = format!("{path}.{}", field.name());
        let value = object.get(field.name()).unwrap_or_else(|| panic!("{path} is missing"));
        if is_map(message, field) {
            assert!(value.is_object(), "{path} is a map");
        } else if field.label() == Label::Repeated {
            let items = value.as_array().unwrap_or_else(|| panic!("{path} is a list"));
            assert!(!items.is_empty(), "the sample shows nothing of {path}");
            items.iter().for_each(|item| compare_one(set, field, item, &path));
        } else {
            compare_one(set, field, value, &path);
        }
    }
    for name in object.keys() {
        assert!(
            message.field.iter().any(|field| field.name() == name),
            "{path}.{name} is no field"
        );
    }
}

fn compare_one(set: &FileDescriptorSet, field: &FieldDescriptorProto, value: &Value, path: &str) {
    match field.r#type() {
        Type::Message => compare(set, &message(set, field.type_name()), value, path),
        Type::String | Type::Enum => assert!(value.is_string(), "{path} is text"),
        Type::Bool => assert!(value.is_boolean(), "{path} is true or false"),
        Type::Uint32 | Type::Uint64 => assert!(value.is_u64(), "{path} is a whole number"),
        Type::Double => assert!(value.is_f64(), "{path} is a number"),
        other => panic!("{path}: the JSON knows nothing of {other:?}"),
    }
}

fn is_map(message: &DescriptorProto, field: &FieldDescriptorProto) -> bool {
    message.nested_type.iter().any(|nested| {
        field.type_name().ends_with(&format!(".{}", nested.name()))
            && nested.options.as_ref().is_some_and(|options| options.map_entry())
    })
}

fn sample() -> v1::StatusReply {
    let mut sample = Sample::serving();
    let pool = sample.facts.pools.values_mut().next().unwrap();
    pool.exits[0].last_lines.push("bye".to_owned());
    sample.out_of_band();
    let counts =
        LeaseCounts { warned: 1, told: 2, raised: 3, retired: 4, terminated: 5, killed: 6 };
    sample.pool().totals.leases.insert(LeaseKind::FirstByte, counts);
    sample.reply()
}

#[test]
fn every_field_of_the_api_is_in_the_json() {
    let set = FileDescriptorSet::decode(v1::DESCRIPTOR).unwrap();
    let root = message(&set, ".maitred.v1.StatusReply");
    compare(&set, &root, &reply(&sample()), "reply");
    let root = message(&set, ".maitred.v1.OobHistoryReply");
    let ends = [oob_end(4121, OobOutcome::Done, None)];
    let listed = Sample::serving().out_of_band().oob_history(&ends);
    compare(&set, &root, &oob::history(&listed), "history");
}

#[test]
fn a_reply_of_an_older_core_has_all_fields_too() {
    let sparse = v1::StatusReply { pools: vec![v1::Pool::default()], ..Default::default() };
    let value = reply(&sparse);
    assert_eq!(value["connections"]["open"], 0);
    assert_eq!(value["pools"][0]["traffic"]["wait"]["p99_us"], 0);
    assert_eq!(value["pools"][0]["totals"]["refused_by_reason"], json!({}));
    assert_eq!(value["pools"][0]["readiness"], "unspecified");
}

#[test]
fn large_numbers_are_numbers() {
    let value = reply(&v1::StatusReply { now_us: u64::MAX, ..Default::default() });
    assert_eq!(value["now_us"], json!(u64::MAX));
    assert!(value.to_string().contains("18446744073709551615"));
}

#[test]
fn values_land_under_their_own_names() {
    let value = reply(&sample());
    let pool = &value["pools"][0];
    assert_eq!(pool["readiness"], "ready");
    assert_eq!(pool["processes"][0]["slots"], "RRD");
    assert_eq!(pool["totals"]["failed_by_reason"], json!({"app_error": 9, "process_died": 3}));
    assert_eq!(pool["exits"][0]["last_lines"], json!(["bye"]));
    let counts =
        r#"{"warned": 1, "told": 2, "raised": 3, "retired": 4, "terminated": 5, "killed": 6}"#;
    let counts: Value = serde_json::from_str(counts).unwrap();
    assert_eq!(pool["totals"]["leases"], json!({ "first_byte": counts }));
}
