//! A rule for the platforms: look a second ahead, and go as far as is safe.

use super::Rule;

const RUN: u32 = 0;
const HOP: u32 = 1;
const LEAP: u32 = 2;

pub fn rule(id: &str) -> Option<Rule> {
    match id {
        "hybrid/platform" => Some(Box::new(|obs, _| moves(act(&Seen::of(obs))))),
        "hybrid/platform-no-velocity" => Some(without_velocity()),
        _ => None,
    }
}

fn moves((choice, strength): (u32, f32)) -> (Vec<u32>, Vec<f32>) {
    (vec![choice], vec![strength; 3])
}

/// Wait a second to see who walks where, and go on as if that had been said.
fn without_velocity() -> Rule {
    let mut told = Told::default();
    Box::new(move |obs, first| {
        if first {
            told = Told::default();
        } else if obs[4] < told.left {
            told.guards = [told.guards[1], Walker::default()];
        }
        told.left = obs[4];
        let [place, rest, gap, next, left, own, other] = [0, 1, 2, 3, 4, 5, 6].map(|k| obs[k]);
        let [own_speed, other_speed] = [
            told.guards[0].goes(place + own, place + rest),
            told.guards[1].goes(other - rest - gap, next),
        ];
        let all = [place, rest, told.run_up, gap, next, left, own, own_speed, other, other_speed];
        let chosen = if first { (RUN, 0.0) } else { act(&Seen::of(&all)) };
        told.run_up = if chosen.0 == RUN { (3.0 * chosen.1).max(0.0) } else { 0.0 };
        moves(chosen)
    })
}

/// What earlier observations have told.
#[derive(Default)]
struct Told {
    run_up: f32,
    /// Platforms still to come.
    left: f32,
    guards: [Walker; 2],
}

/// What is known of a guard: where it was on its platform, and how fast it goes.
#[derive(Clone, Copy, Default)]
struct Walker {
    before: Option<f32>,
    speed: f32,
}

impl Walker {
    /// Its velocity, now that it is at `place` of a platform of this length. Who made less way than
    /// before has turned, and comes from the nearer edge.
    fn goes(&mut self, place: f32, length: f32) -> f32 {
        let change = place - self.before.unwrap_or(place);
        self.before = Some(place);
        self.speed = self.speed.max(change.abs());
        let has_turned = change.abs() < self.speed - 0.01;
        let forward = if has_turned { place < 0.5 * length } else { change > 0.0 };
        if forward { self.speed } else { -self.speed }
    }
}

/// The observation; the walker is at 0.
struct Seen {
    run_up: f32,
    /// Where this platform and the next one begin and end; the last one is followed by itself.
    here: [f32; 2],
    next: [f32; 2],
    /// Place and speed of their guards.
    guards: [[f32; 2]; 2],
    last: bool,
}

impl Seen {
    fn of(obs: &[f32]) -> Self {
        let (here, last) = ([-obs[0], obs[1]], obs[5] == 0.0);
        let start = obs[1] + obs[3];
        let (next, other) = match last {
            true => (here, [obs[6], obs[7]]),
            false => ([start, start + obs[4]], [obs[8], obs[9]]),
        };
        Self { run_up: obs[2], here, next, guards: [[obs[6], obs[7]], other], last }
    }

    /// Whether nobody is met on this way within a second, nor where it ends a moment later.
    fn is_free(&self, way: f32, in_air: bool) -> bool {
        let first = if in_air { 8 } else { 1 };
        (first..=10).all(|tick| {
            let time = tick as f32 / 8.0;
            let at = way * time.min(1.0);
            let far = |[place, speed]: [f32; 2], [start, end]: [f32; 2]| {
                (place_after(place, speed, time, [start + 1.0, end - 1.0]) - at).abs() > 0.6
            };
            far(self.guards[0], self.here) && far(self.guards[1], self.next)
        })
    }

    /// Whether a way ends on a platform.
    fn lands(&self, way: f32) -> bool {
        let on = |[start, end]: [f32; 2]| start + 0.05 < way && way < end - 0.05;
        on(self.here) || on(self.next) || (self.last && way > 0.0)
    }

    /// Whether a leap of full strength from there, after that run, reaches the next platform.
    fn prepares(&self, way: f32) -> bool {
        self.last
            || self.here[1] - way > 5.0
            || (way >= 1.0 && 3.0 + way / 2.0 > self.next[0] - way + 0.2)
    }
}

/// Where a guard is later, who turns at two places.
fn place_after(place: f32, speed: f32, time: f32, [low, high]: [f32; 2]) -> f32 {
    match place + speed * time {
        below if below < low => 2.0 * low - below,
        above if above > high => 2.0 * high - above,
        between => between,
    }
}

/// The farthest leap; else the farthest run from which one goes on, or the farthest hop; else the
/// safest step there is.
fn act(seen: &Seen) -> (u32, f32) {
    let strengths = || (0..=40).map(|k| 1.0 - k as f32 / 20.0);
    let leap = |s: &f32| {
        let way = 2.0 + s + seen.run_up / 2.0;
        seen.run_up >= 1.0
            && seen.lands(way)
            && (way > seen.next[0] || seen.last)
            && seen.is_free(way, true)
    };
    if let Some(strength) = strengths().find(leap) {
        return (LEAP, strength);
    }
    let safe = |way: f32, in_air: bool| seen.lands(way) && seen.is_free(way, in_air);
    let run = |s: &f32| safe(3.0 * s, false) && seen.prepares(3.0 * s);
    let hop = |s: &f32| safe(2.5 * s, true) && seen.here[1] - 2.5 * s > 3.0;
    let runs = strengths().find(run).filter(|s| *s > 0.1).map(|s| (RUN, s));
    let hops = || strengths().find(hop).filter(|s| *s > 0.1).map(|s| (HOP, s));
    let back = || strengths().rev().find(|s| safe(3.0 * s, false)).map(|s| (RUN, s));
    runs.or_else(hops).or_else(back).unwrap_or((HOP, 0.0))
}
