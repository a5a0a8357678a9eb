//! Leftovers are found where they matter and nowhere else.

use super::{check, unsafes, unwraps};
use crate::tree::Source;

#[test]
fn leftovers_in_code_are_found() {
    for line in ["todo!()", "dbg!(x)", "unimplemented!()", "#[ignore]", "#[allow(dead_code)]"] {
        assert_eq!(check(&Source::sample("a.rs", line)).len(), 1, "{line}");
    }
    assert_eq!(check(&Source::sample("a.py", "breakpoint()")).len(), 1);
}

#[test]
fn leftovers_in_comments_and_prose_are_found() {
    assert_eq!(check(&Source::sample("a.rs", "x(); // FIXME later")).len(), 1);
    assert_eq!(check(&Source::sample("a.py", "# XXX")).len(), 1);
    assert_eq!(check(&Source::sample("a.md", "TODO: write this")).len(), 1);
}

#[test]
fn a_word_in_a_string_or_inside_of_another_is_fine() {
    assert_eq!(check(&Source::sample("a.rs", "let a = \"todo! FIXME\"; // HACKNEY")), []);
}

#[test]
fn unwrap_is_for_tests() {
    let text = "a.unwrap();\n#[cfg(test)]\nmod tests {\n  a.unwrap();\n}\n";
    let found = unwraps(&Source::sample("a.rs", text));
    assert_eq!(found.iter().map(|finding| finding.line).collect::<Vec<_>>(), [1]);
    assert_eq!(unwraps(&Source::sample("tests/a.rs", text)), []);
}

#[test]
fn unsafe_needs_its_reason() {
    assert_eq!(unsafes(&Source::sample("a.rs", "unsafe { b() };")).len(), 1);
    assert_eq!(unsafes(&Source::sample("a.rs", "// SAFETY: c\nunsafe { b() };")), []);
    assert_eq!(unsafes(&Source::sample("a.rs", "#![deny(unsafe_code)] // unsafe")), []);
}
