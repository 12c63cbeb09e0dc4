//! In which weather each frame was taken.
//!
//! In: the survey's note and those of its parts, times of frames, which of these are at one level. Out: the weathers that occur, which of them each frame was taken in, and
//! reasons for doubt. Refuses: nothing; a frame that tells no time has the survey's note.
//!
//! Frames that overlap and whose temperatures are matched read as if taken at one time, so they share one weather: the mean of theirs. What no overlap ties
//! together keeps a level of its own, in one flight too, and has its own weather.

use std::collections::{BTreeMap, BTreeSet};

use super::heat_loss::{milli, pair};
use super::{Published, Run};
use crate::audit::{LineWeather, MOST_RANGES};
use crate::config::WeatherConfig;
use crate::frame::FrameId;
use crate::heatloss::{self, Grade, Reason, Weather};

/// Ranges of frames that take as much of a line of the log as the figures of one weather.
const RANGES_PER_WEATHER: usize = 10;

/// The weathers of a survey.
#[derive(Debug)]
pub(super) struct Nights {
    /// The survey's own first.
    weathers: Vec<Weather>,
    /// All published frames, ascending.
    published: Vec<FrameId>,
    /// Of frames in another than the first.
    of_frame: BTreeMap<FrameId, usize>,
    /// What nobody can tell.
    reasons: Vec<Reason>,
}

impl Nights {
    /// Of a run whose frames were brought to these `levels`; `None` where the weather is not known.
    pub(super) fn of_run(
        run: &Run,
        published: &[Published],
        levels: &[Vec<FrameId>],
    ) -> Option<Self> {
        let config = run.config.weather.as_ref()?;
        let times = published
            .iter()
            .map(|frame| (frame.id, frame.meta.captured_at));
        Some(Self::of(config, &times.collect(), levels))
    }

    /// By the times of the published frames; `levels` are all of them, those at one level together.
    fn of(
        config: &WeatherConfig,
        times: &BTreeMap<FrameId, Option<i64>>,
        levels: &[Vec<FrameId>],
    ) -> Self {
        let line = |id: &FrameId| {
            let at = (*times.get(id)?)?;
            config.lines.iter().position(|line| line.holds(at))
        };
        let mut nights = Self {
            weathers: vec![config.weather],
            published: times.keys().copied().collect(),
            of_frame: BTreeMap::new(),
            reasons: reasons(config, times),
        };
        // By how many frames in which line, of each group that has one weather.
        let mut known = BTreeMap::from([(vec![(None, 1)], 0)]);
        for group in levels {
            let mut counts: BTreeMap<Option<usize>, u32> = BTreeMap::new();
            for id in group {
                *counts.entry(line(id)).or_default() += 1;
            }
            let mut shares: Vec<(Option<usize>, u32)> = counts.into_iter().collect();
            if let [(_, count)] = &mut shares[..] {
                *count = 1;
            }
            let parts: Vec<(&Weather, f64)> = shares
                .iter()
                .filter_map(|(line, count)| {
                    let weather = match line {
                        Some(line) => &config.lines.get(*line)?.weather,
                        None => &config.weather,
                    };
                    Some((weather, f64::from(*count)))
                })
                .collect();
            let Some(weather) = Weather::mean(&parts) else {
                continue;
            };
            let next = nights.weathers.len();
            let number = *known.entry(shares).or_insert(next);
            if number == next {
                nights.weathers.push(weather);
            }
            if number > 0 {
                nights.of_frame.extend(group.iter().map(|id| (*id, number)));
            }
        }
        nights
    }

    /// All weathers, the survey's own first, whether or not a frame has it.
    pub(super) fn weathers(&self) -> &[Weather] {
        &self.weathers
    }

    /// The number of a frame's weather.
    pub(super) fn of_frame(&self, id: FrameId) -> usize {
        self.of_frame.get(&id).copied().unwrap_or(0)
    }

    /// The numbers of the weathers of these `frames`.
    pub(super) fn used(&self, frames: &[FrameId]) -> BTreeSet<usize> {
        frames.iter().map(|id| self.of_frame(*id)).collect()
    }

    /// The weather in which most of a building was seen, by the frame of each pixel and its share; of equals the first.
    pub(super) fn mostly(&self, frames: &[Option<FrameId>], shares: &[f64]) -> usize {
        let weighed = frames.iter().zip(shares).filter(|(_, share)| **share > 0.0);
        let weighed = weighed.filter_map(|(frame, share)| Some((self.of_frame((*frame)?), *share)));
        heatloss::mostly(weighed).unwrap_or(0)
    }

    /// What nobody can tell of these `frames`, and what their weathers leave open.
    pub(super) fn reasons(&self, frames: &[FrameId]) -> Vec<Reason> {
        let mut reasons = self.reasons.clone();
        let used = self.used(frames);
        let weathers = used.iter().filter_map(|at| self.weathers.get(*at));
        for reason in weathers.flat_map(|weather| weather.verdict().reasons) {
            if !reasons.contains(&reason) {
                reasons.push(reason);
            }
        }
        reasons
    }

    /// What applies to every building alike.
    pub(super) fn common_reasons(&self) -> &[Reason] {
        &self.reasons
    }

    /// Frames in a row, as they were published, that have a weather which is not the survey's: first and last. Frames between them that were not
    /// published have none, and ranges that left them out would grow with every gap.
    fn spans(&self) -> Vec<(usize, [u32; 2])> {
        let mut spans: Vec<(usize, [u32; 2])> = Vec::new();
        for id in &self.published {
            let number = self.of_frame(*id);
            match spans.last_mut() {
                Some((same, [_, last])) if *same == number => *last = id.0,
                _ => spans.push((number, [id.0; 2])),
            }
        }
        spans.retain(|(number, _)| *number > 0);
        spans
    }

    /// For the log: each weather but the survey's own, with its frames; in as many parts as its entries need, one at least, of which each goes on
    /// behind the last frame of the one before.
    pub(super) fn parts(&self) -> Vec<Vec<LineWeather>> {
        let mut parts = Vec::new();
        let mut part: BTreeMap<usize, Vec<[u32; 2]>> = BTreeMap::new();
        let mut size = 0;
        for (number, span) in self.spans() {
            if size + RANGES_PER_WEATHER >= MOST_RANGES {
                parts.push(std::mem::take(&mut part));
                size = 0;
            }
            let frames = part.entry(number).or_insert_with(|| {
                size += RANGES_PER_WEATHER;
                Vec::new()
            });
            frames.push(span);
            size += 1;
        }
        parts.push(part);
        let line = |(number, frames): (usize, Vec<[u32; 2]>)| {
            let weather: &Weather = self.weathers.get(number)?;
            Some(LineWeather {
                frames,
                air_mk: pair(weather.air),
                sky_mk: pair(weather.sky),
                reflected_mk: pair(weather.reflected),
                wind_mm_s: pair(weather.wind),
                humidity_milli: milli(weather.humidity.value()),
            })
        };
        let lines = |part: BTreeMap<_, _>| part.into_iter().filter_map(line).collect();
        parts.into_iter().map(lines).collect()
    }
}

/// Frames without a time, and lines without a frame: a clock that stands elsewhere than the operator thinks.
fn reasons(config: &WeatherConfig, times: &BTreeMap<FrameId, Option<i64>>) -> Vec<Reason> {
    if config.lines.is_empty() {
        return Vec::new();
    }
    let doubt = |text| Reason {
        at_best: Grade::C,
        text,
    };
    let without = times.values().filter(|time| time.is_none()).count();
    let empty = (1..).zip(&config.lines).filter(|(_, line)| {
        let mut known = times.values().flatten();
        !known.any(|at| line.holds(*at))
    });
    // Reasons are published with the buildings, and its times would say to the minute when a street was flown: they are for the operator's eyes.
    let empty = empty.map(|(number, line): (usize, _)| {
        let [from, until] = &line.span;
        tracing::warn!("no frame was taken in weather line {number}, from {from} until {until}");
        doubt(format!(
            "no frame was taken in weather line {number}: compare the frames' clock"
        ))
    });
    let without = (without > 0).then(|| {
        doubt(format!(
            "{without} frames tell no time and have the survey's weather, whatever its lines say"
        ))
    });
    without.into_iter().chain(empty).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Args;

    /// 2 °C; from 22:00 until 23:00 -2 °C, from then until midnight 0 °C and 4 m/s.
    fn config() -> WeatherConfig {
        let text = "[weather]\nair-celsius = 2\nwind-m-s = 1\n\
            [[weather.line]]\nfrom = '1970-01-01T22:00'\nuntil = '1970-01-01T23:00'\nair-celsius = -2\n\
            [[weather.line]]\nfrom = '1970-01-01T23:00'\nuntil = '1970-01-02T00:00'\nair-celsius = 0\nwind-m-s = 4\n";
        let args: Args = toml::from_str(text).unwrap();
        args.resolve().unwrap().weather.unwrap()
    }

    /// Frames 0, 1, ... at these hours.
    fn times(hours: &[Option<i64>]) -> BTreeMap<FrameId, Option<i64>> {
        let times = (0..).map(FrameId).zip(hours);
        times
            .map(|(id, hour)| (id, hour.map(|hour| 3600 * hour)))
            .collect()
    }

    fn alone(frames: u32) -> Vec<Vec<FrameId>> {
        (0..frames).map(|id| vec![FrameId(id)]).collect()
    }

    fn airs(nights: &Nights, frames: u32) -> Vec<f64> {
        let of = |id| nights.weathers()[nights.of_frame(FrameId(id))].air.value;
        (0..frames).map(of).collect()
    }

    #[test]
    fn a_frame_alone_has_the_weather_of_its_line_else_the_surveys() {
        let times = times(&[Some(21), Some(22), Some(23), None, Some(22)]);
        let nights = Nights::of(&config(), &times, &alone(5));
        assert_eq!(airs(&nights, 5), [2.0, -2.0, 0.0, 2.0, -2.0]);
        let [lines] = &nights.parts()[..] else {
            panic!("one part")
        };
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[0].frames, [[1, 1], [4, 4]]);
        assert_eq!(
            (lines[0].air_mk, lines[1].wind_mm_s),
            ([-2000, 500], [4000, 700])
        );
        let told = |frames: &[u32]| {
            let frames: Vec<FrameId> = frames.iter().copied().map(FrameId).collect();
            let reasons = nights.reasons(&frames);
            reasons
                .into_iter()
                .map(|reason| reason.text)
                .collect::<Vec<_>>()
                .join("; ")
        };
        assert!(told(&[0]).contains("1 frames tell no time"));
        // Gates look at the frames that are in the map.
        assert!(told(&[0, 2]).contains("wind 4 m/s") && !told(&[0, 1]).contains("wind 4 m/s"));
    }

    /// (-2 x 3 + 0 x 1) / 4 = -1.5 and (1 x 3 + 4) / 4 = 1.75.
    #[test]
    fn frames_that_were_matched_share_the_mean_of_theirs() {
        let times = times(&[Some(22), Some(22), Some(22), Some(23), Some(22), Some(22)]);
        let levels = [(0..4).map(FrameId).collect(), (4..6).map(FrameId).collect()];
        let nights = Nights::of(&config(), &times, &levels);
        assert_eq!(airs(&nights, 6), [-1.5, -1.5, -1.5, -1.5, -2.0, -2.0]);
        let mean = nights.weathers()[nights.of_frame(FrameId(3))];
        assert!((mean.wind.value - 1.75).abs() < 1e-12);
        let parts = nights.parts();
        assert_eq!((parts.len(), parts[0].len()), (1, 2));
        assert!(nights.common_reasons().is_empty());
    }

    #[test]
    fn a_line_without_a_frame_says_that_a_clock_may_be_wrong() {
        let nights = Nights::of(&config(), &times(&[Some(22)]), &alone(1));
        let [reason] = nights.common_reasons() else {
            panic!("{:?}", nights.common_reasons())
        };
        assert!(reason.at_best == Grade::C && reason.text.contains("line 2"));
    }

    #[test]
    fn weathers_that_take_turns_are_told_of_in_parts_that_each_fit_a_line() {
        let hours: Vec<Option<i64>> = (0..5000).map(|frame| Some(22 + frame % 2)).collect();
        let nights = Nights::of(&config(), &times(&hours), &alone(5000));
        let parts = nights.parts();
        assert!(parts.len() > 2);
        let mut known: BTreeMap<u32, [i64; 2]> = BTreeMap::new();
        for part in &parts {
            let behind = known.keys().last().copied();
            let ranges: usize = part.iter().map(|line| line.frames.len()).sum();
            assert!(ranges + RANGES_PER_WEATHER * part.len() <= MOST_RANGES);
            for line in part {
                for &[first, last] in &line.frames {
                    assert!(behind < Some(first), "{first} stands in two parts");
                    known.extend((first..=last).map(|frame| (frame, line.air_mk)));
                }
            }
        }
        assert_eq!(known.len(), 5000);
        let airs = known.values().map(|[air, _]| *air);
        assert!(airs.eq((0..5000).map(|frame| if frame % 2 == 0 { -2000 } else { 0 })));
        // All have the survey's own.
        let nights = Nights::of(&config(), &times(&[Some(21)]), &alone(1));
        assert_eq!(nights.parts(), [vec![]]);
    }
}
