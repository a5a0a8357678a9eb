//! Names of places that exist on one machine only.
//!
//! The tree has to build anywhere and behind any mirror, so it names no folder of whoever wrote it
//! and no host that packages come from.

use crate::Finding;
use crate::tree::Source;

#[cfg(test)]
mod tests;

/// Folders in which people keep their work. Broken in two, so that this file passes too.
const FOLDERS: &[&str] = &[concat!("/ro", "ot/"), concat!("/wo", "rk/"), concat!("/ho", "me/")];
/// Hosts that packages come from.
const HOSTS: &[&str] = &[
    concat!("pypi", ".org"),
    concat!("pythonhosted", ".org"),
    concat!("npmjs", ".org"),
    concat!("npmjs", ".com"),
    concat!("rubygems", ".org"),
    concat!("index.crates", ".io"),
    concat!("static.crates", ".io"),
    concat!("deb.debian", ".org"),
];

/// Lines that name such a place.
pub fn check(source: &Source) -> Vec<Finding> {
    let mut found = Vec::new();
    for (index, line) in source.lines.iter().enumerate() {
        for folder in FOLDERS.iter().filter(|folder| is_absolute(line, folder)) {
            found.push(Finding::at(source, index, format!("a folder of one machine: {folder}")));
        }
        for host in HOSTS.iter().filter(|host| line.contains(**host)) {
            found.push(Finding::at(source, index, format!("a host of packages: {host}")));
        }
    }
    found
}

/// Whether a path begins with `folder`, rather than having such a folder somewhere inside.
fn is_absolute(line: &str, folder: &str) -> bool {
    let before = |at: usize| line[..at].chars().next_back();
    let inside = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | '*' | '}' | '/');
    line.match_indices(folder).any(|(at, _)| !before(at).is_some_and(inside))
}
