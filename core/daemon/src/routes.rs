//! What holds for some requests and not for others, by method and path.
//!
//! A report may wait behind a payment, and an upload that is a conversation wants to reach the app
//! at once. Everything that is settled per route is in one small struct, found once per request
//! when its head was read.

use http::Method;
use maitred_engine::class::Class;
use maitred_engine::event::Deadlines;

/// Routes of one core. Each costs a comparison per request, and who has more of them wants them
/// in the app.
pub const ROUTES_MAX: usize = 100;

/// What is settled for a request by its route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RouteSettings {
    /// Which requests go before it.
    pub class: Class,
    /// It waits for its body before it is dispatched.
    pub buffered: bool,
    /// How long it may take, where that is not what holds for all.
    pub deadlines: Deadlines,
}

impl Default for RouteSettings {
    fn default() -> Self {
        Self { class: Class::Normal, buffered: true, deadlines: Deadlines::NONE }
    }
}

/// Some requests, and what is settled for them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteRule {
    /// The beginning of their path: "/api" stands for itself and for all below "/api/".
    pub path: String,
    /// Their methods; empty: all.
    pub methods: Vec<Method>,
    /// What is settled.
    pub settings: RouteSettings,
}

/// All rules.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Routes {
    /// The first that fits counts.
    rules: Vec<RouteRule>,
    default: RouteSettings,
}

impl Routes {
    /// Of rules that fit the one with the longest path counts, and of those of one path one that
    /// names the method. `default` is for all other requests.
    #[must_use]
    pub fn new(mut rules: Vec<RouteRule>, default: RouteSettings) -> Self {
        let length = |rule: &RouteRule| rule.path.trim_end_matches('/').len();
        rules.sort_by_key(|rule| (std::cmp::Reverse(length(rule)), rule.methods.is_empty()));
        Self { rules, default }
    }

    /// Whether some requests go before others.
    #[must_use]
    pub fn rank(&self) -> bool {
        self.rules.iter().any(|rule| rule.settings.class != Class::Normal)
    }

    /// The settings of a request.
    #[must_use]
    pub fn of(&self, method: &Method, path: &str) -> RouteSettings {
        let rule = self.rules.iter().find(|rule| rule.fits(method, path));
        rule.map_or(self.default, |rule| rule.settings)
    }
}

impl RouteRule {
    fn fits(&self, method: &Method, path: &str) -> bool {
        let stem = self.path.trim_end_matches('/');
        let below = path.strip_prefix(stem);
        below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            && (self.methods.is_empty() || self.methods.contains(method))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(path: &str, methods: &[Method], class: Class) -> RouteRule {
        let settings = RouteSettings { class, ..RouteSettings::default() };
        RouteRule { path: path.to_owned(), methods: methods.to_vec(), settings }
    }

    #[test]
    fn the_longest_path_counts_and_then_the_method() {
        let rules = vec![
            rule("/api", &[], Class::Low),
            rule("/api/pay/", &[Method::POST], Class::High),
            rule("/api", &[Method::HEAD], Class::High),
        ];
        let routes = Routes::new(rules, RouteSettings::default());
        let class = |method: Method, path: &str| routes.of(&method, path).class;
        assert_eq!(class(Method::GET, "/"), Class::Normal);
        assert_eq!(class(Method::GET, "/api"), Class::Low);
        assert_eq!(class(Method::GET, "/api/x"), Class::Low);
        assert_eq!(class(Method::HEAD, "/api/x"), Class::High);
        assert_eq!(class(Method::POST, "/api/pay"), Class::High);
        assert_eq!(class(Method::GET, "/api/pay"), Class::Low);
        assert_eq!(class(Method::GET, "/apix"), Class::Normal, "another word, not a folder below");
    }

    #[test]
    fn a_slash_alone_is_everything() {
        let routes = Routes::new(vec![rule("/", &[], Class::Low)], RouteSettings::default());
        assert_eq!(routes.of(&Method::GET, "/a/b").class, Class::Low);
        assert_eq!(routes.of(&Method::OPTIONS, "*").class, Class::Normal, "not a path");
    }
}
