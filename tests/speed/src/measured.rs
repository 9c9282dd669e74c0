//! The figures of a candidate.

/// What was measured of a candidate: a figure for each round.
#[derive(Debug, Clone)]
pub struct Measured {
    /// The name of the candidate.
    pub name: &'static str,
    rounds: Vec<f64>,
}

impl Measured {
    /// Creates it from the figures of the rounds.
    pub fn new(name: &'static str, rounds: Vec<f64>) -> Self {
        Self { name, rounds }
    }

    /// Returns the median.
    pub fn median(&self) -> f64 {
        quantile(&self.rounds, 0.5)
    }

    /// Returns how far the middle half of the rounds is apart, as a part of the median.
    pub fn spread(&self) -> f64 {
        (quantile(&self.rounds, 0.75) - quantile(&self.rounds, 0.25)) / self.median()
    }

    /// Returns the median of the ratios to another candidate, round by round.
    pub fn ratio(&self, other: &Self) -> f64 {
        let ratios: Vec<f64> = self
            .rounds
            .iter()
            .zip(&other.rounds)
            .map(|(one, other)| one / other)
            .collect();
        quantile(&ratios, 0.5)
    }

    /// Returns the same for a unit that has this many parts.
    #[must_use]
    pub fn per(mut self, parts: f64) -> Self {
        for figure in &mut self.rounds {
            *figure /= parts;
        }
        self
    }
}

/// Returns the value below which this part of the values is. Returns NaN if there are none.
pub fn quantile(values: &[f64], part: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        clippy::cast_sign_loss,
        reason = "a place in the list"
    )]
    let place = (sorted.len().saturating_sub(1) as f64 * part).round() as usize;
    sorted.get(place).copied().unwrap_or(f64::NAN)
}
