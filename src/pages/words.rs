//! What figures and grades mean, in plain words, and the frame of a page.

use crate::audit::HeatLossParameters;
use crate::heatloss::Interval;
use crate::page::escape;
use crate::published::Published;

/// Looks of all pages; no script, no font and no picture from elsewhere.
const STYLE: &str = "\
body{font:16px/1.5 system-ui,sans-serif;color:#1c2733;background:#fff;max-width:62rem;margin:0 auto;padding:1.5rem}\
h1{font-size:1.6rem;margin:.2rem 0}h2{font-size:1.1rem;margin:2rem 0 .5rem;border-bottom:1px solid #d5dbe1;padding-bottom:.2rem}\
a{color:#0b5a8f}p{max-width:46rem}.lead{font-size:1.1rem}.two{display:grid;grid-template-columns:1fr 1fr;gap:1.5rem}\
@media(max-width:40rem){.two{grid-template-columns:1fr}}figure{margin:0}figcaption{font-size:.9rem;color:#46525e;margin-top:.3rem}\
svg{width:100%;height:auto;display:block}svg.map{background:repeating-linear-gradient(45deg,#eef0f2 0 6px,#e1e5e9 6px 12px)}\
svg image{image-rendering:pixelated}.halo{stroke:#000;stroke-opacity:.75;fill:none;stroke-width:5;vector-effect:non-scaling-stroke}\
.line{stroke:#fff;fill:none;stroke-width:2;vector-effect:non-scaling-stroke}.bar{stroke:#fff;fill:none;stroke-width:3;vector-effect:non-scaling-stroke}\
text.bar{fill:#fff;stroke:#000;paint-order:stroke;vector-effect:none}\
.legend{display:flex;gap:.6rem;align-items:center;font-size:.85rem;margin-top:.3rem}.legend i{flex:1;height:.8rem;border:1px solid #9aa5b1}\
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}th,td{text-align:left;padding:.25rem .6rem .25rem 0;border-bottom:1px solid #e3e7eb;vertical-align:top}\
td.n,th.n{text-align:right}.grade{display:inline-block;min-width:1.6rem;text-align:center;border-radius:.25rem;color:#fff;font-weight:600;padding:0 .3rem}\
.gA{background:#1b7837}.gB{background:#4d8f2f}.gC{background:#8a6d00}.gD{background:#b3541e}.gE{background:#8c1d18}\
.chart .others{fill:#b5c0ca}.chart .this{fill:#c0392b}.chart .interval{stroke:#c0392b;stroke-width:4;stroke-opacity:.45}.chart .mark{stroke:#c0392b;stroke-dasharray:3 3}\
.chart .axis{stroke:#46525e;fill:none}.chart text{font-size:12px;fill:#46525e}.chart .tick{text-anchor:middle}.chart .count{text-anchor:end}\
.small{font-size:.85rem;color:#46525e;overflow-wrap:anywhere}.key{display:flex;flex-wrap:wrap;gap:1rem;font-size:.85rem;margin:.4rem 0}.key i{display:inline-block;width:1rem;height:1rem;border:1px solid #46525e;vertical-align:-2px;margin-right:.3rem}\
@media print{body{padding:0}h2{break-after:avoid}figure,table{break-inside:avoid}}";

/// A page around its body. The policy keeps a page from loading anything, should a text ever be taken for markup.
pub(super) fn page(title: &str, body: &str) -> Vec<u8> {
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src data:; style-src 'unsafe-inline'\">\
         <meta name=\"referrer\" content=\"no-referrer\"><title>{title}</title><style>{STYLE}</style></head><body>{body}</body></html>\n"
    )
    .into_bytes()
}

/// What a grade means.
pub(super) fn grade(grade: &str) -> &'static str {
    match grade {
        "A" => {
            "All survey conditions were met and measured. The figure can be used within its interval."
        }
        "B" => "Good for ranking homes and for the order of magnitude.",
        "C" => "Good for ranking this home among its neighbours, not for the figure itself.",
        "D" => "A hint only: look again before anything is decided.",
        _ => "Not to be acted on.",
    }
}

/// A grade as a coloured letter.
pub(super) fn badge(grade: &str) -> String {
    let letter = escape(grade);
    let class = if ["A", "B", "C", "D"].contains(&grade) {
        grade
    } else {
        "E"
    };
    format!("<span class=\"grade g{class}\">{letter}</span>")
}

/// An estimate with its interval.
pub(super) fn figure(interval: Option<Interval>, digits: usize, unit: &str) -> String {
    interval.map_or_else(
        || "no figure".into(),
        |found| {
            let unit = if unit.is_empty() {
                String::new()
            } else {
                format!(" {unit}")
            };
            format!(
                "{:.digits$}{unit} ({:.digits$} to {:.digits$})",
                found.estimate, found.low, found.high
            )
        },
    )
}

/// What a square metre lost, in words; a roof may gain heat, and an interval that holds zero tells neither.
pub(super) fn loss(flux: &Interval) -> String {
    let whole = |value: f64| format!("{:.0}", value.abs());
    let Interval {
        estimate,
        low,
        high,
    } = *flux;
    let way = |value: f64| if value < 0.0 { "gained" } else { "lost" };
    let about = match estimate.abs() {
        size if size < 0.5 => "lost or gained next to nothing".into(),
        _ => format!("{} about {} W", way(estimate), whole(estimate)),
    };
    let interval = if low < 0.0 && high > 0.0 {
        format!(
            "from {} W gained to {} W lost, so that neither can be claimed",
            whole(low),
            whole(high)
        )
    } else if high <= 0.0 {
        format!("{} to {} W gained", whole(high), whole(low))
    } else {
        format!("{} to {} W lost", whole(low), whole(high))
    };
    format!("{about} (90 % interval: {interval})")
}

/// The settings of the night, as rows of a table.
pub(super) fn parameters(parameters: &HeatLossParameters) -> String {
    #[expect(clippy::cast_precision_loss, reason = "thousandths of settings")]
    let milli = |value: i64| value as f64 / 1e3;
    let pair = |[value, sigma]: [i64; 2], unit: &str| {
        format!("{} \u{b1} {} {unit}", milli(value), milli(sigma))
    };
    let sky = format!(
        "{}, {}",
        pair(parameters.sky_mk, "\u{b0}C"),
        escape(&parameters.sky_source)
    );
    let mirrored = format!(
        "{}, {}",
        pair(parameters.reflected_mk, "\u{b0}C"),
        escape(&parameters.reflected_source)
    );
    let rows = [
        ("Air outside", pair(parameters.air_mk, "\u{b0}C")),
        ("Inside", pair(parameters.indoor_mk, "\u{b0}C")),
        ("Sky", sky),
        ("Sky, as the camera sees it mirrored", mirrored),
        ("Wind", pair(parameters.wind_mm_s, "m/s")),
        ("Convection formula", escape(&parameters.convection)),
        (
            "Camera, one reading",
            format!("\u{b1} {} K", milli(parameters.apparent_mk)),
        ),
        ("Method", escape(&parameters.method)),
        (
            "Made with",
            format!("heatveil {}", escape(&parameters.heatveil)),
        ),
    ];
    let row = |(name, value): (&str, String)| format!("<tr><th>{name}</th><td>{value}</td></tr>");
    let lines = parameters.lines.iter().map(|line| {
        row((
            "Other weather of some frames",
            format!(
                "air {}, sky {}, wind {}",
                pair(line.air_mk, "\u{b0}C"),
                pair(line.sky_mk, "\u{b0}C"),
                pair(line.wind_mm_s, "m/s")
            ),
        ))
    });
    rows.into_iter().map(row).chain(lines).collect()
}

/// Where all this comes from, and how to check it.
pub(super) fn reference(run: &Published) -> String {
    format!(
        "<h2>Where this comes from</h2><p class=\"small\">Made from published files of a run whose log and files were checked first: {} entries, tree head {}. \
         Check it again with <code>heatveil verify</code> and a key received by another way. Places where people, vehicles or windows were hidden \
         have no temperature here and count as not seen. One night from the air does not give a U-value; a longer measurement inside can.</p>",
        run.entries,
        escape(&run.root)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_roof_that_gains_heat_does_not_lose_less_than_nothing() {
        let said = |estimate, low, high| {
            loss(&Interval {
                estimate,
                low,
                high,
            })
        };
        assert_eq!(
            said(41.2, 12.6, 70.0),
            "lost about 41 W (90 % interval: 13 to 70 W lost)"
        );
        assert_eq!(
            said(-9.0, -31.0, 13.0),
            "gained about 9 W (90 % interval: from 31 W gained to 13 W lost, so that neither can be claimed)"
        );
        assert_eq!(
            said(-20.0, -31.0, -9.0),
            "gained about 20 W (90 % interval: 9 to 31 W gained)"
        );
        assert!(said(-0.2, -9.0, 9.0).starts_with("lost or gained next to nothing"));
        assert!(
            ![said(-9.0, -31.0, 13.0), said(-0.2, -9.0, 9.0)]
                .concat()
                .contains('-')
        );
    }
}
