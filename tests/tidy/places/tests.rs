//! A place of one machine is found, a path of the tree is not.

use super::{FOLDERS, HOSTS, check};
use crate::tree::Source;

#[test]
fn a_folder_of_one_machine_is_found() {
    for folder in FOLDERS {
        assert_eq!(check(&Source::sample("a.md", &format!("see {folder}x"))).len(), 1);
        assert_eq!(check(&Source::sample("a.toml", &format!("a = \"{folder}x\""))).len(), 1);
    }
}

#[test]
fn a_folder_of_the_tree_is_fine() {
    for folder in FOLDERS {
        assert_eq!(check(&Source::sample("a.md", &format!("see bench{folder}x"))), []);
    }
}

#[test]
fn a_host_of_packages_is_found() {
    for host in HOSTS {
        assert_eq!(check(&Source::sample("a.py", &format!("# from {host}"))).len(), 1);
    }
}
