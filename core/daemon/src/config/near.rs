//! "Did you mean": the known name that looks most like an unknown one.

/// Likeness from which a name is worth mentioning, 0 to 1. 0.75: one or two slips of the fingers.
const LIKE_ENOUGH: f64 = 0.75;

/// The nearest of `known`, if any is near.
#[must_use]
pub(crate) fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let rated =
        known.into_iter().map(|known| (strsim::normalized_damerau_levenshtein(name, known), known));
    let best = rated.max_by(|a, b| a.0.total_cmp(&b.0))?;
    (best.0 >= LIKE_ENOUGH).then_some(best.1)
}
