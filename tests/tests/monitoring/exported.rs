//! A recorder of a test's own thread, and what it exports.

use std::collections::{BTreeMap, BTreeSet};

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusRecorder};
use versioned_core::metrics;

pub(crate) struct Exporter(PrometheusRecorder);

impl Exporter {
    /// As the guide sets it up.
    pub(crate) fn new() -> Self {
        Self::of(PrometheusBuilder::new())
    }

    pub(crate) fn of(mut builder: PrometheusBuilder) -> Self {
        for (name, buckets) in metrics::BUCKETS {
            let matcher = Matcher::Full((*name).to_owned());
            builder = builder.set_buckets_for_metric(matcher, buckets).unwrap();
        }
        let exporter = Self(builder.build_recorder());
        exporter.during(metrics::describe);
        exporter
    }

    pub(crate) fn during<T>(&self, work: impl FnOnce() -> T) -> T {
        ::metrics::with_local_recorder(&self.0, work)
    }

    pub(crate) fn text(&self) -> String {
        self.0.handle().render()
    }

    /// The values by series. The labels of a series are sorted.
    pub(crate) fn values(&self) -> BTreeMap<String, f64> {
        let text = self.text();
        let lines = text
            .lines()
            .filter(|line| !line.is_empty() && !line.starts_with('#'));
        lines
            .map(|line| {
                let (series, value) = line.rsplit_once(' ').unwrap();
                let (name, labels) = series.split_once('{').unwrap_or((series, ""));
                let labels = labels
                    .trim_end_matches('}')
                    .split(',')
                    .filter(|one| !one.is_empty());
                let labels: BTreeSet<_> = labels.collect();
                let labels: Vec<_> = labels.into_iter().collect();
                let series = if labels.is_empty() {
                    name.to_owned()
                } else {
                    format!("{name}{{{}}}", labels.join(","))
                };
                (series, value.parse().unwrap())
            })
            .collect()
    }

    /// The values of a metric by what is between the braces.
    pub(crate) fn of_metric(&self, name: &str) -> BTreeMap<String, f64> {
        let all = self.values().into_iter();
        all.filter_map(|(series, value)| {
            let rest = series.strip_prefix(name)?;
            let labels = rest.trim_start_matches('{').trim_end_matches('}');
            (rest.is_empty() || rest.starts_with('{')).then(|| (labels.to_owned(), value))
        })
        .collect()
    }

    /// The value of a series.
    #[track_caller]
    pub(crate) fn value(&self, series: &str) -> f64 {
        let values = self.values();
        let value = values.get(series).copied();
        value.unwrap_or_else(|| panic!("{series} is not among {values:#?}"))
    }

    /// The names of all series. The buckets of a histogram are one.
    pub(crate) fn series(&self) -> BTreeSet<String> {
        let all = self.values().into_keys();
        all.filter(|series| !series.contains("_bucket")).collect()
    }
}
