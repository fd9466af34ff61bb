//! Student's t distribution, for any positive number of degrees of freedom.

/// Terms of the continued fraction; it converges in far fewer.
const TERMS_MAX: usize = 300;
/// Relative precision at which the continued fraction ends.
const PRECISION: f64 = 1e-13;
/// Replaces zero in a denominator of the continued fraction.
const TINY: f64 = 1e-300;
/// Halvings until a quantile is as precise as a double.
const HALVINGS: usize = 200;

/// The chance that |T| is at least `t` with `freedom` degrees of freedom: the two-sided p-value.
pub(crate) fn two_sided(t: f64, freedom: f64) -> f64 {
    if t.is_nan() || freedom <= 0.0 {
        return 1.0;
    }
    if t.is_infinite() {
        return 0.0;
    }
    regularized_beta(freedom / (freedom + t * t), freedom / 2.0, 0.5)
}

/// The t that |T| passes with the chance `level`.
pub(crate) fn critical(level: f64, freedom: f64) -> f64 {
    let (mut low, mut high) = (0.0f64, 1.0f64);
    while two_sided(high, freedom) > level && high < 1e12 {
        high *= 2.0;
    }
    for _ in 0..HALVINGS {
        let middle = f64::midpoint(low, high);
        if two_sided(middle, freedom) > level {
            low = middle;
        } else {
            high = middle;
        }
        if high - low <= high * 1e-12 {
            break;
        }
    }
    high
}

/// The regularized incomplete beta function by its continued fraction (modified Lentz).
fn regularized_beta(x: f64, a: f64, b: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    if x >= 1.0 {
        return 1.0;
    }
    let front = (ln_gamma(a + b) - ln_gamma(a) - ln_gamma(b) + a * x.ln() + b * (1.0 - x).ln()).exp();
    if x < (a + 1.0) / (a + b + 2.0) {
        front * beta_fraction(x, a, b) / a
    } else {
        1.0 - front * beta_fraction(1.0 - x, b, a) / b
    }
}

fn beta_fraction(x: f64, a: f64, b: f64) -> f64 {
    let not_zero = |value: f64| if value.abs() < TINY { TINY } else { value };
    let mut above = 1.0;
    let mut below = 1.0 / not_zero(1.0 - (a + b) * x / (a + 1.0));
    let mut product = below;
    for term in 1..=TERMS_MAX {
        let term = term as f64;
        let even = term * (b - term) * x / ((a + 2.0 * term - 1.0) * (a + 2.0 * term));
        let odd = -(a + term) * (a + b + term) * x / ((a + 2.0 * term) * (a + 2.0 * term + 1.0));
        let before = product;
        for part in [even, odd] {
            below = 1.0 / not_zero(1.0 + part * below);
            above = not_zero(1.0 + part / above);
            product *= below * above;
        }
        if (product / before - 1.0).abs() < PRECISION {
            break;
        }
    }
    product
}

/// The logarithm of the gamma function for positive numbers (Lanczos' approximation, g = 7, nine terms).
fn ln_gamma(x: f64) -> f64 {
    const G: f64 = 7.0;
    const COEFFICIENTS: [f64; 9] = [
        0.999_999_999_999_809_9,
        676.520_368_121_885_1,
        -1_259.139_216_722_402_8,
        771.323_428_777_653_1,
        -176.615_029_162_140_6,
        12.507_343_278_686_905,
        -0.138_571_095_265_720_12,
        9.984_369_578_019_572e-6,
        1.505_632_735_149_311_6e-7,
    ];
    if x < 0.5 {
        let sine = (std::f64::consts::PI * x).sin();
        return (std::f64::consts::PI / sine).ln() - ln_gamma(1.0 - x);
    }
    let x = x - 1.0;
    let terms = COEFFICIENTS.iter().enumerate().skip(1).map(|(term, coefficient)| coefficient / (x + term as f64));
    let sum = COEFFICIENTS[0] + terms.sum::<f64>();
    let t = x + G + 0.5;
    0.5 * std::f64::consts::TAU.ln() + (x + 0.5) * t.ln() - t + sum.ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn critical_values_are_those_of_printed_tables() {
        // Two-sided, from the tables in Fisher and Yates.
        let tables = [
            (0.05, 1.0, 12.706),
            (0.01, 1.0, 63.657),
            (0.01, 3.0, 5.841),
            (0.05, 9.0, 2.262),
            (0.01, 9.0, 3.250),
            (0.001, 9.0, 4.781),
            (0.01, 30.0, 2.750),
            (0.05, 120.0, 1.980),
        ];
        for (level, freedom, expected) in tables {
            let found = critical(level, freedom);
            assert!((found - expected).abs() < 0.001, "{level} {freedom}: {found}");
            assert!((two_sided(found, freedom) - level).abs() < 1e-9);
        }
    }

    #[test]
    fn many_degrees_of_freedom_are_the_normal_distribution() {
        assert!((critical(0.05, 1e6) - 1.959_966).abs() < 1e-4);
        assert!((two_sided(0.0, 5.0) - 1.0).abs() < 1e-12);
        assert!(two_sided(f64::INFINITY, 5.0) < 1e-12);
    }
}
