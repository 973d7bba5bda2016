//! LunarLander-v3 and LunarLanderContinuous-v3: land between two flags, softly and upright.
//!
//! Bodies, engines, observation, reward and ends are those of Gymnasium 1.4, its oddities
//! included: the torque of the side engines depends on the tilt, and velocities are in units of
//! the window.

use super::simulation::{Hinge, Material, Part, Point, Simulation};
use super::{FPS, SCALE, VIEW, units};
use crate::picture::{Color, Scene};
use crate::registry::{EnvFactory, Facts, made};
use crate::{Action, End, Env, EnvError, Space, Step, snapshot};
use gradwerk_math::{Real, Stream};
use serde::{Deserialize, Serialize};
use std::f64::consts::PI;

const CHUNKS: usize = 11;
/// The chunks whose heights are the pad's before they are smoothed.
const PAD: std::ops::Range<usize> = CHUNKS / 2 - 2..CHUNKS / 2 + 3;
const PAD_HEIGHT: f64 = VIEW[1] / 4.0;
const HULL: [Point; 6] =
    [[-14.0, 17.0], [-17.0, 0.0], [-17.0, -10.0], [17.0, -10.0], [17.0, 0.0], [14.0, 17.0]];
const LEG: [Point; 4] = [[-2.0, -8.0], [2.0, -8.0], [2.0, 8.0], [-2.0, 8.0]];
/// From the hull's origin to that of a leg.
const LEG_AWAY: f64 = 20.0 / SCALE;
const LEG_DOWN: f64 = 18.0 / SCALE;
const LEG_TILT: f64 = 0.05;
const SPRING: f64 = 40.0; // torque
/// Largest component of the force that begins an episode.
const START_FORCE: f64 = 1000.0;
const MAIN_POWER: f64 = 13.0;
const MAIN_DOWN: f64 = 4.0 / SCALE;
const SIDE_POWER: f64 = 0.6;
const SIDE_AWAY: f64 = 12.0 / SCALE;
/// The side engines' height, up along the y axis and, as it is, another along the x axis.
const SIDE_UP: [f64; 2] = [17.0 / SCALE, 14.0 / SCALE];
const MAIN_FUEL: f64 = 0.3;
const SIDE_FUEL: f64 = 0.03;

/// Where the landing takes place.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Conditions {
    /// Downwards if negative; from -12 to 0.
    pub gravity: f64,
    /// Nothing blows if there is none.
    pub wind: Option<Wind>,
}

/// A wind that never repeats itself.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Wind {
    /// Largest force, 0 to 20.
    pub power: f64,
    /// Largest torque, 0 to 2.
    pub turbulence: f64,
}

impl Default for Conditions {
    fn default() -> Self {
        Self { gravity: -10.0, wind: None }
    }
}

impl Default for Wind {
    fn default() -> Self {
        Self { power: 15.0, turbulence: 1.5 }
    }
}

/// A lander with a main engine below and two small ones at its sides.
///
/// Observation: place relative to the pad, velocity, angle, angular velocity (20/50 of it), and
/// whether either leg touches the ground. Actions: 0 nothing, 1 left engine, 2 main engine,
/// 3 right engine; or two throttles in [-1, 1], of the main engine (off below 0, from half to
/// full power above) and of the side engines (off between -0.5 and 0.5). Reward: what is gained in
/// nearness, slowness and uprightness, 10 per leg on the ground, minus fuel; 100 for coming to
/// rest and -100 for a crash or for leaving the picture, which end the episode.
pub struct LunarLander {
    continuous: bool,
    conditions: Conditions,
    flight: Option<Flight>,
}

/// What an action makes the engines do.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Engines {
    /// 0, or 0.5 to 1.
    main: f64,
    /// 0, or 0.5 to 1.
    side: f64,
    /// -1 or 1.
    direction: f64,
}

/// An episode.
#[derive(Serialize, Deserialize)]
struct Flight {
    world: Simulation,
    hull: Part,
    legs: [Part; 2],
    ground: [Point; CHUNKS],
    /// Of the last step. A throttle that was no number could not be read back.
    #[serde(skip)]
    engines: Engines,
    /// What the state was worth after the last step.
    worth: Option<f64>,
    wind: Option<Blowing>,
}

/// A wind and the times of its force and of its torque.
#[derive(Serialize, Deserialize)]
struct Blowing {
    wind: Wind,
    times: [f64; 2],
}

impl LunarLander {
    /// A lander with four actions, or with two throttles.
    ///
    /// # Panics
    /// If gravity is not between -12 and 0.
    #[must_use]
    pub fn new(continuous: bool, conditions: Conditions) -> Self {
        let gravity = conditions.gravity;
        assert!(gravity > -12.0 && gravity < 0.0, "gravity is {gravity}, expected -12 to 0");
        Self { continuous, conditions, flight: None }
    }

    fn engines(&self, action: Action<'_>) -> Engines {
        match self.continuous {
            true => Engines::of_throttles([action.continuous[0], action.continuous[1]]),
            false => Engines::of_choice(action.discrete[0]),
        }
    }
}

impl Engines {
    fn of_choice(choice: u32) -> Self {
        let on = |is| if is { 1.0 } else { 0.0 };
        let side = choice % 2 == 1;
        Self { main: on(choice == 2), side: on(side), direction: f64::from(choice) - 2.0 }
    }

    fn of_throttles(throttles: [f32; 2]) -> Self {
        let [main, side] = throttles.map(|x| Real::clip(f64::from(x), -1.0, 1.0));
        Self {
            // A throttle that is no number stays one, for the reward to show.
            main: if main <= 0.0 { 0.0 } else { 0.5 * (main + 1.0) },
            side: if side.abs() <= 0.5 { 0.0 } else { side.abs() },
            direction: side.signum(),
        }
    }
}

impl Blowing {
    fn new(wind: Wind, rng: &mut Stream) -> Self {
        Self { wind, times: [0; 2].map(|_| f64::from(rng.below(2 * 9999)) - 9999.0) }
    }

    /// Force along x and torque of the next step.
    fn next(&mut self) -> [f64; 2] {
        let [force, torque] = self.times.map(gust);
        self.times = self.times.map(|time| time + 1.0);
        [force * self.wind.power, torque * self.wind.turbulence]
    }
}

/// Strength of the wind at a time, in [-1, 1].
fn gust(time: f64) -> f64 {
    Real::tanh(Real::sin(0.02 * time) + Real::sin(PI * 0.01 * time))
}

/// The surface: random heights, flat around the pad, each the mean (nearly) of three.
fn ground(rng: &mut Stream) -> [Point; CHUNKS] {
    let mut heights = [0.0; CHUNKS + 1].map(|_: f64| rng.uniform_in(0.0, VIEW[1] / 2.0));
    heights[PAD].fill(PAD_HEIGHT);
    // The first chunk's neighbour on the left is the height after the last chunk.
    let left = |i: usize| heights[(i + CHUNKS) % (CHUNKS + 1)];
    std::array::from_fn(|i| {
        let x = VIEW[0] / (CHUNKS - 1) as f64 * i as f64;
        [x, 0.33 * (left(i) + heights[i] + heights[i + 1])]
    })
}

impl Flight {
    fn new(gravity: f64) -> Self {
        Self {
            world: Simulation::new(gravity),
            hull: Part::default(),
            legs: Default::default(),
            ground: Default::default(),
            engines: Engines::default(),
            worth: None,
            wind: None,
        }
    }

    fn begin(&mut self, conditions: Conditions, rng: &mut Stream) {
        let world = &mut self.world;
        world.clear();
        let ground = ground(rng);
        world.ground_line([0.0, 0.0], [VIEW[0], 0.0], 0.2);
        ground.windows(2).for_each(|ends| world.ground_line(ends[0], ends[1], 0.1));
        let outline = &units(HULL);
        let at = [VIEW[0] / 2.0, VIEW[1]];
        let hull = world.part(&Material { outline, at, angle: 0.0, density: 5.0, friction: 0.1 });
        let force = [0.0; 2].map(|_: f64| rng.uniform_in(-START_FORCE, START_FORCE));
        world.push(hull, force);
        self.wind = conditions.wind.map(|wind| Blowing::new(wind, rng));
        self.legs = [-1.0, 1.0].map(|side| leg(world, hull, at, side));
        (self.hull, self.ground) = (hull, ground);
        (self.engines, self.worth) = (Engines::default(), None);
    }

    /// Whether it can be one, if it was read from a file.
    fn is_sound(&self, conditions: Conditions) -> bool {
        let [left, right] = self.legs;
        self.world.is_sound(conditions.gravity, &[self.hull, left, right], &[])
            && self.wind.as_ref().map(|blowing| blowing.wind) == conditions.wind
    }

    fn advance(&mut self, engines: Engines, rng: &mut Stream) {
        let in_air = !self.legs.iter().any(|leg| self.world.on_ground(*leg));
        if let Some(wind) = self.wind.as_mut().filter(|_| in_air) {
            let [force, torque] = wind.next();
            self.world.push(self.hull, [force, 0.0]);
            self.world.twist(self.hull, torque);
        }
        let noise = [0.0; 2].map(|_: f64| rng.uniform_in(-1.0, 1.0) / SCALE);
        let angle = self.world.angle(self.hull);
        let tip = [Real::sin(angle), Real::cos(angle)];
        let at = self.world.position(self.hull);
        self.fire_main(engines.main, at, tip, noise);
        self.fire_side(engines.side, engines.direction, at, tip, noise);
        self.world.step();
        self.engines = engines;
    }

    fn fire_main(&mut self, power: f64, at: Point, [sin, cos]: Point, noise: Point) {
        let down = MAIN_DOWN + 2.0 * noise[0];
        let nozzle = [sin * down - cos * noise[1], -cos * down - sin * noise[1]];
        let impulse = nozzle.map(|x| -x * MAIN_POWER * power);
        if power > 0.0 {
            self.world.kick(self.hull, impulse, [at[0] + nozzle[0], at[1] + nozzle[1]]);
        }
    }

    fn fire_side(
        &mut self,
        power: f64,
        direction: f64,
        at: Point,
        [sin, cos]: Point,
        noise: Point,
    ) {
        let away = 3.0 * noise[1] + direction * SIDE_AWAY;
        let nozzle = [sin * noise[0] - cos * away, -cos * noise[0] - sin * away];
        let impulse = nozzle.map(|x| -x * SIDE_POWER * power);
        let place = [at[0] + nozzle[0] - sin * SIDE_UP[0], at[1] + nozzle[1] + cos * SIDE_UP[1]];
        if power > 0.0 {
            self.world.kick(self.hull, impulse, place);
        }
    }

    fn state(&self) -> [f64; 8] {
        let [x, y] = self.world.position(self.hull);
        let [vx, vy] = self.world.velocity(self.hull);
        let [left, right] = self.legs.map(|leg| f64::from(u8::from(self.world.on_ground(leg))));
        let half = VIEW.map(|size| size / 2.0);
        [
            (x - half[0]) / half[0],
            (y - (PAD_HEIGHT + LEG_DOWN)) / half[1],
            vx * half[0] / FPS,
            vy * half[1] / FPS,
            self.world.angle(self.hull),
            20.0 * self.world.spin(self.hull) / FPS,
            left,
            right,
        ]
    }

    /// Reward and end of the step that led to this state.
    fn judge(&mut self, state: &[f64; 8]) -> Step {
        let worth = worth(state);
        let gain = self.worth.replace(worth).map_or(0.0, |before| worth - before);
        let fuel = self.engines.main * MAIN_FUEL + self.engines.side * SIDE_FUEL;
        if self.world.is_asleep() {
            Step { reward: 100.0, end: End::Terminated }
        } else if self.world.has_hit(self.hull) || state[0].abs() >= 1.0 {
            Step { reward: -100.0, end: End::Terminated }
        } else {
            Step { reward: gain - fuel, end: End::Continue }
        }
    }
}

/// Hang a leg on the hull, on the right for -1.
fn leg(world: &mut Simulation, hull: Part, [x, y]: Point, side: f64) -> Part {
    let (outline, at) = (&units(LEG), [x - side * LEG_AWAY, y]);
    let angle = side * LEG_TILT;
    let leg = world.part(&Material { outline, at, angle, density: 1.0, friction: 0.2 });
    world.hinge(&Hinge {
        parts: [hull, leg],
        pin: [[0.0, 0.0], [side * LEG_AWAY, LEG_DOWN]],
        range: if side < 0.0 { [0.4, 0.9] } else { [-0.9, -0.4] },
        speed: 0.3 * side,
        torque: SPRING,
    });
    leg
}

/// What a state is worth: nearness, slowness, uprightness, legs on the ground.
fn worth([x, y, vx, vy, angle, _, left, right]: &[f64; 8]) -> f64 {
    let far = (x * x + y * y).sqrt();
    let fast = (vx * vx + vy * vy).sqrt();
    -100.0 * far - 100.0 * fast - 100.0 * angle.abs() + 10.0 * left + 10.0 * right
}

/// Names of landers: `LunarLander-v3`, with `Continuous` or `Windy` in it or both.
pub(crate) fn family(id: &str) -> Option<Box<dyn EnvFactory>> {
    let (continuous, windy) = match id {
        "LunarLander-v3" => (false, false),
        "LunarLanderContinuous-v3" => (true, false),
        "LunarLanderWindy-v3" => (false, true),
        "LunarLanderContinuousWindy-v3" => (true, true),
        _ => return None,
    };
    let actions = if continuous { "two throttles" } else { "4 actions" };
    let wind = if windy { ", in the wind" } else { "" };
    let facts = Facts {
        id: id.into(),
        summary: format!("land between two flags{wind}; 8 observations, {actions}, Box2D"),
        time_limit: Some(1000),
        solved_at: Some(200.0),
    };
    let conditions = Conditions { wind: windy.then(Wind::default), ..Conditions::default() };
    Some(made(facts, move || LunarLander::new(continuous, conditions)))
}

impl Env for LunarLander {
    fn observation_space(&self) -> Space {
        // Where Gymnasium's bounds do not hold, there is none here.
        let far = f32::INFINITY;
        let high = vec![2.5, far, far, far, far, far, 1.0, 1.0];
        Space::Box { low: vec![-2.5, -far, -far, -far, -far, -far, 0.0, 0.0], high }
    }

    fn action_space(&self) -> Space {
        match self.continuous {
            true => Space::uniform_box(2, -1.0, 1.0),
            false => Space::Discrete { n: 4 },
        }
    }

    fn reset(&mut self, rng: &mut Stream, obs: &mut [f32]) {
        let flight = self.flight.get_or_insert_with(|| Flight::new(self.conditions.gravity));
        flight.begin(self.conditions, rng);
        let nothing = Action { discrete: &[0], continuous: &[0.0, 0.0] };
        self.step(nothing, rng, obs);
    }

    fn step(&mut self, action: Action<'_>, rng: &mut Stream, obs: &mut [f32]) -> Step {
        let engines = self.engines(action);
        let flight = self.flight.as_mut().expect("a reset before the first step");
        flight.advance(engines, rng);
        let state = flight.state();
        obs.iter_mut().zip(state).for_each(|(entry, x)| *entry = x as f32);
        flight.judge(&state)
    }

    fn render(&self) -> Option<Scene> {
        self.flight.as_ref().map(picture)
    }

    fn snapshot(&self) -> Option<Vec<u8>> {
        self.flight.as_ref().map(snapshot::encode_json)
    }

    fn restore(&mut self, snapshot: &[u8]) -> Result<(), EnvError> {
        let is_sound = |flight: &Flight| flight.is_sound(self.conditions);
        self.flight = Some(snapshot::decode_json(snapshot, is_sound)?);
        Ok(())
    }

    fn action_names(&self) -> &'static [&'static str] {
        if self.continuous {
            &[]
        } else {
            &["nothing", "left engine", "main engine", "right engine"]
        }
    }
}

const SKY: Color = Color(18, 20, 30);
const MOON: Color = Color(190, 190, 190);
const CRAFT: Color = Color(86, 180, 233);
const LEGS: Color = Color(0, 114, 178);
const FLAME: Color = Color(230, 159, 0);
const FLAG: Color = Color(240, 228, 66);

fn picture(flight: &Flight) -> Scene {
    let on_screen = |[x, y]: Point| (x * SCALE, (VIEW[1] - y) * SCALE);
    let mut scene = Scene::new(VIEW[0] * SCALE, VIEW[1] * SCALE, SKY);
    let bottom = [[VIEW[0], 0.0], [0.0, 0.0]].into_iter();
    scene.area(&flight.ground.into_iter().chain(bottom).map(on_screen).collect::<Vec<_>>(), MOON);
    for [x, y] in [flight.ground[PAD][1], flight.ground[PAD][3]] {
        let top = y + 50.0 / SCALE;
        scene.line(&[on_screen([x, y]), on_screen([x, top])], 1.5, MOON);
        let flag = [[x, top], [x, top - 10.0 / SCALE], [x + 25.0 / SCALE, top - 5.0 / SCALE]];
        scene.area(&flag.map(on_screen), FLAG);
    }
    let place = |[x, y]: Point| on_screen(flight.world.place(flight.hull, [x / SCALE, y / SCALE]));
    let Engines { main, side, direction } = flight.engines;
    let below = [[-6.0, -10.0], [6.0, -10.0], [0.0, -10.0 - 30.0 * main]];
    scene.area(&below.map(place), FLAME);
    if side > 0.0 {
        let out = -direction;
        let beside =
            [[17.0 * out, 10.0], [17.0 * out, 16.0], [17.0 * out + 18.0 * side * out, 13.0]];
        scene.area(&beside.map(place), FLAME);
    }
    let corners = |part| flight.world.corners(part).into_iter().map(on_screen).collect::<Vec<_>>();
    flight.legs.iter().for_each(|leg| scene.area(&corners(*leg), LEGS));
    scene.area(&corners(flight.hull), CRAFT);
    scene
}

#[cfg(test)]
mod tests {
    use super::*;
    use gradwerk_math::Purpose;

    fn rng(seed: u64) -> Stream {
        Stream::new(seed, Purpose::Test, 0, 0)
    }

    /// Rewards and observations of an episode in which `act` chooses.
    fn play(seed: u64, act: impl Fn(&[f32; 8]) -> u32) -> Vec<(Step, [f32; 8])> {
        let (mut env, mut rng) = (LunarLander::new(false, Conditions::default()), rng(seed));
        let mut obs = [0.0; 8];
        env.reset(&mut rng, &mut obs);
        let mut steps = Vec::new();
        while steps.last().is_none_or(|(step, _): &(Step, _)| step.end == End::Continue) {
            let action = [act(&obs)];
            let step = env.step(Action { discrete: &action, continuous: &[] }, &mut rng, &mut obs);
            steps.push((step, obs));
        }
        steps
    }

    #[test]
    fn actions_are_what_engines_do() {
        let of = |main, side, direction| Engines { main, side, direction };
        assert_eq!(Engines::of_choice(0), of(0.0, 0.0, -2.0));
        assert_eq!(Engines::of_choice(1), of(0.0, 1.0, -1.0));
        assert_eq!(Engines::of_choice(2), of(1.0, 0.0, 0.0));
        assert_eq!(Engines::of_choice(3), of(0.0, 1.0, 1.0));
        assert_eq!(Engines::of_throttles([0.0, 0.5]), of(0.0, 0.0, 1.0));
        assert_eq!(Engines::of_throttles([0.5, -0.75]), of(0.75, 0.75, -1.0));
        assert_eq!(Engines::of_throttles([9.0, -9.0]), of(1.0, 1.0, -1.0));
        let lost = Engines::of_throttles([f32::NAN, f32::NAN]);
        assert!(lost.main.is_nan() && lost.side.is_nan());
    }

    #[test]
    fn the_pad_is_flat_and_the_first_height_sees_the_last() {
        let heights = |seed| {
            let mut rng = rng(seed);
            [0.0; CHUNKS + 1].map(|_: f64| rng.uniform_in(0.0, VIEW[1] / 2.0))
        };
        let (drawn, ground) = (heights(3), ground(&mut rng(3)));
        let pad = 0.33 * 3.0 * PAD_HEIGHT;
        assert!(ground[4..=6].iter().all(|[_, y]| (y - pad).abs() < 1e-12));
        let first = 0.33 * (drawn[CHUNKS] + drawn[0] + drawn[1]);
        assert!((ground[0][1] - first).abs() < 1e-12);
        assert_eq!((ground[0][0], ground[CHUNKS - 1][0]), (0.0, VIEW[0]));
    }

    #[test]
    fn who_does_nothing_falls_and_crashes() {
        let steps = play(1, |_| 0);
        let (last, _) = steps.last().unwrap();
        assert_eq!(*last, Step { reward: -100.0, end: End::Terminated });
        // 10 m/s^2 for a fiftieth of a second, in the observation's units.
        let change = (steps[20].1[3] - steps[10].1[3]) / 10.0;
        assert!((change - -10.0 / 50.0 * (VIEW[1] / 2.0 / FPS) as f32).abs() < 1e-3, "{change}");
    }

    /// Turn upright, brake, and come to rest wherever the ground is flat enough.
    fn brake([_, _, _, vy, angle, spin, left, right]: &[f32; 8]) -> u32 {
        let turn = if left + right > 0.0 { 0.0 } else { -0.5 * angle - spin };
        match () {
            () if *vy < -0.15 => 2,
            () if turn < -0.05 => 3,
            () if turn > 0.05 => 1,
            () => 0,
        }
    }

    #[test]
    fn at_rest_the_flight_has_succeeded() {
        let ends = (0..40).filter_map(|seed| play(seed, brake).last().copied());
        let landed: Vec<_> = ends.filter(|(step, _)| step.reward > 0.0).collect();
        assert!(!landed.is_empty(), "none of 40 lands");
        for (last, obs) in landed {
            assert_eq!(last, Step { reward: 100.0, end: End::Terminated });
            assert_eq!([obs[2], obs[3], obs[5]], [0.0; 3], "{obs:?}");
        }
    }

    #[test]
    fn wind_blows_in_the_air_only_and_never_beyond_its_power() {
        let wind = Wind { power: 20.0, turbulence: 2.0 };
        let mut blowing = Blowing::new(wind, &mut rng(5));
        for _ in 0..2000 {
            let [force, torque] = blowing.next();
            assert!(force.abs() <= 20.0 && torque.abs() <= 2.0);
        }
        let mut flight = Flight::new(-10.0);
        flight.begin(Conditions { wind: Some(wind), gravity: -10.0 }, &mut rng(0));
        let times = |flight: &Flight| flight.wind.as_ref().unwrap().times;
        let before = times(&flight);
        flight.advance(Engines::default(), &mut rng(0));
        assert_eq!(times(&flight), before.map(|time| time + 1.0));
        while !flight.legs.iter().any(|leg| flight.world.on_ground(*leg)) {
            flight.advance(Engines::default(), &mut rng(0));
        }
        let before = times(&flight);
        flight.advance(Engines::default(), &mut rng(0));
        assert_eq!(times(&flight), before);
    }
}
