//! Every rule, applied to every file of the tree.

use maitred_tidy::tree::{self, Source};
use maitred_tidy::{Finding, docs, head, leftovers, places, size};

fn sources() -> Vec<Source> {
    tree::read().expect("the tree can be read")
}

/// Applies a rule to each file and fails with all that it finds.
fn hold(rule: impl Fn(&Source) -> Vec<Finding>) {
    none(&sources().iter().flat_map(rule).collect::<Vec<_>>());
}

fn none(found: &[Finding]) {
    let lines: Vec<String> = found.iter().map(ToString::to_string).collect();
    assert!(lines.is_empty(), "{} found:\n{}", lines.len(), lines.join("\n"));
}

#[test]
fn the_tree_is_really_read() {
    let sources = sources();
    for path in ["Cargo.toml", "proto/wire.md", "tests/tidy/tidy.rs", ".ci/run"] {
        assert!(sources.iter().any(|source| source.path == path), "{path} was not read");
    }
}

#[test]
fn files_are_short() {
    hold(size::files);
}

#[test]
fn functions_are_short() {
    hold(size::functions);
}

#[test]
fn lines_are_narrow() {
    hold(size::lines);
}

#[test]
fn first_lines_say_what_the_file_is() {
    hold(head::check);
}

#[test]
fn nothing_is_left_over() {
    hold(leftovers::check);
}

#[test]
fn unwrap_stays_in_tests() {
    hold(leftovers::unwraps);
}

#[test]
fn unsafe_says_why_it_is_sound() {
    hold(leftovers::unsafes);
}

#[test]
fn no_place_of_one_machine_is_named() {
    hold(places::check);
}

#[test]
fn links_lead_somewhere() {
    let root = tree::root();
    let exists = docs::exists_below(&root);
    hold(|source| docs::links(source, &exists));
}

#[test]
fn decisions_are_listed() {
    none(&docs::decisions(&sources()));
}

#[test]
fn architecture_names_what_exists() {
    let root = tree::root();
    let sources = sources();
    let page = sources.iter().find(|source| source.path == "ARCHITECTURE.md");
    let page = page.expect("ARCHITECTURE.md is part of the tree");
    none(&docs::architecture(page, &docs::exists_below(&root), &docs::function_in(&sources)));
}
