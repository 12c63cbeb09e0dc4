//! The style in which QGIS shows a map file: `NAME.qml` beside `NAME.tif` is loaded with it.
//!
//! In: the run's colour ramp and the unit of band 1. Out: a QGIS 3 layer style, interpolated between the ramp's own stops.
//! Refuses: stretching to what is on the screen; the colours are those of the web tiles.

use std::borrow::Cow;
use std::fmt::Write as _;

use super::Ramp;
use crate::store::{Artifact, sealed};

/// A QGIS style for band 1 of a map file.
#[derive(Debug, Clone, Copy)]
pub struct Qml<'a> {
    /// The colours.
    pub ramp: &'a Ramp,
    /// Unit of the values, shown in the legend; plain text without markup.
    pub unit: &'a str,
}

impl sealed::Sealed for Qml<'_> {}

impl Artifact for Qml<'_> {
    fn bytes(&self) -> Cow<'_, [u8]> {
        self.document().into_bytes().into()
    }
}

impl Qml<'_> {
    fn document(self) -> String {
        let (min, max) = self.ramp.range();
        let unit = self.unit;
        let items = self.ramp.legend().into_iter().fold(
            String::new(),
            |mut text, (value, colour)| {
                // Writing to a String cannot fail.
                let _ = writeln!(
                    text,
                    r#"          <item value="{value}" color="{colour}" alpha="255" label="{value} {unit}"/>"#
                );
                text
            },
        );
        // An empty `nodataColor` and no alpha band leave no data transparent; `clip` 0 gives values beyond the ends their colours.
        format!(
            r#"<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>
<qgis version="3.22.0" styleCategories="Symbology" hasScaleBasedVisibilityFlag="0">
  <pipe>
    <provider>
      <resampling enabled="false" maxOversampling="2" zoomedInResamplingMethod="nearestNeighbour" zoomedOutResamplingMethod="nearestNeighbour"/>
    </provider>
    <rasterrenderer type="singlebandpseudocolor" band="1" opacity="1" alphaBand="-1" nodataColor="" classificationMin="{min}" classificationMax="{max}">
      <rasterTransparency/>
      <minMaxOrigin>
        <limits>None</limits>
        <extent>WholeRaster</extent>
        <statAccuracy>Estimated</statAccuracy>
      </minMaxOrigin>
      <rastershader>
        <colorrampshader colorRampType="INTERPOLATED" classificationMode="1" clip="0" minimumValue="{min}" maximumValue="{max}" labelPrecision="2">
{items}          <rampLegendSettings useContinuousLegend="1" orientation="2" direction="0" minimumLabel="" maximumLabel="" prefix="" suffix=" {unit}"/>
        </colorrampshader>
      </rastershader>
    </rasterrenderer>
    <brightnesscontrast brightness="0" contrast="0" gamma="1"/>
    <huesaturation saturation="0" grayscaleMode="0" colorizeOn="0"/>
    <rasterresampler maxOversampling="2"/>
  </pipe>
  <blendMode>0</blendMode>
</qgis>
"#
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ends_of_the_ramp_are_the_ends_of_the_style() {
        let ramp = Ramp::new(-5.0, 11.0).unwrap();
        let text = Qml {
            ramp: &ramp,
            unit: "\u{b0}C",
        }
        .document();
        // The first and last of the nine points in `palette`, 2 °C apart.
        for item in [
            "<item value=\"-5\" color=\"#040416\" alpha=\"255\" label=\"-5 \u{b0}C\"/>",
            "<item value=\"11\" color=\"#fafaa4\" alpha=\"255\" label=\"11 \u{b0}C\"/>",
            "<item value=\"-3\" ",
        ] {
            assert!(text.contains(item), "{item}");
        }
        assert_eq!(text.matches("<item ").count(), 9);
    }
}
