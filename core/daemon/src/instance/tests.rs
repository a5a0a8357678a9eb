//! Stories about the folder of an instance, and about finding it.

use std::os::unix::net::UnixStream;

use super::*;

struct Rig {
    dir: tempfile::TempDir,
}

impl Rig {
    fn new() -> Self {
        Self { dir: tempfile::tempdir_in("/tmp").unwrap() }
    }

    fn bases(&self) -> Bases {
        Bases::only(&self.dir.path().join("run"))
    }

    fn root(&self, path: &str) -> PathBuf {
        let root = self.dir.path().join(path);
        fs::create_dir_all(&root).unwrap();
        root
    }

    fn take(&self, name: &str, root: &str) -> Claimed {
        Claimed::take(name, &self.root(root), &self.bases()).unwrap()
    }

    fn start(&self, name: &str, root: &str) -> (Claimed, UnixListener) {
        let claimed = self.take(name, root);
        let listener = claimed.admin_listener().unwrap();
        (claimed, listener)
    }

    fn find(&self, name: Option<&str>, cwd: &str) -> Result<String, FindError> {
        find(name, &[self.root(cwd)], &self.bases()).map(|found| found.name)
    }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().mode() & 0o777
}

#[test]
fn the_folder_is_ours_alone_and_says_what_it_is() {
    let rig = Rig::new();
    let (claimed, _listener) = rig.start("shop", "shop");
    assert_eq!(mode(&claimed.dir), 0o700);
    assert_eq!(mode(&claimed.admin_path()), 0o600);
    let pid = fs::read_to_string(claimed.dir.join(PID)).unwrap();
    assert_eq!(pid, format!("{}\n", std::process::id()));
    assert_eq!(root_in(&claimed.dir), rig.root("shop"));
}

#[tokio::test]
async fn processes_can_connect() {
    let rig = Rig::new();
    let claimed = rig.take("shop", "shop");
    let listener = claimed.worker_listener().unwrap();
    let _there = UnixStream::connect(claimed.worker_path()).unwrap();
    assert!(listener.accept().await.is_ok());
}

#[test]
fn a_living_instance_is_not_replaced() {
    let rig = Rig::new();
    let (_claimed, _listener) = rig.start("shop", "shop");
    let error = Claimed::take("shop", &rig.root("other"), &rig.bases()).unwrap_err().to_string();
    let (pid, root) = (std::process::id(), rig.root("shop"));
    assert_eq!(
        error,
        format!(
            "instance shop is already running (pid {pid}, serving {}); stop it, or choose another \
             name with --name",
            root.display()
        )
    );
}

#[test]
fn what_a_killed_core_left_is_replaced() {
    let rig = Rig::new();
    let (claimed, listener) = rig.start("shop", "shop");
    // Killed: nothing is removed, the lock and the listener are gone.
    let dir = claimed.dir.clone();
    let Claimed { _pid: pid, .. } = &claimed;
    rustix::fs::flock(pid, FlockOperation::Unlock).unwrap();
    drop(listener);
    assert!(dir.join(ADMIN).exists());
    assert!(matches!(rig.find(None, "shop"), Err(FindError::NotRunning { .. })));
    let (_next, _listener) = rig.start("shop", "shop");
    assert_eq!(rig.find(None, "shop").unwrap(), "shop");
    std::mem::forget(claimed);
}

#[test]
fn an_instance_that_ends_leaves_nothing() {
    let rig = Rig::new();
    let (claimed, _listener) = rig.start("shop", "shop");
    let dir = claimed.dir.clone();
    drop(claimed);
    assert!(!dir.exists());
}

#[test]
fn a_folder_that_is_somebody_elses_is_refused() {
    let rig = Rig::new();
    let elsewhere = rig.root("elsewhere");
    std::os::unix::fs::symlink(elsewhere, rig.dir.path().join("run")).unwrap();
    let error = Claimed::take("shop", &rig.root("shop"), &rig.bases()).unwrap_err();
    assert!(matches!(error, InstanceError::Untrusted { .. }), "{error}");
}

#[test]
fn a_folder_that_others_may_enter_is_closed() {
    let rig = Rig::new();
    let base = rig.root("run");
    fs::set_permissions(&base, fs::Permissions::from_mode(0o755)).unwrap();
    let _claimed = rig.take("shop", "shop");
    assert_eq!(mode(&base), 0o700);
}

#[test]
fn a_path_that_is_too_long_for_a_socket_goes_elsewhere_or_is_refused() {
    let rig = Rig::new();
    let long = rig.dir.path().join("x".repeat(90));
    let error = Claimed::take("shop", &rig.root("shop"), &Bases::only(&long)).unwrap_err();
    assert!(matches!(error, InstanceError::TooLong(_)), "{error}");
    let both = Bases(vec![long, rig.dir.path().join("run")]);
    assert!(Claimed::take("shop", &rig.root("shop"), &both).is_ok());
}

#[test]
fn names_come_from_folders() {
    assert_eq!(name_of(Path::new("/srv/shop")), "shop");
    assert_eq!(name_of(Path::new("/srv/my shop.v2")), "my-shop.v2");
    assert_eq!(name_of(Path::new("/srv/.hidden")), "hidden");
    assert_eq!(name_of(Path::new("/")), "maitred");
    assert!(is_name(&name_of(Path::new(&"ü".repeat(200)))));
    let rig = Rig::new();
    let error = Claimed::take("../up", &rig.root("shop"), &rig.bases()).unwrap_err();
    assert!(matches!(error, InstanceError::Name(_)), "{error}");
}

#[test]
fn the_only_instance_is_found_from_anywhere() {
    let rig = Rig::new();
    let _shop = rig.start("shop", "srv/shop");
    assert_eq!(rig.find(None, "elsewhere").unwrap(), "shop");
}

#[test]
fn the_instance_that_serves_this_folder_is_found_among_several() {
    let rig = Rig::new();
    let _shop = rig.start("shop", "srv/shop");
    let _blog = rig.start("blog", "srv/blog");
    let _inner = rig.start("inner", "srv/blog/inner");
    assert_eq!(rig.find(None, "srv/shop/static").unwrap(), "shop");
    assert_eq!(rig.find(None, "srv/blog").unwrap(), "blog");
    assert_eq!(rig.find(None, "srv/blog/inner/x").unwrap(), "inner");
    assert_eq!(rig.find(Some("blog"), "srv/shop").unwrap(), "blog");
}

#[test]
fn a_root_behind_a_symbolic_link_holds_the_real_folder() {
    let rig = Rig::new();
    let _other = rig.start("other", "srv/other");
    rig.root("srv/v1/static");
    std::os::unix::fs::symlink("v1", rig.dir.path().join("srv/current")).unwrap();
    let _shop = rig.start("shop", "srv/current");
    assert_eq!(rig.find(None, "srv/v1/static").unwrap(), "shop");
    assert_eq!(rig.find(None, "srv/current/static").unwrap(), "shop");
}

#[test]
fn several_are_listed_and_none_says_where_was_looked() {
    let rig = Rig::new();
    let error = rig.find(None, "x").unwrap_err();
    assert_eq!(error.exit_code(), 3);
    assert!(error.to_string().ends_with("/run"), "{error}");
    let (_a, _b) = (rig.start("a", "a"), rig.start("b", "b"));
    let error = rig.find(None, "x").unwrap_err();
    assert_eq!(error.exit_code(), 2);
    assert_eq!(error.to_string().lines().count(), 3, "{error}");
    let error = rig.find(Some("c"), "x").unwrap_err();
    assert!(error.to_string().starts_with("no running instance called c found"), "{error}");
}

#[test]
fn where_instances_live_depends_on_the_user() {
    let runtime = tempfile::tempdir().unwrap();
    let uid = own_uid();
    let bases = Bases::of(uid, Some(runtime.path().to_owned()));
    assert_eq!(bases.0[0], runtime.path().join("maitred"));
    assert_eq!(bases.0.last().unwrap(), Path::new(&format!("/tmp/maitred-{uid}")));
    let stranger = Bases::of(uid + 4242, Some(runtime.path().to_owned()));
    assert_eq!(stranger.0, [PathBuf::from(format!("/tmp/maitred-{}", uid + 4242))]);
    assert!(Bases::of(0, None).0.contains(&"/run/maitred".into()));
}
