//! BipedalWalker-v3 and its hardcore variant: walk to the end of the way on two legs.
//!
//! Bodies, motors, way, observation, reward and ends are those of Gymnasium 1.4.

use super::simulation::{Hinge, Joint, Material, Part, Point, Simulation};
use super::terrain::{LEVEL, PACE, POINTS, START, Way};
use super::{FPS, SCALE, VIEW, units};
use crate::picture::{Color, Scene};
use crate::registry::{EnvFactory, Facts, made};
use crate::{Action, End, Env, EnvError, Space, Step, snapshot};
use gradwerk_math::{Real, Stream};
use serde::{Deserialize, Serialize};

const GRAVITY: f64 = -10.0;
const WIDTH: usize = 24;
const JOINTS: usize = 4;
const RAYS: usize = 10;
/// How far a ray reaches.
const SIGHT: f64 = 160.0 / SCALE;
const TORQUE: f64 = 80.0;
/// Speeds of hips and knees under full power.
const SPEED: [f64; 2] = [4.0, 6.0];
const HIP_RANGE: [f64; 2] = [-0.8, 1.1];
const KNEE_RANGE: [f64; 2] = [-1.6, -0.1];
const HULL: [Point; 5] = [[-30.0, 9.0], [6.0, 9.0], [34.0, 1.0], [34.0, -8.0], [-30.0, -8.0]];
const LEG: [f64; 2] = [8.0 / SCALE, 34.0 / SCALE];
/// Width of the lower leg, of the upper one's.
const SLENDER: f64 = 0.8;
/// Height of the hips above the hull's origin.
const HIPS: f64 = -8.0 / SCALE;
const LEG_TILT: f64 = 0.05;
const GROUND_FRICTION: f64 = 2.5;
const LEG_FRICTION: f64 = 0.2;
/// Largest force along x that begins an episode.
const START_FORCE: f64 = 5.0;
/// Where the last ten paces of the way begin.
const GOAL: f64 = (POINTS - 10) as f64 * PACE;
const EFFORT: f64 = 0.000_35 * TORQUE;

/// A hull on two legs of two parts.
///
/// Observation: angle and angular velocity of the hull, its velocity; angle and speed of hip and
/// knee and whether the foot touches the ground, for either leg; the shares of ten rays' ways
/// that are free. Action: four motors in [-1, 1], hip and knee of either leg. Reward: the way
/// made, 300 for all of it, minus 5 per radian that the hull tilts, minus effort; -100 if the hull
/// touches the ground or the start is left backwards. Ends with that, or near the end of the way.
pub struct BipedalWalker {
    hard: bool,
    walk: Option<Walk>,
}

/// An episode.
#[derive(Serialize, Deserialize)]
struct Walk {
    world: Simulation,
    way: Way,
    hull: Part,
    /// Upper and lower, of either leg.
    legs: [[Part; 2]; 2],
    /// Hip and knee, of either leg.
    joints: [[Joint; 2]; 2],
    /// What the state was worth after the last step.
    worth: Option<f64>,
}

impl BipedalWalker {
    /// A walker on grass, or among obstacles.
    #[must_use]
    pub fn new(hard: bool) -> Self {
        Self { hard, walk: None }
    }
}

impl Walk {
    fn new() -> Self {
        Self {
            world: Simulation::new(GRAVITY),
            way: Way::default(),
            hull: Part::default(),
            legs: Default::default(),
            joints: Default::default(),
            worth: None,
        }
    }

    fn begin(&mut self, hard: bool, rng: &mut Stream) {
        let Self { world, way, .. } = self;
        world.clear();
        way.renew(hard, rng);
        way.blocks.iter().for_each(|block| world.ground_block(block, GROUND_FRICTION));
        way.points.windows(2).for_each(|e| world.ground_line(e[0], e[1], GROUND_FRICTION));
        let at = [PACE * START as f64 / 2.0, LEVEL + 2.0 * LEG[1]];
        let outline = &units(HULL);
        let hull = world.part(&Material { outline, at, angle: 0.0, density: 5.0, friction: 0.1 });
        world.push(hull, [rng.uniform_in(-START_FORCE, START_FORCE), 0.0]);
        let [left, right] = [-1.0, 1.0].map(|side| leg(world, hull, at, side));
        (self.hull, self.legs, self.joints) = (hull, [left.0, right.0], [left.1, right.1]);
        self.worth = None;
        self.advance(&[0.0; JOINTS]);
    }

    /// Whether it can be one, if it was read from a file.
    fn is_sound(&self, hard: bool) -> bool {
        let parts = [&[self.hull], self.legs.as_flattened()].concat();
        self.way.points.len() == POINTS
            && self.way.blocks.is_empty() != hard
            && self.world.is_sound(GRAVITY, &parts, self.joints.as_flattened())
    }

    fn advance(&mut self, motors: &[f32]) {
        let joints = self.joints.into_iter().flatten();
        for (k, (joint, motor)) in joints.zip(motors).enumerate() {
            let motor = f64::from(*motor);
            let sign = if motor == 0.0 { 0.0 } else { motor.signum() };
            let power = Real::clip(motor.abs(), 0.0, 1.0);
            self.world.drive(joint, SPEED[k % 2] * sign, TORQUE * power);
        }
        self.world.step();
    }

    fn show(&self, obs: &mut [f32]) {
        obs.iter_mut().zip(self.observe()).for_each(|(entry, x)| *entry = x as f32);
    }

    fn observe(&self) -> [f64; WIDTH] {
        let mut row = [0.0; WIDTH];
        let (body, rays) = row.split_at_mut(WIDTH - RAYS);
        let [vx, vy] = self.world.velocity(self.hull);
        body[0] = self.world.angle(self.hull);
        body[1] = 2.0 * self.world.spin(self.hull) / FPS;
        body[2] = 0.3 * vx * VIEW[0] / FPS;
        body[3] = 0.3 * vy * VIEW[1] / FPS;
        let (left, right) = body[4..].split_at_mut(5);
        left.copy_from_slice(&self.leg(0));
        right.copy_from_slice(&self.leg(1));
        let [x, y] = self.world.position(self.hull);
        for (k, ray) in rays.iter_mut().enumerate() {
            let angle = 1.5 * k as f64 / RAYS as f64;
            let to = [x + Real::sin(angle) * SIGHT, y - Real::cos(angle) * SIGHT];
            *ray = self.world.look([x, y], to);
        }
        row
    }

    /// Angles and speeds of hip and knee, and whether the foot is on the ground.
    fn leg(&self, k: usize) -> [f64; 5] {
        let (world, [hip, knee]) = (&self.world, self.joints[k]);
        [
            world.joint_angle(hip),
            world.joint_speed(hip) / SPEED[0],
            world.joint_angle(knee) + 1.0,
            world.joint_speed(knee) / SPEED[1],
            f64::from(u8::from(world.on_ground(self.legs[k][1]))),
        ]
    }

    /// Reward and end of the step that these motors made.
    fn judge(&mut self, motors: &[f32]) -> Step {
        let [x, _] = self.world.position(self.hull);
        let worth = 130.0 * x / SCALE - 5.0 * self.world.angle(self.hull).abs();
        let gain = self.worth.replace(worth).map_or(0.0, |before| worth - before);
        if self.world.has_hit(self.hull) || x < 0.0 {
            return Step { reward: -100.0, end: End::Terminated };
        }
        let effort: f64 = motors.iter().map(|m| Real::clip(f64::from(m.abs()), 0.0, 1.0)).sum();
        let end = if x > GOAL { End::Terminated } else { End::Continue };
        Step { reward: gain - EFFORT * effort, end }
    }
}

/// A leg on the hull: its parts, its hip and its knee.
fn leg(world: &mut Simulation, hull: Part, [x, y]: Point, side: f64) -> ([Part; 2], [Joint; 2]) {
    let angle = side * LEG_TILT;
    let mut limb = |width: f64, drop: f64| {
        let outline = &half_box(width / 2.0, LEG[1] / 2.0);
        let at = [x, y - drop * LEG[1] - HIPS];
        world.part(&Material { outline, at, angle, density: 1.0, friction: LEG_FRICTION })
    };
    let (upper, lower) = (limb(LEG[0], 0.5), limb(SLENDER * LEG[0], 1.5));
    let end = LEG[1] / 2.0;
    let hip = world.hinge(&Hinge {
        parts: [hull, upper],
        pin: [[0.0, HIPS], [0.0, end]],
        range: HIP_RANGE,
        speed: side,
        torque: TORQUE,
    });
    let knee = world.hinge(&Hinge {
        parts: [upper, lower],
        pin: [[0.0, -end], [0.0, end]],
        range: KNEE_RANGE,
        speed: 1.0,
        torque: TORQUE,
    });
    ([upper, lower], [hip, knee])
}

/// A box around the origin.
fn half_box(x: f64, y: f64) -> [Point; 4] {
    [[-x, -y], [x, -y], [x, y], [-x, y]]
}

/// Names of walkers: `BipedalWalker-v3` and `BipedalWalkerHardcore-v3`.
pub(crate) fn family(id: &str) -> Option<Box<dyn EnvFactory>> {
    let (hard, way, time_limit) = match id {
        "BipedalWalker-v3" => (false, "over rolling grass", 1600),
        "BipedalWalkerHardcore-v3" => (true, "over pits, stumps and stairs", 2000),
        _ => return None,
    };
    let facts = Facts {
        id: id.into(),
        summary: format!("walk on two legs {way}; 24 observations, 4 motors, Box2D"),
        time_limit: Some(time_limit),
        solved_at: Some(300.0),
    };
    Some(made(facts, move || BipedalWalker::new(hard)))
}

impl Env for BipedalWalker {
    fn observation_space(&self) -> Space {
        // Where Gymnasium's bounds do not hold, there is none here.
        let (pi, far) = (std::f32::consts::PI, f32::INFINITY);
        let row = |hull: f32, leg: [f32; 5], ray: f32| {
            [&[hull; 4][..], &leg, &leg, &[ray; RAYS]].concat()
        };
        let low = row(-far, [-pi, -far, -pi, -far, 0.0], 0.0);
        Space::Box { low, high: row(far, [pi, far, pi, far, 1.0], 1.0) }
    }

    fn action_space(&self) -> Space {
        Space::uniform_box(JOINTS, -1.0, 1.0)
    }

    fn reset(&mut self, rng: &mut Stream, obs: &mut [f32]) {
        let walk = self.walk.get_or_insert_with(Walk::new);
        walk.begin(self.hard, rng);
        walk.show(obs);
        walk.judge(&[0.0; JOINTS]);
    }

    fn step(&mut self, action: Action<'_>, _rng: &mut Stream, obs: &mut [f32]) -> Step {
        let walk = self.walk.as_mut().expect("a reset before the first step");
        walk.advance(action.continuous);
        walk.show(obs);
        walk.judge(action.continuous)
    }

    fn render(&self) -> Option<Scene> {
        self.walk.as_ref().map(picture)
    }

    fn snapshot(&self) -> Option<Vec<u8>> {
        self.walk.as_ref().map(snapshot::encode_json)
    }

    fn restore(&mut self, snapshot: &[u8]) -> Result<(), EnvError> {
        let is_sound = |walk: &Walk| walk.is_sound(self.hard);
        self.walk = Some(snapshot::decode_json(snapshot, is_sound)?);
        Ok(())
    }
}

const SKY: Color = Color(215, 215, 255);
const GRASS: Color = Color(102, 153, 76);
const WALL: Color = Color(110, 110, 110);
const CRAFT: Color = Color(0, 114, 178);
/// Of the leg behind and the one in front.
const LEGS: [Color; 2] = [Color(120, 90, 130), Color(204, 121, 167)];

fn picture(walk: &Walk) -> Scene {
    let left = walk.world.position(walk.hull)[0] - VIEW[0] / 5.0;
    let on_screen = |[x, y]: Point| ((x - left) * SCALE, (VIEW[1] - y) * SCALE);
    let in_view = |[x, _]: &Point| (left - PACE..left + VIEW[0] + PACE).contains(x);
    let mut scene = Scene::new(VIEW[0] * SCALE, VIEW[1] * SCALE, SKY);
    let surface: Vec<Point> = walk.way.points.iter().copied().filter(in_view).collect();
    let bottom = surface.iter().rev().map(|[x, _]| [*x, 0.0]);
    let grass: Vec<_> = surface.iter().copied().chain(bottom).map(on_screen).collect();
    scene.area(&grass, GRASS);
    for block in walk.way.blocks.iter().filter(|block| block.iter().any(in_view)) {
        scene.area(&block.map(on_screen), WALL);
    }
    let corners = |part| walk.world.corners(part).into_iter().map(on_screen).collect::<Vec<_>>();
    for (leg, color) in walk.legs.iter().zip(LEGS) {
        leg.iter().for_each(|part| scene.area(&corners(*part), color));
    }
    scene.area(&corners(walk.hull), CRAFT);
    scene
}

#[cfg(test)]
mod tests {
    use super::*;
    use gradwerk_math::Purpose;

    fn start(hard: bool) -> (BipedalWalker, Stream, [f32; WIDTH]) {
        let (mut env, mut rng) = (BipedalWalker::new(hard), Stream::new(2, Purpose::Test, 0, 0));
        let mut obs = [0.0; WIDTH];
        env.reset(&mut rng, &mut obs);
        (env, rng, obs)
    }

    /// Gymnasium's first observation, the mean of 50 resets; its legs and velocities vary by 0.002.
    #[test]
    fn it_begins_as_in_gymnasium() {
        let theirs = [
            0.002_7, 0.0, 0.0, -0.016, // hull
            0.092_2, 0.0, 0.860_1, 0.0, 1.0, 0.032_5, 0.0, 0.853_7, 0.0, 1.0, // legs
            0.440_8, 0.445_8, 0.461_4, 0.489_6, 0.534_1, // rays
            0.602_5, 0.709_1, 0.885_9, 1.0, 1.0,
        ];
        for (hard, rays) in [(false, WIDTH), (true, WIDTH - 2)] {
            let (_, _, obs) = start(hard);
            for (k, (ours, theirs)) in obs.iter().zip(theirs).enumerate().take(rays) {
                assert!((ours - theirs).abs() < 0.004, "entry {k}: {ours} {theirs}");
            }
        }
    }

    #[test]
    fn it_begins_upright_above_the_ground() {
        let (env, _, obs) = start(false);
        assert!(obs[0].abs() < 0.05, "tilt {}", obs[0]);
        // The first ray goes straight down, the later ones reach farther.
        let height = env.walk.as_ref().map(|walk| walk.world.position(walk.hull)[1]).unwrap();
        let down = ((height - LEVEL) / SIGHT) as f32;
        assert!((obs[14] - down).abs() < 1e-5, "{} {down}", obs[14]);
        assert!(obs[14..].is_sorted(), "{:?}", &obs[14..]);
    }

    /// Hull and legs of Gymnasium's walker after so many steps with resting motors, the mean of
    /// 100 episodes; they vary by 0.007 at most. The first step fits the legs to their hips, which
    /// makes the feet bounce.
    #[rustfmt::skip]
    const SINKING: [(usize, [f32; WIDTH - RAYS]); 4] = [
        (1, [-0.0052, 0.0, -0.0036, -0.0013,
             0.4356, 0.0684, 0.1156, -0.0861, 1.0, 0.3383, 0.0710, 0.1172, -0.0897, 1.0]),
        (2, [-0.0052, 0.0001, -0.0031, -0.0180,
             0.4393, 0.0495, 0.1095, -0.0475, 0.0, 0.3426, 0.0520, 0.1106, -0.0507, 0.0]),
        (5, [-0.0054, -0.0006, -0.0065, -0.0634,
             0.4656, 0.2332, 0.0629, -0.2961, 1.0, 0.3696, 0.2336, 0.0632, -0.2962, 1.0]),
        (8, [-0.0067, -0.0010, -0.0084, -0.1104,
             0.5411, 0.3544, -0.0802, -0.4505, 1.0, 0.4454, 0.3550, -0.0803, -0.4504, 1.0]),
    ];

    #[test]
    fn it_sinks_as_in_gymnasium() {
        let (mut env, mut rng, mut obs) = start(false);
        let action = Action { discrete: &[], continuous: &[0.0; JOINTS] };
        let mut steps = 0;
        for (when, theirs) in SINKING {
            while steps < when {
                env.step(action, &mut rng, &mut obs);
                steps += 1;
            }
            for (k, (ours, theirs)) in obs.iter().zip(theirs).enumerate() {
                assert!((ours - theirs).abs() < 0.02, "step {steps}, entry {k}: {ours} {theirs}");
            }
        }
    }

    #[test]
    fn a_motor_turns_its_joint_and_costs_its_power() {
        for (motor, entry) in [(0, 4), (1, 6), (2, 9), (3, 11)] {
            let angle_after = |power: f32| {
                let (mut env, mut rng, mut obs) = start(false);
                let mut motors = [0.0; JOINTS];
                motors[motor] = power;
                let action = Action { discrete: &[], continuous: &motors };
                let step = env.step(action, &mut rng, &mut obs);
                (obs[entry], step.reward)
            };
            let ((back, _), (ahead, _)) = (angle_after(-1.0), angle_after(1.0));
            assert!(ahead > back + 0.01, "motor {motor}: {back} {ahead}");
            // Beyond full power nothing is gained and nothing charged.
            assert_eq!(angle_after(3.0), angle_after(1.0));
        }
    }

    #[test]
    fn without_power_it_falls() {
        for hard in [false, true] {
            let (mut env, mut rng, mut obs) = start(hard);
            let action = Action { discrete: &[], continuous: &[0.0; JOINTS] };
            let mut steps = (0..500).map(|_| env.step(action, &mut rng, &mut obs));
            let last = steps.find(|step| step.end.is_end());
            assert_eq!(last, Some(Step { reward: -100.0, end: End::Terminated }));
        }
    }
}
