//! A file without a first line that says something is found in each language.

use super::check;
use crate::tree::Source;

#[test]
fn a_file_that_begins_with_code_is_found() {
    for (path, text) in [
        ("a.rs", "use b;\n//! The queue.\n"),
        ("a.py", "import b\n\"\"\"The queue.\"\"\"\n"),
        ("a/__init__.py", ""),
        ("a.proto", "syntax = \"proto3\";\n"),
        ("a.mjs", "import b from 'b';\n"),
        ("a.rb", "require 'b'\n"),
        ("a.sh", "#!/bin/sh\nset -e\n"),
        ("a.md", "Some text.\n"),
    ] {
        assert_eq!(check(&Source::sample(path, text)).len(), 1, "{path}");
    }
}

#[test]
fn a_first_line_that_says_nothing_is_found() {
    assert_eq!(check(&Source::sample("a.rs", "//! Queue\n")).len(), 1);
}

#[test]
fn a_first_line_that_says_what_the_file_is_passes() {
    for (path, text) in [
        ("a.rs", "//! The queue.\n"),
        ("a.py", "#!/usr/bin/env python3\n\"\"\"Counts the queue.\"\"\"\n"),
        ("a.proto", "// What travels.\n"),
        ("a.sh", "#!/bin/sh\n# Runs the tests.\n"),
        ("a.md", "# Queue\n"),
    ] {
        assert_eq!(check(&Source::sample(path, text)), [], "{path}");
    }
}
