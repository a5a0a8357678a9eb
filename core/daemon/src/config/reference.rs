//! The page of the documentation about settings, made from their table.

use super::settings::{Preset, SETTINGS, Setting};

const HEAD: &str = r#"# Settings

<!-- Made from the table of settings by a test: MAITRED_REGENERATE=1 cargo test -p maitred -->

Every setting can be written in several places. What stands further up in this list counts more:

1. a flag of `maitred serve`,
2. a variable, `MAITRED_` and the setting in capitals with `_` for the dot: `MAITRED_QUEUE_MAX`,
3. `maitred.toml`: the file named by `-c` or `MAITRED_CONFIG`, else the one in the app's folder,
4. variables that platforms set: `PORT`, `WEB_CONCURRENCY`, `FORWARDED_ALLOW_IPS`,
5. the default.

`maitred config` shows every setting with its value and where it comes from. An unknown key in
`maitred.toml` is an error; an unknown `MAITRED_` variable is a warning (`MAITRED_SERVICE_*` and
`MAITRED_PORT*` are set by Kubernetes and ignored). Durations are written `25s`, `500ms`, `2m`; a
bare number is seconds. Sizes are written `64 MiB`, `1GB`; a bare number is bytes. Lists are lists
in the file, and have commas or spaces between their parts elsewhere. Relative paths in the file
are relative to the file.

```toml
# maitred.toml
app = "shop.wsgi:application"
listen = ["0.0.0.0:8000", "unix:/run/shop/http.sock"]
processes = 4
env_file = ".env"

[env]
DJANGO_SETTINGS_MODULE = "shop.settings"

[queue]
max = 500
wait_max = "10s"

[buffer]
dir = "/var/tmp"
```
"#;

/// The whole page.
#[must_use]
pub fn reference() -> String {
    let mut page = HEAD.to_owned();
    for setting in SETTINGS {
        page.push_str(&section(setting));
    }
    page
}

fn section(setting: &Setting) -> String {
    let Setting { key, kind, help, .. } = setting;
    let default = match setting.default {
        Preset::Value("") => "none".to_owned(),
        Preset::Value(text) => format!("`{text}`"),
        Preset::Computed(text) => text.to_owned(),
    };
    let mut lines = vec![
        String::new(),
        format!("## `{key}`"),
        String::new(),
        (*help).to_owned(),
        String::new(),
        format!("- value: {}", kind.describe()),
        format!("- default: {default}"),
    ];
    let flags = setting.flags.split(", ").filter(|flag| !flag.is_empty());
    let flags: Vec<_> = flags.map(|flag| format!("`{flag}`")).collect();
    if !flags.is_empty() {
        lines.push(format!("- flag: {}", flags.join(", ")));
    }
    if let Some(variable) = setting.variable() {
        lines.push(format!("- variable: `{variable}`"));
    }
    if let Some(platform) = setting.platform {
        lines.push(format!("- set by platforms: `{platform}`"));
    }
    lines.join("\n") + "\n"
}
