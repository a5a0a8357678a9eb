//! Quantities as people say them. All times come in microseconds.

const SECOND: u64 = 1_000_000;
const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// A long time in its two largest units: "3d 04h", "12s".
pub(super) fn span(us: u64) -> String {
    let seconds = us / SECOND;
    match seconds {
        0..MINUTE => format!("{seconds}s"),
        MINUTE..HOUR => format!("{}m {:02}s", seconds / MINUTE, seconds % MINUTE),
        HOUR..DAY => format!("{}h {:02}m", seconds / HOUR, seconds % HOUR / MINUTE),
        _ => format!("{}d {:02}h", seconds / DAY, seconds % DAY / HOUR),
    }
}

/// The same, in at most six columns: "4m6s", "3h12m".
pub(super) fn age(us: u64) -> String {
    let seconds = us / SECOND;
    let two = |large: u64, large_unit: &str, small: u64, small_unit: &str| match small {
        0 => format!("{large}{large_unit}"),
        _ => format!("{large}{large_unit}{small}{small_unit}"),
    };
    match seconds {
        0..MINUTE => format!("{seconds}s"),
        MINUTE..HOUR => two(seconds / MINUTE, "m", seconds % MINUTE, "s"),
        HOUR..DAY => two(seconds / HOUR, "h", seconds % HOUR / MINUTE, "m"),
        _ => two(seconds / DAY, "d", seconds % DAY / HOUR, "h"),
    }
}

/// The same, in its largest unit only: "2h".
pub(super) fn rough(us: u64) -> String {
    let seconds = us / SECOND;
    match seconds {
        0..MINUTE => format!("{seconds}s"),
        MINUTE..HOUR => format!("{}m", seconds / MINUTE),
        HOUR..DAY => format!("{}h", seconds / HOUR),
        _ => format!("{}d", seconds / DAY),
    }
}

/// A time that may be a fraction of a second: "0.4s", "25s".
pub(super) fn seconds(us: u64) -> String {
    if us < 10 * SECOND && !us.is_multiple_of(SECOND) {
        return format!("{:.1}s", us as f64 / SECOND as f64);
    }
    age(us)
}

/// What a step of a request took: "0.2 ms", "410 ms", "1.2 s".
pub(super) fn latency(us: u64) -> String {
    match us {
        0..100 => format!("{us} us"),
        100..9_950 => format!("{:.1} ms", us as f64 / 1e3),
        9_950..999_500 => format!("{:.0} ms", us as f64 / 1e3),
        999_500..9_950_000 => format!("{:.1} s", us as f64 / 1e6),
        _ => format!("{:.0} s", us as f64 / 1e6),
    }
}

/// What the figures cover: "5 min", "42 s".
pub(super) fn window(us: u64) -> String {
    let seconds = us / SECOND;
    // The oldest window leaves at once, so "five minutes" are four and a half to five.
    if seconds < 2 * MINUTE {
        return format!("{seconds} s");
    }
    format!("{} min", (seconds + MINUTE / 2) / MINUTE)
}

/// Per second: "120", "0.4".
pub(super) fn rate(per_second: f64) -> String {
    if per_second > 0.0 && per_second < 9.95 {
        return format!("{per_second:.1}");
    }
    format!("{per_second:.0}")
}

/// A share of 0 to 1, exact enough that few errors are not none: "0.02%", "11%".
pub(super) fn percent(share: f64) -> String {
    let percent = share * 100.0;
    if percent == 0.0 {
        "0%".to_owned()
    } else if percent < 0.01 {
        "<0.01%".to_owned()
    } else if percent < 0.995 {
        format!("{percent:.2}%")
    } else if percent < 9.95 {
        format!("{percent:.1}%")
    } else {
        whole_percent(share)
    }
}

/// A share for a narrow column: "61%".
pub(super) fn whole_percent(share: f64) -> String {
    format!("{:.0}%", share * 100.0)
}

/// Memory: "212M", "1.1G", "0".
pub(super) fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["K", "M", "G", "T"];
    if bytes < 1024 {
        return bytes.to_string();
    }
    let mut value = bytes as f64 / 1024.0;
    let mut unit = 0;
    while value >= 999.5 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    if value < 9.95 {
        format!("{value:.1}{}", UNITS[unit])
    } else {
        format!("{value:.0}{}", UNITS[unit])
    }
}
