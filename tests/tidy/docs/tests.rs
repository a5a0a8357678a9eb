//! A name of something that does not exist is found.

use super::{architecture, decisions, function_in, links};
use crate::tree::Source;

#[test]
fn a_broken_link_is_found_from_where_the_page_is() {
    let text = "# A\n[b](../c.md) [d](e.md#f) [g](https://h) [i](#j) `[k](l)`\n```\n[m](n)\n```\n";
    let page = Source::sample("docs/a.md", text);
    assert_eq!(links(&page, &|path| path == "c.md" || path == "docs/e.md"), []);
    let broken = links(&page, &|path| path == "docs/e.md");
    assert_eq!(broken.len(), 1);
    assert_eq!(broken[0].what, "../c.md does not exist");
}

#[test]
fn a_decision_that_the_index_does_not_list_is_found() {
    let index = Source::sample("docs/decisions/README.md", "# Decisions\n[one](0001-a.md)\n");
    let listed = Source::sample("docs/decisions/0001-a.md", "# A\n");
    let missing = Source::sample("docs/decisions/0002-b.md", "# B\n");
    let found = decisions(&[index, listed, missing]);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].path, "docs/decisions/0002-b.md");
}

#[test]
fn a_file_or_test_that_architecture_makes_up_is_found() {
    let text = "# A\n`core/b.rs` and `a_full_queue_refuses`, not `one_word` or `GET /x`\n";
    let page = Source::sample("ARCHITECTURE.md", text);
    let code = Source::sample("core/b.rs", "fn a_full_queue_refuses() {}\n");
    let code = [code];
    assert_eq!(architecture(&page, &|path| path == "core/b.rs", &function_in(&code)), []);
    let found = architecture(&page, &|_| false, &|_| false);
    let whats: Vec<_> = found.iter().map(|finding| finding.what.as_str()).collect();
    assert_eq!(whats, ["no such file: core/b.rs", "no such test: a_full_queue_refuses"]);
}
