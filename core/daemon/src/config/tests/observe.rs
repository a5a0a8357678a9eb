//! Stories about the settings for those who look from outside.

use super::*;

#[test]
fn nobody_looks_from_outside_unless_that_is_wanted() {
    let config = Rig::new().load(&[]);
    assert_eq!((config.observe.listen, config.http.health_path), (None, None));
    assert_eq!(config.observe.queue_age_max, Duration::from_secs(10));
    let config = Rig::new().toml("observe = ':9394'\nhealth_path = '/up'\n").load(&[]);
    assert_eq!(config.observe.listen, Some(("0.0.0.0".to_owned(), 9394)));
    assert_eq!(config.http.health_path.as_deref(), Some("/up"));
}

#[test]
fn what_cannot_be_a_place_to_look_is_refused() {
    assert_eq!(
        Rig::new().toml("observe = 'unix:/run/observe'\n").error(&[]),
        "maitred.toml:1: observe = \"unix:/run/observe\" is not host:port, :port or a port"
    );
    assert_eq!(
        Rig::new().toml("health_path = 'up'\n").error(&[]),
        "maitred.toml:1: health_path = \"up\" is not a path such as /up"
    );
}
