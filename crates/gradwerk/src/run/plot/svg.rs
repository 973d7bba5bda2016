//! A scene as SVG 1.1.

use std::fmt::Write;

use super::font::FAMILIES;
use gradwerk_env::picture::{Anchor, Color, Item, Scene};

/// The SVG document of a scene: plain elements, no style sheet, no script.
#[must_use]
pub fn encode(scene: &Scene) -> String {
    let (w, h) = (round(scene.width), round(scene.height));
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{w}\" height=\"{h}\" viewBox=\"0 0 {w} \
         {h}\" font-family=\"{FAMILIES}\">\n<rect width=\"{w}\" height=\"{h}\" fill=\"{}\"/>\n",
        hex(scene.ground)
    );
    for item in &scene.items {
        element(&mut out, item).expect("writing to a string");
    }
    out.push_str("</svg>\n");
    out
}

fn element(out: &mut String, item: &Item) -> std::fmt::Result {
    match item {
        Item::Line { points, color, width, opacity, dash } => {
            write!(
                out,
                "<polyline points=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"{}\" \
                 stroke-linejoin=\"round\"",
                list(points),
                hex(*color),
                round(*width)
            )?;
            if *opacity < 1.0 {
                write!(out, " stroke-opacity=\"{}\"", round(*opacity))?;
            }
            if let Some((on, off)) = dash {
                write!(out, " stroke-dasharray=\"{} {}\"", round(*on), round(*off))?;
            }
            writeln!(out, "/>")
        }
        Item::Area { points, color, opacity } => writeln!(
            out,
            "<polygon points=\"{}\" fill=\"{}\" fill-opacity=\"{}\"/>",
            list(points),
            hex(*color),
            round(*opacity)
        ),
        Item::Dot { at, radius, color } => writeln!(
            out,
            "<circle cx=\"{}\" cy=\"{}\" r=\"{}\" fill=\"{}\"/>",
            round(at.0),
            round(at.1),
            round(*radius),
            hex(*color)
        ),
        Item::Text { at, text, size, anchor, color, upwards } => {
            let (x, y) = (round(at.0), round(at.1));
            let turn = if *upwards {
                format!(" transform=\"rotate(-90 {x} {y})\"")
            } else {
                String::new()
            };
            writeln!(
                out,
                "<text x=\"{x}\" y=\"{y}\" font-size=\"{}\" text-anchor=\"{}\" \
                 fill=\"{}\"{turn}>{}</text>",
                round(*size),
                anchor_name(*anchor),
                hex(*color),
                escape(text)
            )
        }
    }
}

fn anchor_name(anchor: Anchor) -> &'static str {
    match anchor {
        Anchor::Start => "start",
        Anchor::Middle => "middle",
        Anchor::End => "end",
    }
}

/// A length with at most two digits after the point.
fn round(x: f64) -> String {
    let text = format!("{x:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn list(points: &[(f64, f64)]) -> String {
    let pair = |p: &(f64, f64)| format!("{},{}", round(p.0), round(p.1));
    points.iter().map(pair).collect::<Vec<_>>().join(" ")
}

fn hex(Color(r, g, b): Color) -> String {
    format!("#{r:02x}{g:02x}{b:02x}")
}

/// Text for XML 1.0, which has no form at all for most control characters.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            c if c.is_control() => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_cannot_break_the_document() {
        assert_eq!(escape("<a & b>\u{1}\n"), "&lt;a &amp; b&gt;\u{fffd}\u{fffd}");
    }

    #[test]
    fn lengths_are_short() {
        assert_eq!(
            [round(1.0), round(0.254), round(-3.10), round(100.0)],
            ["1", "0.25", "-3.1", "100"]
        );
    }

    #[test]
    fn every_item_has_its_element() {
        let black = Color(0, 0, 0);
        let points = vec![(0.0, 1.0), (2.0, 3.5), (4.0, 0.0)];
        let line = Item::Line {
            points: points.clone(),
            color: Color(255, 0, 16),
            width: 1.5,
            opacity: 0.5,
            dash: Some((4.0, 3.0)),
        };
        let scene = Scene {
            items: vec![
                line,
                Item::Area { points, color: black, opacity: 0.2 },
                Item::Dot { at: (1.0, 2.0), radius: 3.0, color: black },
                Item::Text {
                    at: (1.0, 2.0),
                    text: "a<b".into(),
                    size: 12.0,
                    anchor: Anchor::Middle,
                    color: black,
                    upwards: true,
                },
            ],
            ..Scene::new(10.0, 5.0, Color(255, 255, 255))
        };
        let svg = encode(&scene);
        for part in [
            "viewBox=\"0 0 10 5\"",
            "<polyline points=\"0,1 2,3.5 4,0\" fill=\"none\" stroke=\"#ff0010\"",
            "stroke-opacity=\"0.5\" stroke-dasharray=\"4 3\"/>",
            "<polygon points=\"0,1 2,3.5 4,0\" fill=\"#000000\" fill-opacity=\"0.2\"/>",
            "<circle cx=\"1\" cy=\"2\" r=\"3\"",
            "transform=\"rotate(-90 1 2)\">a&lt;b</text>",
        ] {
            assert!(svg.contains(part), "{part} is not in {svg}");
        }
    }
}
