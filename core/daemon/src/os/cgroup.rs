//! What this machine, or the part of it that we were given, has: CPUs and memory.
//!
//! In a container the figures of the machine are wrong by far: a default that is made from them
//! gets the app throttled or killed. Both versions of control groups are read.

use std::fs;
use std::path::{Path, PathBuf};

/// Where control groups are mounted.
const MOUNT: &str = "/sys/fs/cgroup";

/// CPUs that may be used: affinity and quota of the control group are heeded.
#[must_use]
pub fn cpus() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Bytes of memory that may be used: the machine's, or the smallest limit of a group above us.
#[must_use]
pub fn memory() -> Option<u64> {
    let machine = machine_memory(&fs::read_to_string("/proc/meminfo").ok()?);
    let limit = Groups::here().memory_limit();
    machine.into_iter().chain(limit).min()
}

/// How often the kernel killed a process of our group because memory ran out. Only a rise says
/// something: then a process that was killed by signal 9 was killed for that.
#[must_use]
pub fn out_of_memory_kills() -> Option<u64> {
    Groups::here().out_of_memory_kills()
}

fn machine_memory(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

/// The control groups that this process is in, and the files that describe them.
struct Groups {
    mount: PathBuf,
    /// `/proc/self/cgroup`: `number:controllers:path` per line.
    membership: String,
}

impl Groups {
    fn here() -> Self {
        let membership = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
        Self { mount: MOUNT.into(), membership }
    }

    fn memory_limit(&self) -> Option<u64> {
        let of_two = self.folders("", "").filter_map(|folder| number(&folder.join("memory.max")));
        let file = "memory.limit_in_bytes";
        let of_one =
            self.folders("memory", "memory").filter_map(|folder| number(&folder.join(file)));
        of_two.chain(of_one).min()
    }

    fn out_of_memory_kills(&self) -> Option<u64> {
        let of_two = self.folders("", "").map(|folder| folder.join("memory.events"));
        let of_one =
            self.folders("memory", "memory").map(|folder| folder.join("memory.oom_control"));
        // The innermost group that has the file: counts of groups above include other programs'.
        of_two.chain(of_one).find_map(|file| {
            let text = fs::read_to_string(file).ok()?;
            let line = text.lines().find_map(|line| line.strip_prefix("oom_kill "))?;
            line.trim().parse().ok()
        })
    }

    /// The folders of our group and all above it, innermost first. In a container the path may
    /// name folders that are not mounted; then only those that exist tell something.
    fn folders(&self, controller: &str, mounted_as: &str) -> impl Iterator<Item = PathBuf> {
        let base = self.mount.join(mounted_as);
        let mut lines = self.membership.lines().filter_map(|line| {
            let (_, rest) = line.split_once(':')?;
            rest.split_once(':')
        });
        let ours = lines.find(|(names, _)| names.split(',').any(|name| name == controller));
        let path = ours.map(|(_, path)| PathBuf::from(path.trim_start_matches('/')));
        let steps: Vec<_> =
            path.iter().flat_map(|path| path.ancestors()).map(|step| base.join(step)).collect();
        steps.into_iter()
    }
}

/// A file with one number. "max" and absurd numbers (version 1 has no word for "none") are none.
fn number(file: &Path) -> Option<u64> {
    const NONE_FROM: u64 = 1 << 60;
    let value = fs::read_to_string(file).ok()?.trim().parse().ok()?;
    (value < NONE_FROM).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn groups(membership: &str, files: &[(&str, &str)]) -> (tempfile::TempDir, Groups) {
        let dir = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = dir.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let groups = Groups { mount: dir.path().into(), membership: membership.into() };
        (dir, groups)
    }

    #[test]
    fn the_smallest_limit_above_us_counts() {
        let files = [("a/memory.max", "1000\n"), ("a/b/memory.max", "max\n")];
        let (_dir, groups) = groups("0::/a/b\n", &files);
        assert_eq!(groups.memory_limit(), Some(1000));
    }

    #[test]
    fn version_one_is_read_too() {
        let files = [
            ("memory/memory.limit_in_bytes", "2000\n"),
            ("memory/memory.oom_control", "oom_kill_disable 0\noom_kill 3\n"),
        ];
        let (_dir, groups) = groups("4:memory:/not/mounted\n0::/\n", &files);
        assert_eq!(groups.memory_limit(), Some(2000));
        assert_eq!(groups.out_of_memory_kills(), Some(3));
    }

    #[test]
    fn no_limit_is_not_a_huge_one() {
        let files = [("memory/memory.limit_in_bytes", "9223372036854771712\n")];
        let (_dir, groups) = groups("4:memory:/\n", &files);
        assert_eq!(groups.memory_limit(), None);
    }

    #[test]
    fn a_machine_tells_its_memory() {
        assert_eq!(machine_memory("MemTotal:        2048 kB\nMemFree: 1 kB\n"), Some(2_097_152));
        assert!(memory().is_some());
        assert!(cpus() >= 1);
    }
}
