//! What a simulated survey is known to show.

use std::path::Path;

use gdal::Dataset;

/// A raster with its place on the Earth: metres in the simulation's UTM zone.
#[derive(Debug, Clone)]
pub(crate) struct Map {
    pub samples: Vec<f32>,
    pub width: usize,
    pub height: usize,
    pub west: f64,
    pub north: f64,
    pub cell: f64,
}

impl Map {
    pub(crate) fn read(path: &Path) -> Self {
        Self::band(path, 1)
    }

    pub(crate) fn band(path: &Path, number: usize) -> Self {
        let dataset = Dataset::open(path).unwrap();
        let (width, height) = dataset.raster_size();
        let [west, cell, _, north, _, _] = dataset.geo_transform().unwrap();
        assert_eq!(dataset.spatial_ref().unwrap().auth_code().unwrap(), 32_630);
        let band = dataset.rasterband(number).unwrap();
        Self {
            samples: band.read_band_as::<f32>().unwrap().data().to_vec(),
            width,
            height,
            west,
            north,
            cell,
        }
    }

    /// Bilinear; `None` outside and next to missing samples.
    pub(crate) fn at(&self, [east, north]: [f64; 2]) -> Option<f64> {
        let x = (east - self.west) / self.cell - 0.5;
        let y = (self.north - north) / self.cell - 0.5;
        if x < 0.0 || y < 0.0 {
            return None;
        }
        let (column, row) = (x as usize, y as usize);
        if column + 1 >= self.width || row + 1 >= self.height {
            return None;
        }
        let sample =
            |dx: usize, dy: usize| f64::from(self.samples[(row + dy) * self.width + column + dx]);
        let (fx, fy) = (x - column as f64, y - row as f64);
        let upper = sample(0, 0) * (1.0 - fx) + sample(1, 0) * fx;
        let lower = sample(0, 1) * (1.0 - fx) + sample(1, 1) * fx;
        let value = upper * (1.0 - fy) + lower * fy;
        value.is_finite().then_some(value)
    }

    /// Middle of the cell at a place in row-major order.
    pub(crate) fn place(&self, at: usize) -> [f64; 2] {
        [
            self.west + ((at % self.width) as f64 + 0.5) * self.cell,
            self.north - ((at / self.width) as f64 + 0.5) * self.cell,
        ]
    }
}

/// A convex outline, counter-clockwise.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Outline {
    pub corners: [[f64; 2]; 4],
    /// Edges from a corner to the next that no neighbour continues.
    pub free: [bool; 4],
}

/// A panel on the ground.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Panel {
    pub corners: [[f64; 2]; 4],
    /// What a camera of the flight reads on it.
    pub celsius: f64,
}

#[derive(Debug)]
pub(crate) struct Truth {
    pub roofs: Vec<Outline>,
    pub panels: Vec<Panel>,
    /// Apparent temperature from straight above.
    pub seen: Map,
}

impl Truth {
    pub(crate) fn read(flight: &Path) -> Self {
        let json = |name: &str| -> serde_json::Value {
            let bytes = std::fs::read(flight.join("truth").join(name)).unwrap();
            serde_json::from_slice(&bytes).unwrap()
        };
        let list = |value: &serde_json::Value| value.as_array().unwrap().clone();
        let roofs = list(&json("roofs.json")["roofs"])
            .iter()
            .map(|roof| {
                let corner = |at: usize| {
                    ["east", "north"].map(|key| roof["corners"][at][key].as_f64().unwrap())
                };
                Outline {
                    corners: [0, 1, 2, 3].map(corner),
                    free: [0, 1, 2, 3].map(|at: usize| roof["free_edges"][at].as_bool().unwrap()),
                }
            })
            .collect();
        let panels = list(&json("targets.json")["targets"])
            .iter()
            .map(|panel| Panel {
                corners: [0, 1, 2, 3].map(|at: usize| {
                    [0, 1].map(|axis: usize| panel["corners"][at][axis].as_f64().unwrap())
                }),
                celsius: panel["apparent_celsius"].as_f64().unwrap(),
            })
            .collect();
        let seen = Map::read(&flight.join("truth/apparent_temperature.tif"));
        Self {
            roofs,
            panels,
            seen,
        }
    }
}
