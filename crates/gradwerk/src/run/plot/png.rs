//! A scene as PNG, at two pixels per unit so that it is sharp on today's screens and on paper.

use tiny_skia::{
    FillRule, IntSize, LineJoin, Paint, Path, PathBuilder, Pixmap, Stroke, StrokeDash, Transform,
};
use ttf_parser::OutlineBuilder;

use super::font::Font;
use gradwerk_env::picture::{Anchor, Color, Item, Scene};

/// Pixels per unit of the scene.
pub const SCALE: f32 = 2.0;

/// A scene as pixels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pixels {
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// Red, green and blue of every pixel, row by row from the top.
    pub rgb: Vec<u8>,
}

/// The PNG file of a scene, at [`SCALE`] pixels per unit.
///
/// # Panics
/// If the scene has no area, or one that does not fit into memory.
#[must_use]
pub fn encode(scene: &Scene) -> Vec<u8> {
    canvas(scene, SCALE).encode_png().expect("PNG into memory")
}

/// The PNG file of pixels.
///
/// # Panics
/// If there are none, or not three bytes for each.
#[must_use]
pub fn encode_pixels(image: &Pixels) -> Vec<u8> {
    let opaque = image.rgb.chunks_exact(3).flat_map(|p| [p[0], p[1], p[2], 255]).collect();
    let size = IntSize::from_wh(image.width as u32, image.height as u32).expect("some pixels");
    let canvas = Pixmap::from_vec(opaque, size).expect("three bytes per pixel");
    canvas.encode_png().expect("PNG into memory")
}

/// The pixels of a scene, `scale` per unit.
///
/// # Panics
/// As [`encode`].
#[must_use]
pub fn pixels(scene: &Scene, scale: f32) -> Pixels {
    let canvas = canvas(scene, scale);
    let (width, height) = (canvas.width() as usize, canvas.height() as usize);
    // The ground is opaque, so that premultiplied and plain colours are the same.
    let rgb = canvas.pixels().iter().flat_map(|p| [p.red(), p.green(), p.blue()]).collect();
    Pixels { width, height, rgb }
}

fn canvas(scene: &Scene, scale: f32) -> Pixmap {
    let length = |units: f64| (units as f32 * scale).ceil() as u32;
    let mut canvas =
        Pixmap::new(length(scene.width), length(scene.height)).expect("a scene has an area");
    let Color(r, g, b) = scene.ground;
    canvas.fill(tiny_skia::Color::from_rgba8(r, g, b, 255));
    let zoom = Transform::from_scale(scale, scale);
    let font = Font::load();
    for item in &scene.items {
        draw(&mut canvas, &font, item, zoom);
    }
    canvas
}

fn draw(canvas: &mut Pixmap, font: &Font, item: &Item, zoom: Transform) {
    match item {
        Item::Line { points, color, width, opacity, dash } => {
            let stroke = Stroke {
                width: *width as f32,
                line_join: LineJoin::Round,
                dash: dash.and_then(|(on, off)| StrokeDash::new(vec![on as f32, off as f32], 0.0)),
                ..Stroke::default()
            };
            if let Some(path) = through(points, false) {
                canvas.stroke_path(&path, &paint(*color, *opacity), &stroke, zoom, None);
            }
        }
        Item::Area { points, color, opacity } => {
            fill(canvas, through(points, true), &paint(*color, *opacity), zoom);
        }
        Item::Dot { at, radius, color } => {
            let circle = PathBuilder::from_circle(at.0 as f32, at.1 as f32, *radius as f32);
            fill(canvas, circle, &paint(*color, 1.0), zoom);
        }
        Item::Text { at, text, size, anchor, color, upwards } => {
            let shift = match anchor {
                Anchor::Start => 0.0,
                Anchor::Middle => -0.5,
                Anchor::End => -1.0,
            } * font.width(text, *size);
            let place = |x: f64, y: f64| {
                // (x, y) to the right of and above the anchor
                let (x, y) = (x + shift, y);
                if *upwards { (at.0 - y, at.1 - x) } else { (at.0 + x, at.1 - y) }
            };
            let outline = letters(font, text, *size, &place);
            fill(canvas, outline, &paint(*color, 1.0), zoom);
        }
    }
}

fn fill(canvas: &mut Pixmap, path: Option<Path>, paint: &Paint<'_>, zoom: Transform) {
    // A path without extent has no ink.
    if let Some(path) = path {
        canvas.fill_path(&path, paint, FillRule::Winding, zoom, None);
    }
}

fn paint(Color(r, g, b): Color, opacity: f64) -> Paint<'static> {
    let mut paint = Paint::default();
    paint.set_color_rgba8(r, g, b, (opacity * 255.0).round() as u8);
    paint.anti_alias = true;
    paint
}

fn through(points: &[(f64, f64)], close: bool) -> Option<Path> {
    let mut builder = PathBuilder::new();
    for (i, &(x, y)) in points.iter().enumerate() {
        if i == 0 {
            builder.move_to(x as f32, y as f32);
        } else {
            builder.line_to(x as f32, y as f32);
        }
    }
    if close {
        builder.close();
    }
    builder.finish()
}

/// The outline of a text; `place` maps (right, up) from the anchor to the canvas.
fn letters(
    font: &Font,
    text: &str,
    size: f64,
    place: &dyn Fn(f64, f64) -> (f64, f64),
) -> Option<Path> {
    let mut pen = Pen { path: PathBuilder::new(), scale: size / font.units(), left: 0.0, place };
    font.glyphs(text, |x, glyph| {
        pen.left = x * size;
        font.outline(glyph, &mut pen);
    });
    pen.path.finish()
}

/// Draws the outline of one letter.
struct Pen<'a> {
    path: PathBuilder,
    scale: f64,
    left: f64,
    place: &'a dyn Fn(f64, f64) -> (f64, f64),
}

impl Pen<'_> {
    fn to(&self, x: f32, y: f32) -> (f32, f32) {
        let (x, y) = (self.place)(self.left + f64::from(x) * self.scale, f64::from(y) * self.scale);
        (x as f32, y as f32)
    }
}

impl OutlineBuilder for Pen<'_> {
    fn move_to(&mut self, x: f32, y: f32) {
        let (x, y) = self.to(x, y);
        self.path.move_to(x, y);
    }
    fn line_to(&mut self, x: f32, y: f32) {
        let (x, y) = self.to(x, y);
        self.path.line_to(x, y);
    }
    fn quad_to(&mut self, x1: f32, y1: f32, x: f32, y: f32) {
        let ((x1, y1), (x, y)) = (self.to(x1, y1), self.to(x, y));
        self.path.quad_to(x1, y1, x, y);
    }
    fn curve_to(&mut self, x1: f32, y1: f32, x2: f32, y2: f32, x: f32, y: f32) {
        let ((x1, y1), (x2, y2), (x, y)) = (self.to(x1, y1), self.to(x2, y2), self.to(x, y));
        self.path.cubic_to(x1, y1, x2, y2, x, y);
    }
    fn close(&mut self) {
        self.path.close();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pixels(item: Item) -> Pixmap {
        let white = Color(255, 255, 255);
        let scene = Scene { items: vec![item], ..Scene::new(20.0, 20.0, white) };
        Pixmap::decode_png(&encode(&scene)).unwrap()
    }

    fn dark(canvas: &Pixmap, x: std::ops::Range<u32>, y: std::ops::Range<u32>) -> usize {
        let one = |x, y| usize::from(canvas.pixel(x, y).unwrap().red() < 128);
        y.map(|y| x.clone().map(|x| one(x, y)).sum::<usize>()).sum()
    }

    #[test]
    fn an_area_covers_its_pixels() {
        let points = vec![(5.0, 5.0), (15.0, 5.0), (15.0, 10.0), (5.0, 10.0)];
        let canvas = pixels(Item::Area { points, color: Color(0, 0, 0), opacity: 1.0 });
        // 10 x 5 units at 2 x 2 pixels each
        assert_eq!(dark(&canvas, 0..40, 0..40), 200);
        assert_eq!(dark(&canvas, 10..30, 10..20), 200);
    }

    #[test]
    fn pixels_have_the_ground_and_the_shapes_of_the_scene() {
        let mut scene = Scene::new(2.0, 1.0, Color(1, 2, 3));
        scene.block((1.0, 0.0), (1.0, 1.0), Color(9, 8, 7));
        let image = super::pixels(&scene, 1.0);
        assert_eq!((image.width, image.height, &image.rgb), (2, 1, &vec![1, 2, 3, 9, 8, 7]));
        let read = Pixmap::decode_png(&encode_pixels(&image)).unwrap();
        let right = read.pixel(1, 0).unwrap();
        assert_eq!([right.red(), right.green(), right.blue()], [9, 8, 7]);
    }

    fn letter(anchor: Anchor, upwards: bool) -> Pixmap {
        let text = "l".to_owned();
        let color = Color(0, 0, 0);
        pixels(Item::Text { at: (10.0, 10.0), text, size: 12.0, anchor, color, upwards })
    }

    /// The letter l is a vertical bar: its ink lies above and to the right of the start, to the
    /// left of the end, and turned upwards to the left of and above the anchor.
    #[test]
    fn text_is_drawn_where_its_anchor_says() {
        let [right, left, turned] =
            [(Anchor::Start, false), (Anchor::End, false), (Anchor::Start, true)]
                .map(|(anchor, upwards)| letter(anchor, upwards));
        let all = |canvas: &Pixmap| dark(canvas, 0..40, 0..40);
        assert!(all(&right) > 10);
        assert_eq!(dark(&right, 20..40, 0..21), all(&right));
        assert_eq!(dark(&left, 0..20, 0..21), all(&left));
        assert_eq!(dark(&turned, 0..21, 0..20), all(&turned));
    }
}
