//! From what every frame gave to the figures of the answer.

use serde_json::{Map, Value, json};

use super::bootstrap::{Bootstrap, Ratio};
use super::coco::{LabelledFrame, Rect};
use super::curve::{AveragePrecision, Curve, RecallAt};
use super::hidden::{Hidden, LINES, Lines};
use super::look::Looked;
use super::matching::{Verdict, matched};
use crate::detect::Class;

/// At this intersection over union a find counts as the object, unless a name says another one.
const IOU: f64 = 0.3;
/// False alarms a frame at which recall is read.
const ALARM_RATES: [u8; 4] = [1, 2, 4, 8];
/// Sizes of objects: square roots of the areas of their boxes, px.
const SIZES: [f64; 6] = [0.0, 8.0, 12.0, 16.0, 24.0, 32.0];

/// What one picture gave.
#[derive(Debug)]
pub(super) struct Gave {
    pub(super) looked: Looked,
    pub(super) lines: Lines,
}

/// The sums of one class.
#[derive(Debug)]
struct OfClass {
    class: Class,
    objects: usize,
    at50: Curve,
    at30: Curve,
    recall: Ratio,
    precision: Ratio,
    alarms: Ratio,
    pixels: Ratio,
    masked: Ratio,
    area: Ratio,
    sizes: [(usize, Ratio, Ratio); SIZES.len()],
}

/// The sums of one line of defence, for persons, over the frames in which it could be measured.
#[derive(Debug)]
struct OfLine {
    frames: usize,
    objects: usize,
    pixels: Ratio,
    masked: Ratio,
    area: Ratio,
}

/// The sums of all frames, by scene.
#[derive(Debug)]
pub(super) struct Sums {
    scenes: usize,
    frames: usize,
    cut: usize,
    /// Frames of which is known which ground they show.
    placed: usize,
    classes: Vec<OfClass>,
    lines: [OfLine; LINES.len()],
}

impl Sums {
    pub(super) fn new(classes: impl Iterator<Item = Class>, scenes: usize) -> Self {
        let ratio = || Ratio::new(scenes);
        let of_class = |class| OfClass {
            class,
            objects: 0,
            at50: Curve::new(scenes),
            at30: Curve::new(scenes),
            recall: ratio(),
            precision: ratio(),
            alarms: ratio(),
            pixels: ratio(),
            masked: ratio(),
            area: ratio(),
            sizes: std::array::from_fn(|_| (0, ratio(), ratio())),
        };
        let of_line = |_| OfLine {
            frames: 0,
            objects: 0,
            pixels: ratio(),
            masked: ratio(),
            area: ratio(),
        };
        Self {
            scenes,
            frames: 0,
            cut: 0,
            placed: 0,
            classes: classes.map(of_class).collect(),
            lines: LINES.map(of_line),
        }
    }

    /// Adds one frame.
    pub(super) fn add(&mut self, scene: usize, labelled: &LabelledFrame, gave: &Gave) {
        self.frames += 1;
        self.cut += usize::from(gave.looked.cut);
        self.placed += usize::from(gave.looked.seen.is_some());
        for class in &mut self.classes {
            class.add(scene, labelled, gave);
        }
        for (line, hidden) in self.lines.iter_mut().zip(gave.lines.each()) {
            if let Some(hidden) = hidden {
                line.add(scene, labelled, hidden);
            }
        }
    }

    /// Why carry could not be measured in any frame.
    fn without_carry(&self) -> &'static str {
        match self.placed {
            0 => "no positions",
            _ => "no frame overlaps another near in time",
        }
    }

    /// All figures, with the thresholds of the classes.
    pub(super) fn figures(self, threshold: impl Fn(Class) -> Option<f32>) -> Map<String, Value> {
        let bootstrap = Bootstrap::new(self.scenes);
        let mut answer = Map::new();
        answer.insert("frames".into(), self.frames.into());
        answer.insert("scenes".into(), self.scenes.into());
        answer.insert("frames_without_weak_finds".into(), self.cut.into());
        let mut lines = Map::new();
        for (name, line) in LINES.into_iter().zip(&self.lines) {
            let mut figures = line.figures(&bootstrap);
            if line.frames == 0 && self.frames > 0 {
                figures.insert("not_measured".into(), self.without_carry().into());
            }
            lines.insert(name.into(), figures.into());
        }
        answer.insert("lines".into(), lines.into());
        if let Some(all) = self.lines.last() {
            put(&mut answer, "masked_area", bootstrap.measure(&all.area));
        }
        let mut classes = Map::new();
        for class in self.classes {
            let threshold = threshold(class.class);
            let name = class.class.name().to_owned();
            classes.insert(name, class.figures(&bootstrap, threshold).into());
        }
        answer.insert("classes".into(), classes.into());
        answer
    }
}

impl OfLine {
    fn add(&mut self, scene: usize, labelled: &LabelledFrame, hidden: &Hidden) {
        self.frames += 1;
        self.area.add(scene, hidden.area, 1.0);
        let (under, total) = of(Class::Person, &hidden.pixels);
        self.pixels.add(scene, under, total);
        let objects = labelled.objects.iter().zip(&hidden.objects);
        for (_, &masked) in objects.filter(|((class, _), _)| *class == Class::Person) {
            self.objects += 1;
            self.masked.add(scene, one(masked), 1.0);
        }
    }

    fn figures(&self, bootstrap: &Bootstrap) -> Map<String, Value> {
        let mut figures = Map::new();
        figures.insert("frames".into(), self.frames.into());
        figures.insert("objects".into(), self.objects.into());
        let mut add = |name, ratio| put(&mut figures, name, bootstrap.measure(ratio));
        add("objects_80_masked", &self.masked);
        add("pixels_masked", &self.pixels);
        add("masked_area", &self.area);
        figures
    }
}

impl OfClass {
    fn add(&mut self, scene: usize, labelled: &LabelledFrame, gave: &Gave) {
        let of_class = labelled.objects.iter().enumerate();
        let (numbers, rects): (Vec<usize>, Vec<Rect>) = of_class
            .filter(|(_, (class, _))| *class == self.class)
            .map(|(number, (_, rect))| (number, *rect))
            .unzip();
        self.objects += rects.len();
        let Gave { looked, lines } = gave;
        let against = |finds, iou| matched(self.class, finds, &rects, &labelled.ignored, iou);
        let strict = against(&looked.weak, 0.5);
        let loose = against(&looked.weak, IOU);
        let finds: Vec<_> = looked.finds().copied().collect();
        let now = against(&finds, IOU);
        self.at50
            .add(labelled.id, scene, &strict.finds, rects.len());
        self.at30.add(labelled.id, scene, &loose.finds, rects.len());
        let mut alarms = 0.0;
        for (_, verdict) in &now.finds {
            let hit = one(*verdict == Verdict::Hit);
            let alarm = one(*verdict == Verdict::FalseAlarm);
            self.precision.add(scene, hit, hit + alarm);
            alarms += alarm;
        }
        self.alarms.add(scene, alarms, 1.0);
        for ((rect, &found), number) in rects.iter().zip(&now.found).zip(numbers) {
            let masked = one(lines.all.objects.get(number) == Some(&true));
            self.recall.add(scene, one(found), 1.0);
            self.masked.add(scene, masked, 1.0);
            let size = rect.area().sqrt();
            let bucket = SIZES.iter().rposition(|least| size >= *least);
            if let Some((objects, recall, hidden)) = bucket.and_then(|at| self.sizes.get_mut(at)) {
                *objects += 1;
                recall.add(scene, one(found), 1.0);
                hidden.add(scene, masked, 1.0);
            }
        }
        let (under, total) = of(self.class, &lines.all.pixels);
        self.pixels.add(scene, under, total);
        let area = lines.area.get(&self.class).copied().unwrap_or_default();
        self.area.add(scene, area, 1.0);
    }

    fn figures(self, bootstrap: &Bootstrap, threshold: Option<f32>) -> Map<String, Value> {
        let (at50, at30) = (self.at50.sorted(), self.at30.sorted());
        let mut figures = Map::new();
        figures.insert("objects".into(), self.objects.into());
        // By way of text, so that 0.17 is not 0.17000000178813934.
        let threshold = threshold.and_then(|score| score.to_string().parse::<f64>().ok());
        figures.insert("threshold".into(), threshold.into());
        let mut add = |name, figure| put(&mut figures, name, figure);
        add("ap50", bootstrap.measure(&AveragePrecision(&at50)));
        add("ap30", bootstrap.measure(&AveragePrecision(&at30)));
        add("recall", bootstrap.measure(&self.recall));
        add("precision", bootstrap.measure(&self.precision));
        add("false_positives_per_frame", bootstrap.measure(&self.alarms));
        add("pixels_masked", bootstrap.measure(&self.pixels));
        add("objects_80_masked", bootstrap.measure(&self.masked));
        add("masked_area", bootstrap.measure(&self.area));
        let (mut recalls, mut spreads) = (Map::new(), Map::new());
        for rate in ALARM_RATES {
            let (value, spread) = bootstrap.measure(&RecallAt {
                curve: &at30,
                alarms_per_frame: f64::from(rate),
            });
            recalls.insert(rate.to_string(), rounded(value));
            spreads.insert(rate.to_string(), ends(spread));
        }
        figures.insert("recall_at_fp_per_frame".into(), recalls.into());
        figures.insert("recall_at_fp_per_frame_ci".into(), spreads.into());
        let size = |(at, (objects, recall, masked)): (usize, &(usize, Ratio, Ratio))| {
            let mut row = Map::new();
            row.insert("min_px".into(), json!(SIZES.get(at)));
            row.insert("max_px".into(), json!(SIZES.get(at + 1)));
            row.insert("objects".into(), json!(objects));
            put(&mut row, "recall", bootstrap.measure(recall));
            put(&mut row, "objects_80_masked", bootstrap.measure(masked));
            Value::from(row)
        };
        let sizes: Vec<Value> = self.sizes.iter().enumerate().map(size).collect();
        figures.insert("recall_by_size".into(), sizes.into());
        figures
    }
}

fn of(class: Class, pixels: &std::collections::BTreeMap<Class, (f64, f64)>) -> (f64, f64) {
    pixels.get(&class).copied().unwrap_or_default()
}

fn one(yes: bool) -> f64 {
    f64::from(u8::from(yes))
}

/// A figure, and its interval under the same name and `_ci`.
fn put(
    into: &mut Map<String, Value>,
    name: &str,
    (value, spread): (Option<f64>, Option<[f64; 2]>),
) {
    into.insert(name.into(), rounded(value));
    into.insert(format!("{name}_ci"), ends(spread));
}

/// Five decimals; `null` for what is not defined.
fn rounded(value: Option<f64>) -> Value {
    json!(value.map(|value| (value * 1e5).round() / 1e5))
}

fn ends(spread: Option<[f64; 2]>) -> Value {
    spread.map_or(Value::Null, |ends| {
        ends.into_iter().map(|end| rounded(Some(end))).collect()
    })
}
