//! Reading a Python file as text: which of its top-level names may be an app.
//!
//! Only unindented lines count. That is less than Python knows and enough to find what people
//! write; whoever writes something else names the object.

/// Names of objects that are apps.
const APPS: [&str; 2] = ["app", "application"];
/// Names of functions that make an app.
const FACTORIES: [&str; 2] = ["create_app", "make_app"];
/// Calls that make an app for ASGI.
const ASGI_CALLS: [&str; 9] = [
    "FastAPI(",
    "Starlette(",
    "Quart(",
    "Litestar(",
    "Sanic(",
    "BlackSheep(",
    "get_asgi_application(",
    "ProtocolTypeRouter(",
    "AsyncApp(",
];

/// An object that may be an app.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Object {
    pub(super) name: String,
    pub(super) rank: Rank,
    pub(super) interface: Interface,
}

/// How likely it is meant, the likeliest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rank {
    /// Made in this file.
    Defined,
    /// Imported into it.
    Imported,
    /// A function that makes one.
    Factory,
}

/// How a server talks to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Interface {
    /// WSGI, as far as the text tells.
    Wsgi,
    /// Certainly ASGI.
    Asgi,
}

/// The objects in a file, each once.
pub(super) fn objects(text: &str) -> Vec<Object> {
    let mut found: Vec<Object> = Vec::new();
    for line in code_lines(text) {
        for object in objects_in(line) {
            // `application = app` gives a second name to the same object.
            let alias = defined_value(line).is_some_and(|value| APPS.contains(&value.trim()));
            let known = found.iter().any(|known| known.name == object.name);
            if !known && (!alias || found.is_empty()) {
                found.push(object);
            }
        }
    }
    found
}

/// Unindented lines outside of long strings, without comments.
pub(super) fn code_lines(text: &str) -> impl Iterator<Item = &str> {
    let mut open: Option<&str> = None;
    text.lines().filter_map(move |line| {
        let was_open = open.is_some();
        let mut rest = line;
        while let Some((at, quote)) = next_quote(rest, open) {
            open = if open.is_some() { None } else { Some(quote) };
            rest = &rest[at + 3..];
        }
        let code = line.split(" #").next().unwrap_or_default().trim_end();
        let top = !code.is_empty() && !code.starts_with([' ', '\t', '#', ')', ']', '}']);
        (top && !was_open).then_some(code)
    })
}

/// Where the next triple quote stands: the one that closes `open`, else any.
fn next_quote<'a>(text: &str, open: Option<&'a str>) -> Option<(usize, &'a str)> {
    let quotes = ["\"\"\"", "'''"];
    let wanted = quotes.into_iter().filter(|quote| open.is_none_or(|open| open == *quote));
    wanted.filter_map(|quote| Some((text.find(quote)?, quote))).min()
}

fn objects_in(line: &str) -> Vec<Object> {
    let object = |name: &str, rank, interface| Object { name: name.to_owned(), rank, interface };
    if let Some(rest) = line.strip_prefix("async def ") {
        let app = APPS.into_iter().find(|name| is_definition_of(rest, name));
        return app.map(|name| object(name, Rank::Defined, Interface::Asgi)).into_iter().collect();
    }
    if let Some(rest) = line.strip_prefix("def ") {
        let app = APPS.into_iter().find(|name| is_definition_of(rest, name));
        let app = app.map(|name| object(name, Rank::Defined, Interface::Wsgi));
        let factory = FACTORIES.into_iter().find(|name| is_definition_of(rest, name));
        let factory = factory.map(|name| object(name, Rank::Factory, Interface::Wsgi));
        return app.or(factory).into_iter().collect();
    }
    if let Some((_, names)) =
        line.strip_prefix("from ").and_then(|rest| rest.split_once(" import "))
    {
        let named = names
            .trim_matches(['(', ')', ' '])
            .split(',')
            .map(|part| part.trim().rsplit(" as ").next().unwrap_or_default().trim());
        return named
            .filter_map(|name| match name {
                name if APPS.contains(&name) => Some(object(name, Rank::Imported, Interface::Wsgi)),
                name if FACTORIES.contains(&name) => {
                    Some(object(name, Rank::Factory, Interface::Wsgi))
                }
                _ => None,
            })
            .collect();
    }
    let Some(value) = defined_value(line) else { return Vec::new() };
    let asgi = ASGI_CALLS.iter().any(|call| value.contains(call));
    let interface = if asgi { Interface::Asgi } else { Interface::Wsgi };
    // `app = application = ...` is one object.
    let name = APPS.into_iter().find(|name| is_assignment_to(line, name));
    name.map(|name| object(name, Rank::Defined, interface)).into_iter().collect()
}

fn is_definition_of(rest: &str, name: &str) -> bool {
    rest.strip_prefix(name).is_some_and(|rest| rest.trim_start().starts_with('('))
}

/// `name = ...`, `name: Type = ...`, `other = name = ...`.
fn is_assignment_to(line: &str, name: &str) -> bool {
    let value = defined_value(line).unwrap_or_default();
    let targets = &line[..line.len() - value.len()];
    targets.split('=').any(|target| target.split(':').next().unwrap_or_default().trim() == name)
}

/// What stands right of the last `=` of a chain of assignments to plain names.
pub(super) fn defined_value(line: &str) -> Option<&str> {
    let mut value = line;
    let mut assigned = false;
    while let Some((target, rest)) = value.split_once('=') {
        let name = target.split(':').next().unwrap_or_default().trim();
        if !super::is_identifier(name) || rest.starts_with('=') {
            break;
        }
        value = rest;
        assigned = true;
    }
    assigned.then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Vec<(String, Rank, Interface)> {
        let found = objects(text).into_iter();
        found.map(|object| (object.name, object.rank, object.interface)).collect()
    }

    #[test]
    fn what_people_write_is_found() {
        let one = |text: &str| match names(text).as_slice() {
            [(name, rank, interface)] => Some((name.clone(), *rank, *interface)),
            _ => None,
        };
        let app = || "app".to_owned();
        let wsgi = Some((app(), Rank::Defined, Interface::Wsgi));
        let asgi = Some((app(), Rank::Defined, Interface::Asgi));
        assert_eq!(one("app = Flask(__name__)"), wsgi);
        assert_eq!(one("app: Flask = Flask(__name__)"), wsgi);
        assert_eq!(one("def app(environ, start_response):\n    return []"), wsgi);
        assert_eq!(one("app = application = Flask(__name__)"), wsgi);
        assert_eq!(one("app = Flask(__name__)\napplication = app"), wsgi);
        assert_eq!(one("app = Flask(__name__)\napp = Middleware(app)"), wsgi);
        assert_eq!(one("app = FastAPI(title='x')"), asgi);
        assert_eq!(one("async def app(scope, receive, send): ..."), asgi);
        assert_eq!(one("from shop import db, app"), Some((app(), Rank::Imported, Interface::Wsgi)));
        assert_eq!(
            one("from shop import flask as app"),
            Some((app(), Rank::Imported, Interface::Wsgi))
        );
        assert_eq!(
            one("def create_app(config=None):"),
            Some(("create_app".to_owned(), Rank::Factory, Interface::Wsgi))
        );
    }

    #[test]
    fn what_only_looks_like_it_is_not() {
        for text in [
            "    app = Flask(__name__)",
            "# app = Flask(__name__)",
            "\"\"\"\napp = Flask(__name__)\n\"\"\"",
            "app == 1",
            "application_name = 'x'",
            "app.run()",
            "print(app=1)",
            "import app",
        ] {
            assert_eq!(names(text), [], "{text}");
        }
    }

    #[test]
    fn code_after_a_long_string_counts_again() {
        assert_eq!(names("'''doc \"\"\" '''\nx = \"\"\"\n\"\"\"\napp = Flask()").len(), 1);
    }
}
