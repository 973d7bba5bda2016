//! Rules of thumb for the games.

use super::Rule;

const SIDE: i32 = 10;

/// The channels of an observation.
struct Board<'a>(&'a [f32]);

impl Board<'_> {
    fn has(&self, channel: usize, (x, y): (i32, i32)) -> bool {
        let inside = (0..SIDE).contains(&x) && (0..SIDE).contains(&y);
        inside && self.0[channel * 100 + (y * SIDE + x) as usize] > 0.0
    }

    fn all(&self, channel: usize) -> Vec<(i32, i32)> {
        let cells = (0..SIDE).flat_map(|y| (0..SIDE).map(move |x| (x, y)));
        cells.filter(|at| self.has(channel, *at)).collect()
    }

    /// The first object of a kind, counted row by row.
    fn first(&self, channel: usize) -> Option<(i32, i32)> {
        self.all(channel).into_iter().next()
    }
}

pub fn rule(id: &str) -> Option<Rule> {
    let act: fn(&Board<'_>) -> u32 = match id {
        "games/bricks" => bricks,
        "games/collector" => collector,
        "games/crossing" => crossing,
        "games/shooter" => shooter,
        _ => return None,
    };
    Some(Box::new(move |obs, _| (vec![act(&Board(obs))], vec![])))
}

/// Go where the ball will come down, foreseen brick by brick.
fn bricks(board: &Board<'_>) -> u32 {
    let (Some(paddle), Some(ball)) = (board.first(0), board.first(1)) else { return 0 };
    let Some(ahead) = board.first(2) else { return 0 };
    let ((mut x, mut y), mut dx, mut dy) = (ball, ahead.0 - ball.0, ahead.1 - ball.1);
    let mut broken = vec![];
    while y < 9 {
        dx = if (0..SIDE).contains(&(x + dx)) { dx } else { -dx };
        dy = if y + dy < 0 { 1 } else { dy };
        let next = (x + dx, y + dy);
        if board.has(3, next) && !broken.contains(&next) {
            broken.push(next);
            dy = -dy;
        } else {
            (x, y) = next;
        }
    }
    match x - paddle.0 {
        0 | 1 => 0,
        d if d < 0 => 1,
        _ => 2,
    }
}

/// Step towards the nearest gem where no enemy is or will be.
fn collector(board: &Board<'_>) -> u32 {
    let Some((x, y)) = board.first(0) else { return 0 };
    let after = |(a, b): (i32, i32)| match board.has(4, (a, b)) {
        false => (a, b),
        true if board.has(3, (a - 1, b)) || a == 0 => (a + 1, b),
        true => (a - 1, b),
    };
    let enemies = board.all(2);
    let gems: Vec<(i32, i32)> = board.all(1).into_iter().map(after).collect();
    let cost = |action: &u32| {
        let (dx, dy) = [(0, 0), (-1, 0), (1, 0), (0, -1), (0, 1)][*action as usize];
        let at = ((x + dx).clamp(0, 9), (y + dy).clamp(0, 9));
        let hit = enemies.iter().any(|e| *e == at || after(*e) == at);
        let near = enemies.iter().any(|e| e.1 == at.1 && (after(*e).0 - at.0).abs() <= 1);
        let far = gems.iter().map(|g| (g.0 - at.0).abs() + (g.1 - at.1).abs()).min();
        i32::from(hit) * 1000 + i32::from(near) * 100 + far.unwrap_or(0)
    };
    (0..5).min_by_key(cost).unwrap_or(0)
}

/// Walk up unless the next row is taken now or after this step; then stay, or go back.
fn crossing(board: &Board<'_>) -> u32 {
    let Some((x, y)) = board.first(0) else { return 0 };
    let arrives = |from: i32, y: i32| {
        let from = (from + SIDE) % SIDE;
        let behind = (2 * from - x + SIDE) % SIDE;
        board.has(1, (from, y)) && board.has(3, (from, y)) && board.has(2, (behind, y))
    };
    let taken = |y: i32| board.has(1, (x, y)) || arrives(x - 1, y) || arrives(x + 1, y);
    match (taken(y - 1), taken(y)) {
        (false, _) => 1,
        (true, false) => 0,
        (true, true) => 2,
    }
}

/// Leave a falling bomb, otherwise fire below the lowest alien of the nearest column.
fn shooter(board: &Board<'_>) -> u32 {
    let Some((x, _)) = board.first(0) else { return 0 };
    let bombed = |x: i32| (7..9).any(|y| board.has(6, (x, y)));
    if bombed(x) {
        let safe = |x: i32| (0..SIDE).contains(&x) && !bombed(x);
        return if safe(x - 1) { 1 } else { 2 };
    }
    let aliens = board.all(1);
    let Some(aim) = aliens.iter().min_by_key(|a| ((a.0 - x).abs(), -a.1)) else { return 0 };
    let step = (aim.0 - x).signum();
    match step {
        0 => 3,
        _ if bombed(x + step) => 3,
        -1 => 1,
        _ => 2,
    }
}
