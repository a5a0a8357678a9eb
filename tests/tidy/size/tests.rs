//! Each rule about size can fail, and spares what it should.

use super::{FILE_LINES_MAX, FUNCTION_LINES_MAX, LINE_COLUMNS_MAX, files, functions, lines};
use crate::tree::Source;

fn repeated(line: &str, count: usize) -> String {
    format!("{line}\n").repeat(count)
}

#[test]
fn a_long_file_is_found_and_its_tests_are_not_counted() {
    let long = Source::sample("a.rs", &repeated("x();", FILE_LINES_MAX + 1));
    assert_eq!(files(&long).len(), 1);
    let tests = repeated("x();", FILE_LINES_MAX);
    let tested = Source::sample("a.rs", &format!("x();\n#[cfg(test)]\nmod tests {{\n{tests}}}\n"));
    assert_eq!(files(&tested), []);
    let of_tests = Source::sample("a/tests.rs", &repeated("x();", FILE_LINES_MAX + 1));
    assert_eq!(files(&of_tests), []);
}

#[test]
fn a_long_rust_function_is_found_at_its_name() {
    let fits = repeated("    \"{\";", FUNCTION_LINES_MAX - 2);
    let text = format!("//! x\nfn a() {{\n{fits}}}\nfn b(\n) {{\n{fits}}}\nfn c();\n");
    let found = functions(&Source::sample("a.rs", &text));
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].line, FUNCTION_LINES_MAX + 2);
}

#[test]
fn a_long_python_function_is_found_and_what_follows_is_not_part_of_it() {
    let fits = repeated("    x()", FUNCTION_LINES_MAX - 1);
    let text = format!("def a():\n{fits}\n\n\ny = 1\ndef b(\n    c,\n):\n{fits}");
    let found = functions(&Source::sample("a.py", &text));
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].line, FUNCTION_LINES_MAX + 5);
}

#[test]
fn a_line_inside_of_a_string_does_not_end_a_python_function() {
    let body = repeated("    x()", FUNCTION_LINES_MAX);
    let text = format!("def a():\n    \"\"\"b\nc\n\"\"\"\n{body}");
    assert_eq!(functions(&Source::sample("a.py", &text)).len(), 1);
}

#[test]
fn a_wide_line_is_found_but_an_address_is_not() {
    let wide = "ä".repeat(LINE_COLUMNS_MAX);
    assert_eq!(lines(&Source::sample("a.proto", &wide)), []);
    assert_eq!(lines(&Source::sample("a.proto", &format!("{wide}b"))).len(), 1);
    assert_eq!(lines(&Source::sample("a.rs", &format!("// https://{wide}"))), []);
    assert_eq!(lines(&Source::sample("a.md", &format!("{wide}b"))), []);
}
