//! A redacted frame with its masks, drawn again from its input and the finds in the log.
//!
//! The log has boxes in whole pixels, rounded outwards, so the mask is the run's or some pixels larger, never smaller.

use std::collections::BTreeSet;

use super::desk::Told;
use super::{Desk, Picture, ReviewError};
use crate::audit::{Detected, Found};
use crate::config::Config;
use crate::detect::{Beyond, BoxPx, Class, Detection, Detections, Line, Model, Padding, WarmSpots};
use crate::frame::{Calibrated, Frame, FrameId};
use crate::georef::Located;
use crate::hex;
use crate::ingest;
use crate::redact::{self, Decided, NotLookedAt, RedactConfig, RedactionMask};
use crate::run;
use crate::units::Metres;

/// How far masks reach past the boxes in the log, and how coarsely a pixel may see the ground.
#[derive(Debug, Clone, Default)]
pub struct Margins {
    padding: Vec<(String, Class, Padding)>,
    /// Of models that withhold; coarser pixels are hidden whatever is in them.
    limit: Option<f64>,
}

impl Margins {
    /// Those of models by their cards.
    #[must_use]
    pub fn of(models: &[Model]) -> Self {
        let mut margins = Self::default();
        for model in models {
            let card = model.card();
            for class in &card.class {
                margins = margins.with(model.title(), class.name, class.padding());
            }
            if card.envelope.beyond == Beyond::Withhold {
                margins = margins.evaluated_to(card.envelope.max_ground_resolution_m);
            }
        }
        margins
    }

    /// Adds a class of a model, which is called as in the log: with its precision.
    #[must_use]
    pub fn with(mut self, model: &str, class: Class, padding: Padding) -> Self {
        self.padding.push((model.to_owned(), class, padding));
        self
    }

    /// The coarsest ground resolution, metres, at which a model that withholds was evaluated.
    #[must_use]
    pub fn evaluated_to(mut self, metres: f64) -> Self {
        self.limit = Some(self.limit.map_or(metres, |least| least.min(metres)));
        self
    }

    fn padding(&self, model: &str, class: Class) -> Option<Padding> {
        let mut known = self.padding.iter();
        known
            .find(|(title, of, _)| title == model && *of == class)
            .map(|(.., padding)| *padding)
    }
}

impl Desk {
    /// The frame as a run that follows would publish it, were it approved as it is; with the settings of the run.
    ///
    /// # Errors
    ///
    /// [`ReviewError`] when the settings or the input are others than the run's, or not every model looked at the frame: of such a
    /// frame nothing may be shown.
    pub fn show(
        &self,
        frame: u32,
        config: &Config,
        margins: &Margins,
    ) -> Result<Picture, ReviewError> {
        let told = self.told(frame, config)?;
        let looks = self.looks(frame, told, margins)?;
        let (calibrated, located) = self.decoded(frame, config)?;
        let draw = |problem: String| ReviewError::Draw { frame, problem };
        let masks = Masks::of(told, &calibrated, &located, config, margins);
        let mask = |until: u32| {
            let mask = masks.of_rounds(&looks, until);
            mask.map_err(|error| draw(error.to_string()))
        };
        let mut redacted = calibrated
            .redact(&mask(0)?)
            .map_err(|error| draw(error.to_string()))?;
        // The mask grew with what each further look found, as it did in the run.
        let rounds: BTreeSet<u32> = looks.iter().map(|(round, _)| *round).collect();
        for round in rounds.into_iter().filter(|round| *round > 0) {
            redacted = redacted
                .redact(&mask(round)?)
                .map_err(|error| draw(error.to_string()))?;
        }
        let found = told.looks.iter().flat_map(|look| &look.found);
        let boxes: Vec<[u32; 4]> = found.map(|found| found.bbox).collect();
        Picture::of(&redacted, &boxes).map_err(|error| draw(error.to_string()))
    }

    /// Shows what is underneath, or a part of it, on the terminal and nowhere else; what the run's mask hides is tinted, where not every
    /// model looked nothing is.
    ///
    /// # Errors
    ///
    /// As [`Desk::show`], but for frames that not every model looked at; [`ReviewError::Glimpse`] where there is no terminal.
    pub fn show_underneath(
        &self,
        frame: u32,
        config: &Config,
        margins: &Margins,
        part: Option<[u32; 4]>,
    ) -> Result<(), ReviewError> {
        let told = self.told(frame, config)?;
        let (calibrated, located) = self.decoded(frame, config)?;
        let looks = self.looks(frame, told, margins).ok();
        let masks = Masks::of(told, &calibrated, &located, config, margins);
        let mask = looks.and_then(|looks| masks.of_rounds(&looks, u32::MAX).ok());
        Ok(calibrated.glimpse(mask.as_ref(), part)?)
    }

    fn told(&self, frame: u32, config: &Config) -> Result<&Told, ReviewError> {
        if hex::encode(&config.policy_sha256()) != self.opened.policy_sha256 {
            return Err(ReviewError::OtherSettings);
        }
        self.frame(frame)
    }

    /// The frame, unredacted in the kernel, and its place.
    fn decoded(
        &self,
        frame: u32,
        config: &Config,
    ) -> Result<(Frame<Calibrated>, Located), ReviewError> {
        let key = self.commitment_key(config.audit.commitment_key.as_deref())?;
        let given = run::intake_key(config)?;
        let (file, bytes) = self.input(frame, &key, given.as_ref().or(self.intake.as_ref()))?;
        let (options, places) = run::options(config);
        let raw = ingest::decode(FrameId(frame), file, &bytes, &options)?;
        let located = places.locate(&ingest::unsealed_name(file), raw.meta())?;
        let calibration = run::calibration(config, &raw.meta().radiometry);
        let calibrated = raw
            .calibrate(&calibration)
            .map_err(|error| ReviewError::Draw {
                frame,
                problem: error.to_string(),
            })?;
        Ok((calibrated, located))
    }

    /// The completed looks at a frame with their rounds, as the log has them.
    fn looks(
        &self,
        frame: u32,
        told: &Told,
        margins: &Margins,
    ) -> Result<Vec<(u32, Detections)>, ReviewError> {
        let models = &self.opened.models;
        let looked = |look: &&Detected| look.model.is_some() && look.round == 0;
        let withheld = told.withheld.as_ref();
        // Only then does the log hold every find that the mask is made of: carry and self-check come after the first looks.
        let is_whole = withheld.is_none_or(|entry| entry.reason == "self-check");
        if !is_whole
            || told.looks.iter().filter(looked).count() != models.len()
            || models.is_empty()
        {
            return Err(ReviewError::NotLookedAt {
                frame,
                reason: withheld
                    .map_or_else(|| told.outcome().into(), |entry| entry.reason.clone()),
            });
        }
        let completed = told.looks.iter().filter(|look| look.skipped.is_none());
        let look = |look: &Detected| Ok((look.round, detections(look, margins)?));
        completed.map(look).collect()
    }
}

/// What a frame's masks are drawn with, whatever was found.
struct Masks<'a> {
    frame: FrameId,
    shape: (usize, usize),
    located: &'a Located,
    limit: Metres,
    config: &'a RedactConfig,
    decided: Decided<'a>,
}

impl<'a> Masks<'a> {
    /// As the run had it, and what people decided when the run followed a review.
    fn of(
        told: &'a Told,
        frame: &Frame<Calibrated>,
        located: &'a Located,
        config: &'a Config,
        margins: &Margins,
    ) -> Self {
        let evaluated = match config.detect.publish_beyond_envelope {
            Some(_) => None,
            None => margins.limit,
        };
        let masked = told.masked.as_ref().map(|entry| &entry.reviewed);
        let withheld = told.withheld.as_ref().map(|entry| &entry.reviewed);
        Self {
            frame: frame.id(),
            shape: frame.shape(),
            located,
            limit: Metres(evaluated.unwrap_or(f64::INFINITY)),
            config: &config.redact,
            decided: run::boxes(masked.or(withheld).and_then(Option::as_ref)),
        }
    }

    /// The mask of what was found in these rounds, `until` among them.
    fn of_rounds(
        &self,
        looks: &[(u32, Detections)],
        until: u32,
    ) -> Result<RedactionMask, NotLookedAt> {
        let looks = looks.iter().filter(|(round, _)| *round <= until);
        redact::mask_decided(
            self.frame,
            self.shape,
            looks.map(|(_, look)| look),
            &run::beyond(self.located, self.limit, &self.decided),
            self.located.finest_resolution(),
            self.config,
            &self.decided,
        )
    }
}

/// A look that ran to its end, or the log would not hold it.
fn detections(look: &Detected, margins: &Margins) -> Result<Detections, ReviewError> {
    let line = match (&look.model, look.source) {
        (Some(_), _) => Line::Model,
        (None, Some(_)) => Line::Carry,
        (None, None) => Line::WarmSpots,
    };
    let detection = |found: &Found| {
        let class = Class::ALL
            .into_iter()
            .find(|class| class.name() == found.class);
        let padding = |class| match &look.model {
            Some(model) => margins.padding(model, class),
            None if line == Line::WarmSpots => Some(WarmSpots::PADDING),
            // A carried box holds its padding already.
            None => Some(Padding {
                fraction: 0.0,
                px: 0.0,
            }),
        };
        let known = class.and_then(|class| Some((class, padding(class)?)));
        let (class, padding) = known.ok_or_else(|| ReviewError::NoCard {
            model: look.model.clone().unwrap_or_else(|| look.line.clone()),
        })?;
        #[expect(clippy::cast_precision_loss, reason = "pixels of a frame")]
        let [x0, y0, x1, y1] = found.bbox.map(|edge| edge as f32);
        Ok(Detection {
            class,
            bbox: BoxPx { x0, y0, x1, y1 },
            score: 1.0,
            padding,
            alarm: 0.0,
        })
    };
    let found: Vec<Detection> = look
        .found
        .iter()
        .map(detection)
        .collect::<Result<_, ReviewError>>()?;
    Ok(Detections::completed(FrameId(look.frame), line, found))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_has_the_padding_of_its_own_card_alone() {
        let padding = |px| Padding { fraction: 0.0, px };
        let margins = Margins::default()
            .with("people", Class::Person, padding(1.0))
            .with("people int8", Class::Person, padding(2.0))
            .with("people by night int8", Class::Person, padding(3.0));
        for (title, px) in [
            ("people by night int8", Some(3.0)),
            ("people int8", Some(2.0)),
            ("people fp32", None),
        ] {
            let found = margins.padding(title, Class::Person);
            assert_eq!(found, px.map(padding), "{title}");
        }
        assert_eq!(margins.padding("people int8", Class::Window), None);
        // As the log has it.
        let models = Model::embedded(None).unwrap();
        let margins = Margins::of(&models);
        for model in &models {
            let class = &model.card().class[0];
            let found = margins.padding(model.title(), class.name);
            assert_eq!(found, Some(class.padding()));
        }
    }
}
