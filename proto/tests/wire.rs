//! The tables of `wire.md` are those of the code.

use maitred_proto::error::{Error, Rejection};
use maitred_proto::frame::{
    DEFERRED_MAX, HEAD_MAX, Kind, OOB_KIND_MAX, OOB_REASON_MAX, PAYLOAD_MAX, SLOTS_MAX, Side,
    WINDOW,
};

const WIRE: &str = include_str!("../wire.md");

/// The rows of all tables, as cells.
fn rows() -> impl Iterator<Item = Vec<&'static str>> {
    WIRE.lines()
        .filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"))
        .map(|row| row.split(" | ").map(str::trim).collect())
}

/// The kinds in use: number, name, direction, stream, payload, since.
fn kinds() -> Vec<Vec<&'static str>> {
    rows().filter(|row| row.len() == 6 && row[0].starts_with("0x")).collect()
}

#[test]
fn every_kind_is_in_its_table_with_its_direction() {
    let kinds = kinds();
    assert_eq!(kinds.len(), Kind::ALL.len());
    for (row, kind) in kinds.iter().zip(Kind::ALL) {
        assert_eq!(row[0], format!("{:#04x}", *kind as u8));
        assert_eq!(row[1], kind.name());
        let direction = match (kind.is_sent_by(Side::Core), kind.is_sent_by(Side::Process)) {
            (true, true) => "both",
            (true, false) => "core to process",
            _ => "process to core",
        };
        assert_eq!(row[2], direction, "{}", kind.name());
        assert_eq!(row[3] == "0", kind.is_of_link(), "{}", kind.name());
        assert_eq!(row[3] == "0 or open", kind.is_of_either(), "{}", kind.name());
        assert_eq!(row[4] == "empty", kind.is_empty(), "{}", kind.name());
    }
}

#[test]
fn every_code_is_in_the_text() {
    let (kind, stream) = ("READY", 2);
    let errors = [
        Error::FrameTooLong { length: 0 },
        Error::UnknownKind { kind: 0 },
        Error::WrongDirection { kind },
        Error::BadPayload { kind, why: "" },
        Error::BadStream { kind, stream },
        Error::BadOrder { kind, stream, when: "" },
        Error::WindowExceeded { kind, stream, by: 0 },
        Error::HelloExpected { kind: 0 },
        Error::HeadTooLarge { kind, length: 0 },
        Error::StillRunning { stream },
    ];
    let table: Vec<&str> = rows().filter(|row| row.len() == 2).map(|row| row[0]).collect();
    for error in errors {
        let code = format!("`{}`", error.code());
        assert!(table.contains(&code.as_str()), "{code} is not in the table");
    }
    let rejections = [
        Rejection::TokenUnknown,
        Rejection::UidMismatch { theirs: 0, ours: 0 },
        Rejection::Slots { slots: 0 },
    ];
    for rejection in rejections {
        assert!(WIRE.contains(&format!("`{}`", rejection.code())), "{}", rejection.code());
    }
}

#[test]
fn the_limits_are_those_of_the_text() {
    let of_texts = [DEFERRED_MAX, OOB_KIND_MAX, OOB_REASON_MAX];
    let of_frames = [PAYLOAD_MAX, HEAD_MAX, WINDOW as usize, SLOTS_MAX as usize];
    for limit in of_frames.into_iter().chain(of_texts) {
        assert!(WIRE.contains(&limit.to_string()), "{limit} is not in the text");
    }
}
