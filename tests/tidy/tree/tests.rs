//! What counts as part of a test.

use super::{Source, mark_test_modules};

#[test]
fn a_file_that_only_tests_bring_in_is_part_of_them() {
    let parent = Source::sample("a/src/b.rs", "mod d;\n#[cfg(test)]\nmod c;\n");
    let shared = Source::sample("a/src/b/c.rs", "x();\n");
    let other = Source::sample("a/src/b/d.rs", "x();\n");
    let mut sources = [parent, shared, other];
    mark_test_modules(&mut sources);
    assert_eq!(sources.map(|source| source.in_test[0]), [false, true, false]);
}

#[test]
fn a_module_of_tests_inside_of_a_file_ends_at_its_brace() {
    let source = Source::sample("a.rs", "x();\n#[cfg(test)]\nmod tests {\n}\ny();\n");
    assert_eq!(source.in_test, [false, true, true, true, false]);
}
