//! Distributions of actions on arrays of numpy.

use crate::arrays;
use crate::codec::{self, ActionRows, Codec};
use crate::envs::read_mask;
use gradwerk::dist::{ActionRow, ActionRowMut, AnyDist, DistConfig, Distribution, Widths};
use gradwerk_env::Space;
use gradwerk_math::{Purpose, Stream};
use numpy::PyArray1;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

/// A distribution over the actions of a space, given by rows `y` of numbers.
#[pyclass(frozen, name = "Distribution", module = "gradwerk._core")]
pub struct PyDistribution {
    dist: AnyDist,
    codec: Codec,
    space: Space,
}

/// Rows `[n, params]`.
struct Heads {
    y: Vec<f64>,
    n: usize,
}

impl PyDistribution {
    /// The rows, with masked values taken out.
    fn heads(
        &self,
        name: &str,
        y: &Bound<'_, PyAny>,
        mask: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Heads> {
        let width = self.dist.params();
        let (mut y, shape) = arrays::doubles(y)?;
        let n = match shape[..] {
            [n, found] if found == width => n,
            _ => {
                let text = format!("{name} has the shape {shape:?}, expected [n, {width}]");
                return Err(PyValueError::new_err(text));
            }
        };
        let Some(mask) = mask else { return Ok(Heads { y, n }) };
        let entries = self.dist.mask();
        if entries == 0 {
            let text = format!("mask: a {} distribution has none", self.dist.name());
            return Err(PyValueError::new_err(text));
        }
        let (mut bits, choices) = (vec![true; entries], self.space.choices());
        for (i, row) in y.chunks_exact_mut(width).enumerate() {
            read_mask(&mask.get_item(i)?, &mut bits)?;
            if let Some(k) = gradwerk_env::mask::first_blocked(&choices, &bits) {
                let text = format!("mask: row {i} allows no value of component {k}");
                return Err(PyValueError::new_err(text));
            }
            self.dist.apply_mask(&bits, row);
        }
        Ok(Heads { y, n })
    }

    fn rows<'a>(&self, heads: &'a Heads) -> impl Iterator<Item = &'a [f64]> {
        heads.y.chunks_exact(self.dist.params())
    }

    /// Actions that `choose` writes for every row.
    fn act<'py>(
        &self,
        py: Python<'py>,
        heads: &Heads,
        mut choose: impl FnMut(usize, &[f64], ActionRowMut<'_, f64>),
    ) -> PyResult<Bound<'py, PyAny>> {
        let (wd, wc) = (self.dist.discrete(), self.dist.continuous());
        let (mut discrete, mut continuous) = (vec![0; heads.n * wd], vec![0.0; heads.n * wc]);
        for (i, y) in self.rows(heads).enumerate() {
            let (discrete, continuous) =
                (&mut discrete[i * wd..(i + 1) * wd], &mut continuous[i * wc..(i + 1) * wc]);
            choose(i, y, ActionRowMut { discrete, continuous });
        }
        let continuous: Vec<f32> = continuous.into_iter().map(|x: f64| x as f32).collect();
        let batch = Some(heads.n);
        self.codec.write(py, ActionRows { discrete: &discrete, continuous: &continuous, batch })
    }
}

/// A flag, a whole number or another one.
fn setting(value: &Bound<'_, PyAny>) -> PyResult<serde_json::Value> {
    if let Ok(flag) = value.extract::<bool>() {
        return Ok(flag.into());
    }
    match value.extract::<i64>() {
        Ok(whole) => Ok(whole.into()),
        Err(_) => Ok(value.extract::<f64>()?.into()),
    }
}

/// For so many hidden features, if the distribution reads them.
fn with_features(dist: AnyDist, features: Option<usize>) -> Result<AnyDist, String> {
    let name = dist.name();
    match (dist.head().features > 0, features) {
        (false, None) => Ok(dist),
        (true, Some(features @ 1..)) => Ok(dist.with_features(features)),
        (true, Some(0)) => Err("features = 0: must be at least 1".into()),
        (true, None) => Err(format!(
            "features: a {name} distribution needs the number of hidden features that it reads"
        )),
        (false, Some(n)) => {
            Err(format!("features = {n}: a {name} distribution reads no hidden features"))
        }
    }
}

#[pymethods]
impl PyDistribution {
    #[new]
    #[pyo3(signature = (space, kind="auto", *, features=None, **settings))]
    fn new(
        space: &Bound<'_, PyAny>,
        kind: &str,
        features: Option<usize>,
        settings: Option<&Bound<'_, pyo3::types::PyDict>>,
    ) -> PyResult<Self> {
        let wrong = |error: String| PyValueError::new_err(error);
        let mut config = serde_json::Map::new();
        config.insert("kind".into(), kind.into());
        for (key, value) in settings.into_iter().flatten() {
            config.insert(key.extract()?, setting(&value)?);
        }
        // An unknown name has a better message of its own.
        DistConfig::from_name(kind).map_err(|e| wrong(e.to_string()))?;
        let config: DistConfig =
            serde_json::from_value(config.into()).map_err(|e| wrong(format!("{kind}: {e}")))?;
        let codec = codec::of_gymnasium(space, true)?;
        let space = codec.space();
        space.validate().map_err(|e| wrong(e.to_string()))?;
        let dist = config.build(&space).map_err(|e| wrong(e.to_string()))?;
        let dist = with_features(dist, features).map_err(wrong)?;
        Ok(Self { dist, codec, space })
    }

    /// The `kind`.
    #[getter]
    fn kind(&self) -> &'static str {
        self.dist.name()
    }

    /// Numbers per row.
    #[getter]
    fn params(&self) -> usize {
        self.dist.params()
    }

    /// `log pi(a|y)` of an action per row, in nats.
    #[pyo3(signature = (y, action, mask=None))]
    fn log_prob<'py>(
        &self,
        py: Python<'py>,
        y: &Bound<'py, PyAny>,
        action: &Bound<'py, PyAny>,
        mask: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyArray1<f64>>> {
        let heads = self.heads("y", y, mask)?;
        let (discrete, continuous) = self.codec.read_actions(action, heads.n, &self.space)?;
        let continuous: Vec<f64> = continuous.into_iter().map(f64::from).collect();
        let (wd, wc) = (self.dist.discrete(), self.dist.continuous());
        let of_row = |(i, y): (usize, &[f64])| {
            let (d, c) = (i * wd..(i + 1) * wd, i * wc..(i + 1) * wc);
            self.dist.log_prob(y, ActionRow { discrete: &discrete[d], continuous: &continuous[c] })
        };
        Ok(PyArray1::from_vec(py, self.rows(&heads).enumerate().map(of_row).collect()))
    }

    /// The entropy of each row, in nats.
    #[pyo3(signature = (y, mask=None))]
    fn entropy<'py>(
        &self,
        py: Python<'py>,
        y: &Bound<'py, PyAny>,
        mask: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyArray1<f64>>> {
        let heads = self.heads("y", y, mask)?;
        let entropy = self.rows(&heads).map(|y| self.dist.entropy(y)).collect();
        Ok(PyArray1::from_vec(py, entropy))
    }

    /// `KL(pi(.|y) || pi(.|other))` of each row, in nats.
    #[pyo3(signature = (y, other, mask=None))]
    fn kl<'py>(
        &self,
        py: Python<'py>,
        y: &Bound<'py, PyAny>,
        other: &Bound<'py, PyAny>,
        mask: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyArray1<f64>>> {
        let (old, new) = (self.heads("y", y, mask)?, self.heads("other", other, mask)?);
        if old.n != new.n {
            let text = format!("y has {} rows and other {}, expected as many", old.n, new.n);
            return Err(PyValueError::new_err(text));
        }
        let pairs = self.rows(&old).zip(self.rows(&new));
        Ok(PyArray1::from_vec(py, pairs.map(|(old, new)| self.dist.kl(old, new)).collect()))
    }

    /// An action drawn from each row, as it is drawn.
    #[pyo3(signature = (y, seed=0, mask=None))]
    fn sample<'py>(
        &self,
        py: Python<'py>,
        y: &Bound<'py, PyAny>,
        seed: u64,
        mask: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let heads = self.heads("y", y, mask)?;
        self.act(py, &heads, |i, y, action| {
            let mut rng = Stream::new(seed, Purpose::EvalAction, i as u64, 0);
            self.dist.sample(y, &mut rng, action);
        })
    }

    /// The most probable action of each row.
    #[pyo3(signature = (y, mask=None))]
    fn mode<'py>(
        &self,
        py: Python<'py>,
        y: &Bound<'py, PyAny>,
        mask: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let heads = self.heads("y", y, mask)?;
        self.act(py, &heads, |_, y, action| self.dist.mode(y, action))
    }
}
