//! Labels in the COCO format.
//!
//! In: the JSON text of a COCO object file. Out: [`Labels`]: frames in the order of their numbers, boxes by
//! class, regions to ignore. Refuses: categories it does not know, numbers that lead nowhere, boxes without
//! an area, file names that lead out of the picture folder. Messages name file and number.

use std::collections::BTreeMap;
use std::path::{Component, Path};

use serde::Deserialize;

use super::EvalError;
use crate::detect::Class;
use crate::outside;

/// More bytes than a file of labels has: COCO's own for 118,287 pictures, with outlines, has fewer.
const LONGEST: u64 = 1 << 29;

/// A rectangle as COCO stores it: continuous pixels of the frame, corner and sides.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rect {
    /// Left edge.
    pub x: f64,
    /// Top edge.
    pub y: f64,
    /// Width.
    pub width: f64,
    /// Height.
    pub height: f64,
}

impl Rect {
    /// Square pixels.
    #[must_use]
    pub fn area(&self) -> f64 {
        self.width * self.height
    }

    /// Square pixels that both cover.
    #[must_use]
    pub fn shared(&self, other: &Self) -> f64 {
        let width = (self.x + self.width).min(other.x + other.width) - self.x.max(other.x);
        let height = (self.y + self.height).min(other.y + other.height) - self.y.max(other.y);
        width.max(0.0) * height.max(0.0)
    }
}

/// A region in which finds of one class, or of all, do not count.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ignored {
    /// `None` for all classes (`dont_care`); else the class of a crowd.
    pub class: Option<Class>,
    /// Where.
    pub rect: Rect,
}

/// One picture and what is labelled in it.
#[derive(Debug, Clone, PartialEq)]
pub struct LabelledFrame {
    /// Its number in the file.
    pub id: i64,
    /// Its name, relative to the folder of the pictures.
    pub file_name: String,
    /// Columns and rows, where the file says them.
    pub shape: Option<(usize, usize)>,
    /// What is there.
    pub objects: Vec<(Class, Rect)>,
    /// Where nothing counts.
    pub ignored: Vec<Ignored>,
}

/// A labelled set.
#[derive(Debug, Clone, PartialEq)]
pub struct Labels {
    /// By number.
    pub frames: Vec<LabelledFrame>,
    /// Classes that the set labels, each with the number of its first category.
    pub classes: BTreeMap<Class, i64>,
}

#[derive(Deserialize)]
struct File {
    images: Vec<Image>,
    annotations: Vec<Annotation>,
    categories: Vec<Category>,
}

#[derive(Deserialize)]
struct Image {
    id: i64,
    file_name: String,
    width: Option<usize>,
    height: Option<usize>,
}

#[derive(Deserialize)]
struct Annotation {
    id: i64,
    image_id: i64,
    category_id: i64,
    bbox: [f64; 4],
    #[serde(default)]
    iscrowd: u8,
}

#[derive(Deserialize)]
struct Category {
    id: i64,
    name: String,
}

/// The class that a category stands for; `None` inside for `dont_care`.
#[expect(
    clippy::option_option,
    reason = "unknown, known to be ignored, or a class"
)]
fn class(name: &str) -> Option<Option<Class>> {
    match name {
        "person" => Some(Some(Class::Person)),
        "car" | "vehicle" | "other_vehicle" => Some(Some(Class::Vehicle)),
        "bicycle" => Some(Some(Class::Bicycle)),
        "window" => Some(Some(Class::Window)),
        "dont_care" => Some(None),
        _ => None,
    }
}

impl Labels {
    /// Reads a COCO file.
    ///
    /// # Errors
    ///
    /// [`EvalError::Io`] or [`EvalError::Labels`], naming the file.
    pub fn read(path: &Path) -> Result<Self, EvalError> {
        let text = outside::read_text(path, LONGEST).map_err(|source| EvalError::Io {
            path: path.to_path_buf(),
            source,
        })?;
        Self::parse(&text).map_err(|problem| EvalError::Labels {
            path: path.to_path_buf(),
            problem,
        })
    }

    fn parse(text: &str) -> Result<Self, String> {
        let file: File = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let (categories, classes) = categories(&file.categories)?;
        let mut frames = BTreeMap::new();
        for image in file.images {
            let id = image.id;
            let frame = LabelledFrame::new(image)?;
            if frames.insert(id, frame).is_some() {
                return Err(format!("image {id} is there twice"));
            }
        }
        for annotation in file.annotations {
            let wrong = |problem: &str| format!("annotation {}: {problem}", annotation.id);
            let frame = frames
                .get_mut(&annotation.image_id)
                .ok_or_else(|| wrong(&format!("there is no image {}", annotation.image_id)))?;
            let class = *categories.get(&annotation.category_id).ok_or_else(|| {
                wrong(&format!("there is no category {}", annotation.category_id))
            })?;
            let [x, y, width, height] = annotation.bbox;
            let rect = Rect {
                x,
                y,
                width,
                height,
            };
            let finite = annotation.bbox.iter().all(|edge| edge.abs() < 1e6);
            if !finite || width <= 0.0 || height <= 0.0 {
                return Err(wrong("its box has no area, or lies outside any picture"));
            }
            match class {
                Some(class) if annotation.iscrowd == 0 => frame.objects.push((class, rect)),
                class => frame.ignored.push(Ignored { class, rect }),
            }
        }
        Ok(Self {
            frames: frames.into_values().collect(),
            classes,
        })
    }
}

/// What each category's number stands for, and each class's first number.
type Categories = (BTreeMap<i64, Option<Class>>, BTreeMap<Class, i64>);

fn categories(listed: &[Category]) -> Result<Categories, String> {
    let mut categories = BTreeMap::new();
    let mut classes = BTreeMap::new();
    for Category { id, name } in listed {
        let class = class(name).ok_or_else(|| {
            format!(
                "category {id}, {name:?}, is not known; person, car, vehicle, other_vehicle, bicycle, window \
                 and dont_care are"
            )
        })?;
        if categories.insert(*id, class).is_some() {
            return Err(format!("category {id} is there twice"));
        }
        if let Some(class) = class {
            classes.entry(class).or_insert(*id);
        }
    }
    Ok((categories, classes))
}

impl LabelledFrame {
    fn new(image: Image) -> Result<Self, String> {
        let name = Path::new(&image.file_name);
        let inside = |part: Component<'_>| matches!(part, Component::Normal(_) | Component::CurDir);
        if image.file_name.is_empty() || !name.components().all(inside) {
            return Err(format!(
                "image {}: {:?} is not a file below the folder of the pictures",
                image.id, image.file_name
            ));
        }
        Ok(Self {
            id: image.id,
            file_name: image.file_name,
            shape: image.width.zip(image.height),
            objects: Vec::new(),
            ignored: Vec::new(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(images: &str, annotations: &str, categories: &str) -> Result<Labels, String> {
        Labels::parse(&format!(
            r#"{{"images":[{images}],"annotations":[{annotations}],"categories":[{categories}]}}"#
        ))
    }

    const IMAGE: &str = r#"{"id":7,"file_name":"a.jpg","width":64,"height":48}"#;
    const CATEGORIES: &str = r#"{"id":1,"name":"car"},{"id":2,"name":"other_vehicle"},{"id":3,"name":"dont_care"},{"id":4,"name":"person"}"#;

    #[test]
    fn kinds_of_cars_are_one_class_and_dont_care_and_crowds_are_ignored() {
        let annotations = r#"{"id":0,"image_id":7,"category_id":1,"bbox":[1,2,3,4]},
            {"id":1,"image_id":7,"category_id":2,"bbox":[1,2,3,4],"iscrowd":0},
            {"id":2,"image_id":7,"category_id":3,"bbox":[0,0,9,9]},
            {"id":3,"image_id":7,"category_id":4,"bbox":[0,0,5,5],"iscrowd":1}"#;
        let labels = parse(IMAGE, annotations, CATEGORIES).unwrap();
        let frame = &labels.frames[0];
        assert_eq!(frame.shape, Some((64, 48)));
        let classes: Vec<Class> = frame.objects.iter().map(|(class, _)| *class).collect();
        assert_eq!(classes, [Class::Vehicle, Class::Vehicle]);
        let ignored: Vec<_> = frame.ignored.iter().map(|region| region.class).collect();
        assert_eq!(ignored, [None, Some(Class::Person)]);
        assert_eq!(
            labels.classes,
            BTreeMap::from([(Class::Vehicle, 1), (Class::Person, 4)])
        );
    }

    #[test]
    fn what_leads_nowhere_is_refused_by_number() {
        let refused = |annotation: &str| parse(IMAGE, annotation, CATEGORIES).unwrap_err();
        let error = refused(r#"{"id":31,"image_id":8,"category_id":1,"bbox":[1,2,3,4]}"#);
        assert!(
            error.contains("annotation 31") && error.contains("image 8"),
            "{error}"
        );
        let error = refused(r#"{"id":32,"image_id":7,"category_id":9,"bbox":[1,2,3,4]}"#);
        assert!(
            error.contains("annotation 32") && error.contains("category 9"),
            "{error}"
        );
        let error = refused(r#"{"id":33,"image_id":7,"category_id":1,"bbox":[1,2,0,4]}"#);
        assert!(error.contains("annotation 33"), "{error}");
        let error = parse(IMAGE, "", r#"{"id":5,"name":"dog"}"#).unwrap_err();
        assert!(
            error.contains("category 5") && error.contains("dog"),
            "{error}"
        );
        let error = parse(&format!("{IMAGE},{IMAGE}"), "", CATEGORIES).unwrap_err();
        assert!(error.contains("image 7"), "{error}");
    }

    #[test]
    fn a_name_that_leads_out_of_the_folder_is_refused() {
        for name in ["/etc/passwd", "../a.jpg", "a/../../b.jpg", ""] {
            let image = format!(r#"{{"id":9,"file_name":"{name}"}}"#);
            let error = parse(&image, "", CATEGORIES).unwrap_err();
            assert!(error.contains("image 9"), "{error}");
        }
        assert!(parse(r#"{"id":9,"file_name":"b/a.jpg"}"#, "", CATEGORIES).is_ok());
    }
}
