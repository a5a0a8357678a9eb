//! A trace from a seed: Poisson arrivals, and a mixture of kinds of requests.

use std::str::FromStr;

use anyhow::Context;

use super::{Item, MakeArgs};

/// One kind of request, and how many of all are of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Kind {
    service: u64,
    deferred: u64,
    weight: u32,
}

impl FromStr for Kind {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        let parts: Vec<&str> = text.split(',').collect();
        let [service, deferred, weight] = parts[..] else {
            anyhow::bail!("SERVICE_US,DEFERRED_US,WEIGHT, not `{text}`");
        };
        let kind = Self {
            service: service.parse().context("not a service time")?,
            deferred: deferred.parse().context("not a deferred time")?,
            weight: weight.parse().context("not a weight")?,
        };
        anyhow::ensure!(kind.weight > 0, "a weight of 0: leave the kind out");
        Ok(kind)
    }
}

/// The trace that `args` describe. The rate follows from load, slots and the mean occupancy.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "microseconds within a day: far below 52 bits, and never negative"
)]
pub(crate) fn poisson(args: &MakeArgs) -> anyhow::Result<Vec<Item>> {
    anyhow::ensure!(args.load > 0.0 && args.slots > 0, "a load needs slots, and has to be above 0");
    let weights: u32 = args.kinds.iter().map(|kind| kind.weight).sum();
    let occupancy = |kind: &Kind| (kind.service + kind.deferred) as f64 * f64::from(kind.weight);
    let mean = args.kinds.iter().map(occupancy).sum::<f64>() / f64::from(weights);
    let gap = mean / (args.load * f64::from(args.slots));
    let end = args.seconds * 1e6;
    let mut random = fastrand::Rng::with_seed(args.seed);
    let mut items = Vec::new();
    let mut at = 0.0;
    loop {
        // 1 - f64(): never 0, whose logarithm has no value.
        at -= gap * (1.0 - random.f64()).ln();
        if at >= end {
            return Ok(items);
        }
        let kind = draw(&args.kinds, random.u32(0..weights));
        items.push(Item { at: at as u64, service: kind.service, deferred: kind.deferred });
    }
}

/// The kind whose share of all weights `number` falls into.
fn draw(kinds: &[Kind], mut number: u32) -> Kind {
    for kind in kinds {
        if number < kind.weight {
            return *kind;
        }
        number -= kind.weight;
    }
    unreachable!("the number is below the sum of all weights")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(seed: u64) -> MakeArgs {
        let kinds = ["5000,0,4", "5000,50000,1"].map(|kind| kind.parse().unwrap()).to_vec();
        MakeArgs { seed, load: 0.7, slots: 8, seconds: 600.0, kinds }
    }

    #[test]
    fn the_same_seed_gives_the_same_trace_and_another_one_another() {
        assert_eq!(poisson(&args(1)).unwrap(), poisson(&args(1)).unwrap());
        assert_ne!(poisson(&args(1)).unwrap(), poisson(&args(2)).unwrap());
    }

    #[test]
    fn rate_and_mixture_are_as_asked_for() {
        let items = poisson(&args(1)).unwrap();
        // 0.7 of 8 slots, 15 ms each: 373.3 per second. 600 s: one standard deviation is 473.
        assert!((222_500..225_500).contains(&items.len()), "{} requests", items.len());
        let deferring = items.iter().filter(|item| item.deferred > 0).count();
        assert!((44_000..45_600).contains(&deferring), "{deferring} defer");
    }

    #[test]
    fn gaps_are_those_of_a_poisson_process() {
        let items = poisson(&args(3)).unwrap();
        let gaps: Vec<u64> = items.windows(2).map(|pair| pair[1].at - pair[0].at).collect();
        // Of exponential gaps 1/e are longer than their mean.
        let mean = gaps.iter().sum::<u64>() / u64::try_from(gaps.len()).unwrap();
        let longer = gaps.iter().filter(|gap| **gap > mean).count() * 1000 / gaps.len();
        assert!((360..376).contains(&longer), "{longer} of 1000 are longer than the mean");
    }

    #[test]
    fn a_kind_without_a_weight_is_refused() {
        assert!("5000,0,0".parse::<Kind>().is_err());
        assert!("5000,0".parse::<Kind>().is_err());
    }
}
