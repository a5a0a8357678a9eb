//! Finding the app of a Django project: manage.py names the settings, and those name the app.

use std::path::Path;

use super::{AppError, module_text, scan};

/// Settings that import others are followed this far: base, then one for each environment.
const DEPTH_MAX: usize = 5;

/// The entry, and why.
pub(super) fn find(
    root: &Path,
    settings_variable: Option<&str>,
) -> Result<(String, String), AppError> {
    let manage = root.join("manage.py");
    let wrong = |problem: String| AppError::Wrong { app: manage.display().to_string(), problem };
    let text = module_text(root, "manage").unwrap_or_default();
    let named = settings_variable.map(str::to_owned).or_else(|| settings_module(&text));
    let settings = named.ok_or_else(|| {
        wrong(
            "it names no DJANGO_SETTINGS_MODULE; name the app: maitred serve module:object".into(),
        )
    })?;
    let Some((name, module)) = wsgi_application(root, &settings, DEPTH_MAX) else {
        return Err(wrong(format!(
            "its settings {settings} have no WSGI_APPLICATION; name the app: maitred serve \
             module:object"
        )));
    };
    let (app_module, object) = name.rsplit_once('.').ok_or_else(|| {
        wrong(format!("WSGI_APPLICATION in {module} is {name:?}, which names no object"))
    })?;
    Ok((format!("{app_module}:{object}"), format!("WSGI_APPLICATION in {module}, by manage.py")))
}

/// The module in `os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")`.
fn settings_module(manage: &str) -> Option<String> {
    let lines = manage.lines().map(str::trim).filter(|line| !line.starts_with('#'));
    // Black breaks the call over lines.
    let text = lines.collect::<Vec<_>>().join(" ");
    let (_, rest) = text.split_once("DJANGO_SETTINGS_MODULE")?;
    let rest = rest.strip_prefix(['"', '\''])?;
    let start = rest.find(['"', '\''])?;
    string(&rest[start..]).map(str::to_owned)
}

/// The value of WSGI_APPLICATION, and the module in which it stands: `settings`, or one that it
/// takes everything from.
fn wsgi_application(root: &Path, settings: &str, depth: usize) -> Option<(String, String)> {
    let text = module_text(root, settings)?;
    let is_package = root.join(settings.replace('.', "/")).join("__init__.py").is_file();
    let mut found = None;
    for line in scan::code_lines(&text) {
        if let Some(value) = line.strip_prefix("WSGI_APPLICATION").and_then(scan_value) {
            found = Some((value.to_owned(), settings.to_owned()));
        }
        let imported = line.strip_prefix("from ").and_then(|rest| rest.split_once(" import "));
        if let Some((from, "*")) = imported
            && depth > 0
        {
            let module = absolute(from.trim(), settings, is_package);
            found = wsgi_application(root, &module, depth - 1).or(found);
        }
    }
    found
}

fn scan_value(rest: &str) -> Option<&str> {
    let (target, value) = rest.split_once('=')?;
    let plain = target.trim().is_empty() || target.trim_start().starts_with(':');
    string(value.trim()).filter(|_| plain)
}

/// `.base` in `shop.settings.production` is `shop.settings.base`.
fn absolute(from: &str, module: &str, is_package: bool) -> String {
    let name = from.trim_start_matches('.');
    let up = from.len() - name.len();
    if up == 0 {
        return name.to_owned();
    }
    let mut parts: Vec<_> = module.split('.').collect();
    let drop = if is_package { up - 1 } else { up };
    parts.truncate(parts.len().saturating_sub(drop));
    parts.extend((!name.is_empty()).then_some(name));
    parts.join(".")
}

/// The text in quotes at the beginning.
fn string(text: &str) -> Option<&str> {
    let quote = text.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    text[1..].split_once(quote).map(|(inside, _)| inside)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_settings_that_manage_py_names_are_read() {
        let one = r#"os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")"#;
        assert_eq!(settings_module(one).as_deref(), Some("shop.settings"));
        let broken = "os.environ.setdefault(\n    'DJANGO_SETTINGS_MODULE',\n    'a.b',\n)";
        assert_eq!(settings_module(broken).as_deref(), Some("a.b"));
        assert_eq!(
            settings_module("os.environ['DJANGO_SETTINGS_MODULE'] = 'c'").as_deref(),
            Some("c")
        );
        assert_eq!(settings_module("import django"), None);
    }

    #[test]
    fn relative_modules_are_resolved() {
        assert_eq!(absolute(".base", "shop.settings.production", false), "shop.settings.base");
        assert_eq!(absolute(".base", "shop.settings", true), "shop.settings.base");
        assert_eq!(absolute("..common", "shop.settings.dev", false), "shop.common");
        assert_eq!(absolute("other.settings", "shop.settings", false), "other.settings");
    }
}
