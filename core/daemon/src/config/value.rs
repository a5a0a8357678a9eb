//! Texts to values and back: sizes, spans of time, switches, numbers, lists.

use std::fmt::Display;
use std::num::NonZeroU32;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use maitred_engine::event::Deadlines;

/// What a duration may look like, for error messages.
pub(super) const A_DURATION: &str = "a duration such as 25s, 500ms or 2m";
/// What a span of time that may be without end may look like, for error messages.
pub(super) const A_LIMIT: &str = "a duration such as 25s, or off";
/// What a size may look like, for error messages.
pub(super) const A_SIZE: &str = "a size such as 64 MiB, 1GB or a number of bytes";

/// "25s", "500ms", "1m 30s"; a bare number is seconds.
#[must_use]
pub(super) fn duration(text: &str) -> Option<Duration> {
    let text = text.trim();
    if let Ok(seconds) = text.parse::<u32>() {
        return Some(Duration::from_secs(seconds.into()));
    }
    // The parser also knows ISO 8601 and words; they do no harm.
    let span = jiff::SignedDuration::from_str(text).ok()?;
    Duration::try_from(span).ok()
}

/// A duration above zero, or "off".
#[must_use]
pub(super) fn limit(text: &str) -> Option<Option<Duration>> {
    match text.trim() {
        "off" => Some(None),
        text => duration(text).filter(|span| !span.is_zero()).map(Some),
    }
}

/// The same for the lease of one request, in milliseconds.
#[must_use]
pub fn deadline(text: &str) -> Option<NonZeroU32> {
    let ms = |span: Duration| u32::try_from(span.as_millis().max(1)).unwrap_or(u32::MAX);
    limit(text)?.map_or(Some(Deadlines::OFF), |span| NonZeroU32::new(ms(span)))
}

/// The shortest text that [`duration`] reads as `span`.
#[must_use]
pub fn show_duration(span: Duration) -> String {
    let micros = span.as_micros();
    let units: [(u128, &str); 5] =
        [(3_600_000_000, "h"), (60_000_000, "m"), (1_000_000, "s"), (1000, "ms"), (1, "us")];
    // One minute is 60s: so are the settings next to it.
    let fits = |unit: u128| micros.is_multiple_of(unit) && (unit != 60_000_000 || micros > unit);
    let whole = units.iter().find(|(unit, _)| micros != 0 && fits(*unit));
    whole.map_or_else(|| "0s".to_owned(), |(unit, name)| format!("{}{name}", micros / unit))
}

const UNITS: [(&str, u64); 13] = [
    ("kib", 1 << 10),
    ("mib", 1 << 20),
    ("gib", 1 << 30),
    ("tib", 1 << 40),
    ("kb", 1000),
    ("mb", 1_000_000),
    ("gb", 1_000_000_000),
    ("tb", 1_000_000_000_000),
    ("k", 1 << 10),
    ("m", 1 << 20),
    ("g", 1 << 30),
    ("t", 1 << 40),
    ("b", 1),
];

/// "64 MiB", "1GB", "8k" (1024), bytes.
#[must_use]
pub(super) fn size(text: &str) -> Option<u64> {
    let text = text.trim().to_ascii_lowercase();
    let unit = UNITS.iter().find(|(name, _)| text.ends_with(name)).unwrap_or(&("", 1));
    let number = text.strip_suffix(unit.0)?.trim_end();
    number.parse::<u64>().ok()?.checked_mul(unit.1)
}

/// The shortest text that [`size`] reads as `bytes`.
#[must_use]
pub fn show_size(bytes: u64) -> String {
    let units = [(1 << 40, "TiB"), (1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    let whole = units.iter().find(|(unit, _)| bytes != 0 && bytes.is_multiple_of(*unit));
    whole.map_or_else(|| bytes.to_string(), |(unit, name)| format!("{} {name}", bytes / unit))
}

/// "true", "yes", "on", "1" and their opposites.
#[must_use]
pub(super) fn switch(text: &str) -> Option<bool> {
    match text.trim().to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" | "1" => Some(true),
        "false" | "no" | "off" | "0" => Some(false),
        _ => None,
    }
}

/// A number in `range`; the error says what may be written.
///
/// # Errors
/// It is not a number or outside.
pub(super) fn number<T: FromStr + PartialOrd + Display>(
    text: &str,
    range: &RangeInclusive<T>,
) -> Result<T, String> {
    let number = text.trim().parse().ok().filter(|number| range.contains(number));
    number.ok_or_else(|| format!("a number from {} to {}", range.start(), range.end()))
}

/// Texts with commas or spaces between them.
#[must_use]
pub(super) fn list(text: &str) -> Vec<String> {
    let parts = text.split([',', ' ', '\t', '\n']).filter(|part| !part.is_empty());
    parts.map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_people_write_them() {
        let read = |text| duration(text).map(|span| span.as_micros());
        assert_eq!(read("25s"), Some(25_000_000));
        assert_eq!(read("500ms"), Some(500_000));
        assert_eq!(read("1m 30s"), Some(90_000_000));
        assert_eq!(read(" 2 m "), Some(120_000_000));
        assert_eq!(read("50us"), Some(50));
        assert_eq!(read("30"), Some(30_000_000));
        assert_eq!(read("0"), Some(0));
        for wrong in ["", "s", "-5s", "25 x", "forever"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_limit_is_a_duration_above_zero_or_off() {
        assert_eq!(limit("5s"), Some(Some(Duration::from_secs(5))));
        assert_eq!(limit(" off "), Some(None));
        for wrong in ["0", "none", "", "-1s"] {
            assert_eq!(limit(wrong), None, "{wrong}");
            assert_eq!(deadline(wrong), None, "{wrong}");
        }
        assert_eq!(deadline("5s").map(NonZeroU32::get), Some(5000));
        assert_eq!(deadline("10us").map(NonZeroU32::get), Some(1), "not nothing");
        assert_eq!(deadline("2000h"), Some(Deadlines::OFF), "as good as never");
        assert_eq!(deadline("off"), Some(Deadlines::OFF));
    }

    #[test]
    fn sizes_are_read_as_people_write_them() {
        assert_eq!(size("64 MiB"), Some(64 << 20));
        assert_eq!(size("1GiB"), Some(1 << 30));
        assert_eq!(size("10mb"), Some(10_000_000));
        assert_eq!(size("8k"), Some(8192));
        assert_eq!(size("12b"), Some(12));
        assert_eq!(size("4096"), Some(4096));
        for wrong in ["", "MiB", "-1", "1.5 GiB", "1 XiB", "99999999999 TiB"] {
            assert_eq!(size(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn what_is_shown_can_be_written() {
        assert_eq!(show_duration(Duration::from_secs(60)), "60s");
        for text in ["25s", "500ms", "2m", "50us", "1h", "90s", "0s"] {
            assert_eq!(duration(&show_duration(duration(text).unwrap())), duration(text));
        }
        for text in ["64 MiB", "1 GiB", "1000", "0", "48 KiB"] {
            assert_eq!(show_size(size(text).unwrap()), text);
        }
    }

    #[test]
    fn a_number_outside_its_range_says_the_range() {
        assert_eq!(number("7", &(1..=9)), Ok(7));
        assert_eq!(number("70", &(1..=9)), Err("a number from 1 to 9".to_owned()));
        assert_eq!(number("x", &(1..=9)), Err("a number from 1 to 9".to_owned()));
    }
}
