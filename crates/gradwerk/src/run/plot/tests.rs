//! From run directories to files.

use std::time::SystemTime;

use super::*;
use crate::run::dir::{Machine, Manifest, RunDir, rfc3339};
use crate::run::metrics::{Row, Writer};

fn run(base: &Path, algo: &str, seed: u64, values: &[Option<f64>]) -> PathBuf {
    let run = RunDir::create_next(base, "CartPole-v1", algo, seed).unwrap();
    fs::write(run.config(), "").unwrap();
    let manifest = Manifest {
        gradwerk: "0.1.0".into(),
        env: "CartPole-v1".into(),
        algo: algo.into(),
        seed,
        kernel: "portable".into(),
        threads: 1,
        machine: Machine::detect(),
        command: vec![],
        started: rfc3339(SystemTime::UNIX_EPOCH),
        exact_resume: true,
        simulator: None,
    };
    manifest.write(&run).unwrap();
    let mut writer = Writer::create(&run.metrics()).unwrap();
    for (i, value) in values.iter().enumerate() {
        let mut row = Row::new(100 * (i as u64 + 1));
        if let Some(value) = value {
            row.set("mean_return_100", *value).unwrap();
        }
        writer.append(&row).unwrap();
    }
    run.root().to_owned()
}

#[test]
fn runs_become_an_svg_and_a_png() {
    let base = tempfile::tempdir().unwrap();
    let runs = [
        run(base.path(), "ppo", 1, &[None, Some(20.0), Some(100.0)]),
        run(base.path(), "ppo", 2, &[Some(10.0), Some(40.0), Some(200.0)]),
    ];
    let svg = base.path().join("curve.svg");
    plot(&runs, &svg, &Options::default()).unwrap();
    let text = fs::read_to_string(&svg).unwrap();
    assert!(text.contains(">ppo (2 runs)</text>") && text.ends_with("</svg>\n"), "{text}");
    let again = base.path().join("again.SVG");
    plot(&runs, &again, &Options::default()).unwrap();
    assert_eq!(fs::read_to_string(again).unwrap(), text, "the same runs give the same bytes");
    let png = base.path().join("curve.png");
    plot(&runs, &png, &Options::default()).unwrap();
    let image = tiny_skia::Pixmap::decode_png(&fs::read(png).unwrap()).unwrap();
    // 720 wide at two pixels per unit
    assert_eq!(image.width(), 1440);
}

#[test]
fn a_run_that_is_named_twice_is_drawn_once() {
    let base = tempfile::tempdir().unwrap();
    let one = run(base.path(), "ppo", 1, &[Some(20.0), Some(100.0)]);
    let draw = |runs: &[PathBuf]| {
        let out = base.path().join("out.svg");
        plot(runs, &out, &Options::default()).unwrap();
        fs::read_to_string(out).unwrap()
    };
    let again = one.join("..").join(one.file_name().unwrap());
    assert_eq!(draw(&[one.clone(), one.clone(), again]), draw(&[one]));
}

#[test]
fn a_row_without_the_metric_is_no_point() {
    let base = tempfile::tempdir().unwrap();
    let root = run(base.path(), "ppo", 1, &[None, Some(20.0)]);
    let curve = Curve::load(&root, "mean_return_100", &[]).unwrap();
    assert_eq!((curve.seed, curve.points), (1, vec![(200.0, 20.0)]));
}

#[test]
fn errors_name_the_choices_and_write_nothing() {
    let base = tempfile::tempdir().unwrap();
    let runs = [run(base.path(), "ppo", 1, &[Some(1.0)])];
    let fails = |runs: &[PathBuf], out: &str, metric: &str| {
        let options = Options { metric: metric.into(), ..Options::default() };
        let out = base.path().join(out);
        let error = plot(runs, &out, &options).unwrap_err().to_string();
        assert!(!out.is_file());
        error
    };
    let m = "mean_return_100";
    assert!(fails(&runs, "a.pdf", m).ends_with("unknown file ending, expected .svg or .png"));
    assert!(fails(&runs, "a.svg", "x").starts_with("unknown metric `x`, expected one of steps,"));
    assert!(fails(&[], "a.svg", m).contains("no run directory"));
    assert!(fails(&[base.path().to_owned()], "a.svg", m).contains("not a run directory"));
    assert!(fails(&runs, "no/such/a.svg", m).starts_with("cannot write "));
}
