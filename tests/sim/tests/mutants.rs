//! The shadow bites: an engine with a mistake in it is caught, by the check of the right rule.

use maitred_sim::World;
use maitred_sim::mutant::Mutant;
use maitred_sim::rule::{Rule, Violation};
use maitred_sim::run::STEPS;

/// Worlds that a mutant may need to do its harm. Most need one, and some show first in what the
/// harm leads to: a request that is lost is missed where it should have run, too.
const WORLDS_MAX: u64 = 50;

fn violations(mutant: Mutant) -> impl Iterator<Item = Violation> {
    let play = move |seed| World::with(seed, STEPS, Some(mutant)).play();
    (1..=WORLDS_MAX).filter_map(move |seed| play(seed).err())
}

#[test]
fn each_mistake_is_caught_by_the_check_of_the_rule_that_it_breaks() {
    for &mutant in Mutant::ALL {
        let caught = violations(mutant).any(|violation| Some(violation.rule) == mutant.rule());
        assert!(caught, "{} goes unnoticed", mutant.text());
    }
}

#[test]
fn there_is_a_mistake_for_each_rule() {
    let missing = |rule: &&Rule| !Mutant::ALL.iter().any(|it| it.rule() == Some(**rule));
    let missing: Vec<&Rule> = Rule::ALL.iter().filter(missing).collect();
    // The last two are not rules of the engine.
    assert_eq!(missing, [&Rule::Protocol, &Rule::Liveness]);
}
