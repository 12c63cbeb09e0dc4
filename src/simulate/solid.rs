//! Convex solids and ellipsoids, and where a ray meets them.
//!
//! In: a ray. Out: the nearest hit in front of its origin. Refuses: nothing; a ray that misses is `None`.

/// A point or direction in metres.
pub(super) type Vec3 = [f64; 3];

/// Index into the scene's surfaces.
pub(super) type SurfaceId = usize;

pub(super) fn dot(a: Vec3, b: Vec3) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

/// `a + b * t`.
pub(super) fn along(a: Vec3, b: Vec3, t: f64) -> Vec3 {
    [a[0] + b[0] * t, a[1] + b[1] * t, a[2] + b[2] * t]
}

pub(super) fn unit(a: Vec3) -> Vec3 {
    let length = dot(a, a).sqrt();
    [a[0] / length, a[1] / length, a[2] / length]
}

/// A half-space: `normal · p <= offset` is inside; `normal` has unit length.
#[derive(Debug, Clone)]
pub(super) struct Face {
    pub normal: Vec3,
    pub offset: f64,
    pub surface: SurfaceId,
}

#[derive(Debug, Clone)]
enum Shape {
    Convex(Vec<Face>),
    Ellipsoid {
        centre: Vec3,
        radii: Vec3,
        surface: SurfaceId,
    },
}

/// A solid and the thing that it belongs to.
#[derive(Debug, Clone)]
pub(super) struct Body {
    shape: Shape,
    /// Lowest corner of the bounding box.
    pub low: Vec3,
    /// Highest corner of the bounding box.
    pub high: Vec3,
    /// Index into the entities.
    pub entity: u32,
}

/// Where a ray meets a body.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hit {
    /// Distance in units of the ray's direction.
    pub t: f64,
    pub normal: Vec3,
    pub surface: SurfaceId,
    pub entity: u32,
}

impl Body {
    /// An upright box; `top` lies on the upper face, `side` on the others.
    pub(super) fn cuboid(
        low: Vec3,
        high: Vec3,
        (top, side): (SurfaceId, SurfaceId),
        entity: u32,
    ) -> Self {
        Self::clipped(low, high, (top, side), &[], entity)
    }

    /// An upright box cut by further half-spaces.
    pub(super) fn clipped(
        low: Vec3,
        high: Vec3,
        (top, side): (SurfaceId, SurfaceId),
        cuts: &[Face],
        entity: u32,
    ) -> Self {
        let mut faces = Vec::with_capacity(6 + cuts.len());
        for axis in 0..3 {
            let mut normal = [0.0; 3];
            normal[axis] = 1.0;
            let surface = if axis == 2 { top } else { side };
            faces.push(Face {
                normal,
                offset: high[axis],
                surface,
            });
            normal[axis] = -1.0;
            faces.push(Face {
                normal,
                offset: -low[axis],
                surface: side,
            });
        }
        faces.extend_from_slice(cuts);
        Self {
            shape: Shape::Convex(faces),
            low,
            high,
            entity,
        }
    }

    /// An ellipsoid with axes along the coordinate axes.
    pub(super) fn ellipsoid(centre: Vec3, radii: Vec3, surface: SurfaceId, entity: u32) -> Self {
        let corner = |sign: f64| along(centre, radii, sign);
        Self {
            shape: Shape::Ellipsoid {
                centre,
                radii,
                surface,
            },
            low: corner(-1.0),
            high: corner(1.0),
            entity,
        }
    }

    /// The first point of the body on the ray, in front of its origin.
    pub(super) fn hit(&self, origin: Vec3, direction: Vec3) -> Option<Hit> {
        let (t, normal, surface) = match &self.shape {
            Shape::Convex(faces) => hit_convex(faces, origin, direction)?,
            Shape::Ellipsoid {
                centre,
                radii,
                surface,
            } => {
                let (t, normal) = hit_ellipsoid(*centre, *radii, origin, direction)?;
                (t, normal, *surface)
            }
        };
        Some(Hit {
            t,
            normal,
            surface,
            entity: self.entity,
        })
    }
}

/// Clips the ray by each half-space in turn (Cyrus and Beck, 1978).
fn hit_convex(faces: &[Face], origin: Vec3, direction: Vec3) -> Option<(f64, Vec3, SurfaceId)> {
    let (mut enter, mut leave) = (0.0, f64::INFINITY);
    let mut entered = None;
    for face in faces {
        let slope = dot(face.normal, direction);
        let distance = face.offset - dot(face.normal, origin);
        if slope < 0.0 {
            let t = distance / slope;
            if t > enter {
                enter = t;
                entered = Some(face);
            }
        } else if slope > 0.0 {
            leave = f64::min(leave, distance / slope);
        } else if distance < 0.0 {
            return None;
        }
        if enter > leave {
            return None;
        }
    }
    entered.map(|face| (enter, face.normal, face.surface))
}

fn hit_ellipsoid(centre: Vec3, radii: Vec3, origin: Vec3, direction: Vec3) -> Option<(f64, Vec3)> {
    let scaled = |v: Vec3| [v[0] / radii[0], v[1] / radii[1], v[2] / radii[2]];
    let from = scaled(along(origin, centre, -1.0));
    let towards = scaled(direction);
    let (square, half) = (dot(towards, towards), dot(from, towards));
    let discriminant = half * half - square * (dot(from, from) - 1.0);
    if discriminant < 0.0 {
        return None;
    }
    let t = (-half - discriminant.sqrt()) / square;
    (t > 0.0).then(|| (t, unit(scaled(along(from, towards, t)))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ray_from_above_meets_the_top_of_a_box() {
        let body = Body::cuboid([0.0; 3], [2.0, 2.0, 5.0], (7, 8), 1);
        let hit = body.hit([1.0, 1.0, 60.0], [0.0, 0.0, -1.0]).unwrap();
        assert!((hit.t - 55.0).abs() < 1e-9);
        assert_eq!(hit.surface, 7);
        assert!(body.hit([3.0, 1.0, 60.0], [0.0, 0.0, -1.0]).is_none());
    }

    #[test]
    fn a_ray_meets_a_ball_at_its_near_side() {
        let body = Body::ellipsoid([0.0, 0.0, 1.0], [1.0; 3], 3, 1);
        let hit = body.hit([-5.0, 0.0, 1.0], [1.0, 0.0, 0.0]).unwrap();
        assert!((hit.t - 4.0).abs() < 1e-9);
        assert!((hit.normal[0] + 1.0).abs() < 1e-9);
    }
}
