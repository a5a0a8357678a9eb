//! Stories about finding the app that is meant.

use std::fs;

use super::*;

/// A folder with an app in it.
struct Rig(tempfile::TempDir);

impl Rig {
    fn new(files: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = dir.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        Self(dir)
    }

    fn settings(&self, app: Option<&str>) -> AppSettings {
        AppSettings {
            app: app.map(str::to_owned),
            name: None,
            root: self.0.path().to_owned(),
            factory: false,
            environment: "production".to_owned(),
            env: Vec::new(),
            env_files: Vec::new(),
            python: None,
            command: None,
        }
    }

    fn found(&self, app: Option<&str>) -> (String, String) {
        let app = find(&self.settings(app), None).unwrap();
        (app.entry, app.why)
    }

    fn error(&self, app: Option<&str>) -> String {
        let text = find(&self.settings(app), None).unwrap_err().to_string();
        text.replace(&self.0.path().display().to_string(), "ROOT")
    }
}

fn pair(a: &str, b: &str) -> (String, String) {
    (a.to_owned(), b.to_owned())
}

#[test]
fn an_app_that_is_named_is_taken() {
    let rig = Rig::new(&[]);
    for app in ["a:b", "a.b:c.d", "a:create_app()", "a:make('x', 1)"] {
        assert_eq!(rig.found(Some(app)), pair(app, "as asked"));
    }
}

#[test]
fn an_app_that_is_none_is_refused_with_what_to_write() {
    let rig = Rig::new(&[("shop/wsgi.py", "application = 1\n")]);
    assert_eq!(rig.error(Some("a:")), "a:: an app is module:object or module:create_app()");
    assert_eq!(
        rig.error(Some("./shop/wsgi.py")),
        "./shop/wsgi.py: a file is not an app; did you mean shop.wsgi:application?"
    );
    assert_eq!(rig.error(Some("no/where")), "no/where: neither a folder nor module:object");
    assert_eq!(
        rig.error(Some("nowhere")),
        "nowhere: no such folder, and no such module in the root; an app is module:object"
    );
}

#[test]
fn a_module_alone_stands_for_its_one_app() {
    let rig = Rig::new(&[("shop/wsgi.py", "application = get_wsgi_application()\n")]);
    assert_eq!(
        rig.found(Some("shop.wsgi")),
        pair("shop.wsgi:application", "application in module shop.wsgi")
    );
}

#[test]
fn other_languages_are_not_supported_yet() {
    let rig = Rig::new(&[("config.ru", "")]);
    let sentence = "apps are not supported by this version of maitred";
    assert_eq!(rig.error(None), format!("ROOT/config.ru: Ruby {sentence}"));
    assert_eq!(rig.error(Some("server.mjs")), format!("server.mjs: Node {sentence}"));
    assert_eq!(
        Rig::new(&[("package.json", "")]).error(None),
        format!("ROOT/package.json: Node {sentence}")
    );
    let rig = Rig::new(&[("main.py", "app = FastAPI()\n")]);
    assert_eq!(rig.error(None), format!("main:app: ASGI {sentence}"));
}

#[test]
fn the_one_app_in_a_folder_is_found() {
    let rig = Rig::new(&[("app.py", "app = Flask(__name__)\n"), ("package.json", "{}")]);
    assert_eq!(rig.found(None), pair("app:app", "app in module app"));
    let rig = Rig::new(&[("main.py", "def application(environ, start_response):\n")]);
    assert_eq!(rig.found(None), pair("main:application", "application in module main"));
    let rig = Rig::new(&[("app/__init__.py", "def create_app():\n")]);
    assert_eq!(rig.found(None), pair("app:create_app()", "create_app in module app"));
}

#[test]
fn an_app_that_is_imported_is_not_a_second_one() {
    let rig =
        Rig::new(&[("app.py", "app = Flask(__name__)\n"), ("main.py", "from app import app\n")]);
    assert_eq!(rig.found(None).0, "app:app");
}

#[test]
fn an_object_is_better_than_a_function_that_makes_one() {
    let rig = Rig::new(&[("app.py", "def create_app():\n    pass\n\n\napp = create_app()\n")]);
    assert_eq!(rig.found(None).0, "app:app");
}

#[test]
fn two_equal_candidates_are_listed_as_commands() {
    let rig = Rig::new(&[("app.py", "app = A()\n"), ("main.py", "app = B()\n")]);
    assert_eq!(
        rig.error(None),
        "more than one app could be meant; choose one:\n  maitred serve app:app\n  maitred serve \
         main:app"
    );
    let rig = Rig::new(&[("app.py", "def create_app():\ndef make_app():\n")]);
    assert!(rig.error(None).contains("  maitred serve 'app:create_app()'"));
}

#[test]
fn an_empty_folder_says_what_was_looked_for() {
    let error = Rig::new(&[]).error(None);
    assert!(error.starts_with("no app found in ROOT: looked for manage.py"), "{error}");
}

const MANAGE: (&str, &str) = (
    "manage.py",
    "def main():\n    os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'shop.settings')\n",
);

#[test]
fn a_django_project_is_found_by_its_settings() {
    let rig = Rig::new(&[
        MANAGE,
        ("shop/settings.py", "DEBUG = 1\nWSGI_APPLICATION = \"shop.wsgi.application\"\n"),
    ]);
    let why = "WSGI_APPLICATION in shop.settings, by manage.py";
    assert_eq!(rig.found(None), pair("shop.wsgi:application", why));
}

#[test]
fn settings_that_import_others_are_followed() {
    let base = ("shop/settings/base.py", "WSGI_APPLICATION = 'shop.wsgi.application'\n");
    let rig =
        Rig::new(&[MANAGE, base, ("shop/settings/__init__.py", "from .base import *  # noqa\n")]);
    assert_eq!(rig.found(None).0, "shop.wsgi:application");
    let ring = ("shop/settings.py", "from shop.settings import *\n");
    assert!(Rig::new(&[MANAGE, ring]).error(None).contains("no WSGI_APPLICATION"));
}

#[test]
fn the_variable_counts_more_than_manage_py() {
    let other = ("shop/prod.py", "WSGI_APPLICATION = 'shop.prod_wsgi.app'\n");
    let rig = Rig::new(&[MANAGE, other]);
    let app = find(&rig.settings(None), Some("shop.prod")).unwrap();
    assert_eq!(app.entry, "shop.prod_wsgi:app");
}

#[test]
fn the_name_is_that_of_the_folder_unless_chosen() {
    let rig = Rig::new(&[]);
    let mut settings = rig.settings(Some("a:b"));
    let folder = instance::name_of(rig.0.path());
    assert_eq!(find(&settings, None).unwrap().name, folder);
    settings.name = Some("shop".to_owned());
    assert_eq!(find(&settings, None).unwrap().name, "shop");
}
