//! What counts as code, as a string and as a comment.

use super::{closing_brace, scrub};
use crate::tree::Language;

fn code(language: Language, text: &str) -> String {
    scrub(text, language).code.join("\n")
}

#[test]
fn strings_and_comments_leave_the_code() {
    let text = "let a = \"fn {\"; // }\nlet b = r#\"x \" }\"#; /* { /* } */ */ let c = '{';";
    let code = code(Language::Rust, text);
    assert!(!code.contains(['{', '}']), "{code}");
    assert!(code.contains("let c"), "{code}");
}

#[test]
fn a_lifetime_does_not_open_a_character() {
    let code = code(Language::Rust, "fn a<'b>(c: &'b str) { d('e', '\\'') }");
    assert!(code.contains("(c: &'b str) { d("), "{code}");
}

#[test]
fn a_string_over_several_lines_stays_a_string() {
    let rust = scrub("let a = \"b\n} c\";\nd", Language::Rust);
    assert_eq!(rust.continues, [false, true, false]);
    assert!(!rust.code[1].contains('}'));
    let python = scrub("a = \"\"\"b\ndef c():\n\"\"\"\nd = 'it'\n", Language::Python);
    assert_eq!(python.continues, [false, true, true, false]);
    assert!(!python.code[1].contains("def"));
}

#[test]
fn comments_are_kept_apart() {
    let python = scrub("a = '#b'  # c", Language::Python);
    assert_eq!(python.comments[0].trim(), "# c");
    assert_eq!(python.code[0].trim_end(), "a = '  '");
    let raw = scrub("a = r'\\'  # c", Language::Python);
    assert_eq!(raw.comments[0].trim(), "# c");
}

#[test]
fn braces_are_matched_over_lines_and_a_declaration_has_none() {
    let body = scrub("fn a(b: [u8; 2]) {\n  if c { d }\n}\n}", Language::Rust);
    assert_eq!(closing_brace(&body.code, 0), Some(2));
    let declared = scrub("fn a();\nfn b() {\n}", Language::Rust);
    assert_eq!(closing_brace(&declared.code, 0), None);
}
