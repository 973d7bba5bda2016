//! What a layer around an environment leaves to it, said once for all layers.

/// Inside `impl VecEnv`: the methods that a batch around another leaves to its field `inner`.
/// Spaces of observations, resets, steps, failures and loading are the layer's own.
#[macro_export]
macro_rules! forward_batch {
    () => {
        fn num_envs(&self) -> usize {
            self.inner.num_envs()
        }
        fn action_space(&self) -> &$crate::Space {
            self.inner.action_space()
        }
        fn mask_width(&self) -> usize {
            self.inner.mask_width()
        }
        fn masks(&self, mask: &mut [bool]) {
            self.inner.masks(mask);
        }
        fn resetting(&self) -> &[bool] {
            self.inner.resetting()
        }
        fn lost(&self) -> &[bool] {
            self.inner.lost()
        }
        fn restores(&self) -> bool {
            self.inner.restores()
        }
        fn facts(&self) -> &[$crate::Fact] {
            self.inner.facts()
        }
        fn told(&self) -> [&[f64]; 2] {
            self.inner.told()
        }
        fn film(&mut self) {
            self.inner.film();
        }
        fn picture(&self, i: usize) -> Option<&$crate::picture::Scene> {
            self.inner.picture(i)
        }
        fn action_names(&self) -> &'static [&'static str] {
            self.inner.action_names()
        }
        fn save(&self) -> Vec<$crate::SlotState> {
            self.inner.save()
        }
    };
}

/// Inside `impl EnvFactory`: the methods that a layer leaves to its field `env`. The space of
/// observations, what is known of the environment and how it is made are the layer's own.
#[macro_export]
macro_rules! forward_factory {
    () => {
        fn id(&self) -> &str {
            self.env.id()
        }
        fn summary(&self) -> &str {
            self.env.summary()
        }
        fn default_time_limit(&self) -> Option<u32> {
            self.env.default_time_limit()
        }
        fn action_space(&self) -> $crate::Space {
            self.env.action_space()
        }
        fn has_masks(&self) -> bool {
            self.env.has_masks()
        }
        fn has_reset_rows(&self) -> bool {
            self.env.has_reset_rows()
        }
        fn exact_resume(&self) -> bool {
            self.env.exact_resume()
        }
        fn ready(&self) -> Result<(), $crate::EnvError> {
            self.env.ready()
        }
        fn simulator(&self) -> Option<String> {
            self.env.simulator()
        }
    };
}
