//! Compiled and without spans, so that the run's own time counts: bodies that attract each other, and a sort of them.
//!
//! Built with `rustc -O` alone.

/// Bodies; their forces take the square of it.
const BODIES: usize = 300;
/// Steps of a run without any extra.
const STEPS: f64 = 800.0;

#[derive(Clone, Copy)]
struct Body {
    place: [f64; 3],
    speed: [f64; 3],
}

fn main() {
    let extra: f64 = std::env::var("CALIBRATION_EXTRA").ok().and_then(|text| text.parse().ok()).unwrap_or(0.0);
    let mut bodies: Vec<Body> = (0..BODIES).map(body).collect();
    for _ in 0..(STEPS * (1.0 + extra)).round() as u64 {
        step(&mut bodies);
        bodies.sort_by(|left, right| left.place[0].total_cmp(&right.place[0]));
    }
    println!("{:.6}", bodies[0].place[0]);
}

fn body(number: usize) -> Body {
    let angle = number as f64;
    Body { place: [angle.sin(), angle.cos(), (angle * 0.7).sin()], speed: [0.0; 3] }
}

fn step(bodies: &mut [Body]) {
    for index in 0..bodies.len() {
        let mut pull = [0.0; 3];
        for other in bodies.iter() {
            let away: [f64; 3] = std::array::from_fn(|axis| other.place[axis] - bodies[index].place[axis]);
            let squared = away.iter().map(|part| part * part).sum::<f64>() + 0.01;
            let weight = 1.0 / (squared * squared.sqrt());
            for axis in 0..3 {
                pull[axis] += away[axis] * weight;
            }
        }
        for axis in 0..3 {
            bodies[index].speed[axis] += pull[axis] * 1e-6;
        }
    }
    for body in bodies.iter_mut() {
        for axis in 0..3 {
            body.place[axis] += body.speed[axis];
        }
    }
}
