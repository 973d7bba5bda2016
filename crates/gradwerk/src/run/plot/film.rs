//! Films: pictures as an animated GIF, or side by side.

use super::Scene;
use super::png::Pixels;
use gif::{Encoder, Frame, Repeat};

/// Pixels between two pictures of a strip.
const GAP: usize = 6;

/// Pixels per unit with which a scene fits into a rectangle; whole ones where possible, so that
/// the edges of cells are sharp.
#[must_use]
pub fn fit(scene: &Scene, width: f64, height: f64) -> f32 {
    let scale = (width / scene.width).min(height / scene.height);
    (if scale >= 1.0 { scale.floor() } else { scale }) as f32
}

/// Indices of at most `most` of `n` things, the first and the last among them, evenly spaced.
#[must_use]
pub fn spread(n: usize, most: usize) -> Vec<usize> {
    match most {
        _ if n <= most => (0..n).collect(),
        0 => Vec::new(),
        1 => vec![n - 1],
        _ => (0..most).map(|k| k * (n - 1) / (most - 1)).collect(),
    }
}

/// An endless GIF of pictures of one size; every one but the first holds only the rectangle that
/// changed.
///
/// # Errors
/// If there is no picture.
pub fn gif(images: impl Iterator<Item = Pixels>, fps: f64) -> std::io::Result<Vec<u8>> {
    let mut images = images.peekable();
    let Some(first) = images.peek() else {
        return Err(std::io::Error::other("there is no picture"));
    };
    let (width, height) = (first.width as u16, first.height as u16);
    let mut bytes = Vec::new();
    let mut encoder =
        Encoder::new(&mut bytes, width, height, &[]).map_err(std::io::Error::other)?;
    encoder.set_repeat(Repeat::Infinite).map_err(std::io::Error::other)?;
    let mut before: Option<Pixels> = None;
    for image in images {
        let part =
            before.as_ref().map_or((0, 0, image.width, image.height), |b| changed(b, &image));
        let mut frame = cut(&image, part);
        frame.delay = (100.0 / fps).round() as u16;
        encoder.write_frame(&frame).map_err(std::io::Error::other)?;
        before = Some(image);
    }
    drop(encoder);
    Ok(bytes)
}

/// The smallest rectangle `(left, top, width, height)` outside which two pictures are the same,
/// at least one pixel.
fn changed(a: &Pixels, b: &Pixels) -> (usize, usize, usize, usize) {
    let pixels = a.rgb.chunks_exact(3).zip(b.rgb.chunks_exact(3)).enumerate();
    let places = pixels.filter(|(_, (x, y))| x != y).map(|(k, _)| (k % a.width, k / a.width));
    let bounds = places.fold(None, |bounds, (x, y)| {
        let (left, top, right, bottom) = bounds.unwrap_or((x, y, x, y));
        Some((left.min(x), top.min(y), right.max(x), bottom.max(y)))
    });
    let (left, top, right, bottom) = bounds.unwrap_or((0, 0, 0, 0));
    (left, top, right - left + 1, bottom - top + 1)
}

/// A part of a picture as a frame. Up to 256 colours are kept exactly.
fn cut(image: &Pixels, (left, top, width, height): (usize, usize, usize, usize)) -> Frame<'static> {
    let rows = image.rgb.chunks_exact(3 * image.width).skip(top).take(height);
    let part: Vec<u8> = rows.flat_map(|row| &row[3 * left..3 * (left + width)]).copied().collect();
    let mut frame = Frame::from_rgb_speed(width as u16, height as u16, &part, 10);
    (frame.left, frame.top) = (left as u16, top as u16);
    frame
}

/// Pictures of one size side by side on white.
pub fn strip(images: impl Iterator<Item = Pixels>) -> Pixels {
    let images: Vec<Pixels> = images.collect();
    let height = images.iter().map(|image| image.height).max().unwrap_or(1);
    let width = images.iter().map(|image| image.width + GAP).sum::<usize>().max(GAP + 1) - GAP;
    let mut rgb = vec![255; 3 * width * height];
    let mut left = 0;
    for image in &images {
        for (row, line) in image.rgb.chunks_exact(3 * image.width).enumerate() {
            let start = 3 * (row * width + left);
            rgb[start..start + line.len()].copy_from_slice(line);
        }
        left += image.width + GAP;
    }
    Pixels { width, height, rgb }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gradwerk_env::picture::Color;

    fn image(width: usize, rgb: &[[u8; 3]]) -> Pixels {
        Pixels { width, height: rgb.len() / width, rgb: rgb.concat() }
    }

    #[test]
    fn the_first_and_the_last_picture_are_in_the_strip() {
        assert_eq!(spread(3, 6), [0, 1, 2]);
        assert_eq!(spread(101, 6), [0, 20, 40, 60, 80, 100]);
        assert_eq!(spread(5, 1), [4]);
    }

    #[test]
    fn cells_get_whole_pixels() {
        let scene = |side| Scene::new(side, side, Color(0, 0, 0));
        assert_eq!(fit(&scene(9.0), 100.0, 50.0), 5.0); // 50 / 9 = 5.6
        assert_eq!(fit(&scene(200.0), 100.0, 100.0), 0.5);
    }

    #[test]
    fn only_the_change_is_written() {
        let (k, w) = ([0; 3], [255; 3]);
        let a = image(3, &[k, k, k, k, k, k]);
        let b = image(3, &[k, w, k, k, k, w]);
        assert_eq!(changed(&a, &b), (1, 0, 2, 2));
        assert_eq!(changed(&a, &a), (0, 0, 1, 1));
    }

    /// What a reader of the GIF sees after each frame is what was filmed.
    #[test]
    fn a_gif_holds_its_pictures() {
        let (r, g, b) = ([255, 0, 0], [0, 255, 0], [0, 0, 255]);
        let films = [image(2, &[r, g, b, r]), image(2, &[r, g, b, g]), image(2, &[g, g, b, g])];
        let bytes = gif(films.clone().into_iter(), 20.0).unwrap();
        let mut options = gif::DecodeOptions::new();
        options.set_color_output(gif::ColorOutput::RGBA);
        let mut decoder = options.read_info(&bytes[..]).unwrap();
        let mut canvas = vec![0; 2 * 2 * 3];
        let mut count = 0;
        while let Some(frame) = decoder.read_next_frame().unwrap() {
            assert_eq!(frame.delay, 5); // hundredths of a second at 20 pictures per second
            for (k, pixel) in frame.buffer.chunks_exact(4).enumerate() {
                let width = usize::from(frame.width);
                let (x, y) =
                    (k % width + usize::from(frame.left), k / width + usize::from(frame.top));
                canvas[3 * (2 * y + x)..3 * (2 * y + x) + 3].copy_from_slice(&pixel[..3]);
            }
            assert_eq!(canvas, films[count].rgb);
            count += 1;
        }
        assert_eq!(count, 3);
    }

    #[test]
    fn a_strip_is_side_by_side() {
        let strip = strip([image(1, &[[1; 3]]), image(1, &[[2; 3]])].into_iter());
        assert_eq!((strip.width, strip.height), (2 + GAP, 1));
        assert_eq!((strip.rgb[0], strip.rgb[3], strip.rgb[3 * (1 + GAP)]), (1, 255, 2));
    }
}
