"""A synthetic subject with known truth: real anatomy, warped, scanned as T1 and FLAIR, with lesions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from yucca_wm.demo.anatomy import Anatomy
from yucca_wm.demo.lesions import Lesions, Tissue, grow, smooth_noise
from yucca_wm.imaging.images import Image

Array = NDArray[np.float64]

CONTROL_SPACING_MM = 30.0
"""Distance between the deformation's control points."""

CONTROL_REACH_MM = 150.0
"""The control points cover a cube of this half width around the subject's origin."""

WARP_RMS_MM = 3.0
"""Root mean square of the deformation along each axis within the head (vector length: sqrt(3) times this)."""

SMALLEST_JACOBIAN = 0.3
"""A deformation is scaled down until its Jacobian determinant stays above this (no folds)."""


@dataclass(frozen=True)
class Warp:
    """Subject world mm -> template world mm: ``affine @ (x + displacement(x))``.

    affine : 4x4.
    control_mm : displacement at the control points of a cubic B-spline, [nx, ny, nz, 3], in mm.
    """

    affine: Array
    control_mm: Array

    def displacement_mm(self, points_mm: Array) -> Array:
        """Displacement at ``points_mm`` [3, N], in mm, [3, N]."""
        from scipy.ndimage import map_coordinates

        lattice = (points_mm + CONTROL_REACH_MM) / CONTROL_SPACING_MM
        return np.stack(
            [
                map_coordinates(self.control_mm[..., axis], lattice, order=3, prefilter=False, mode="nearest")
                for axis in range(3)
            ]
        )

    def __call__(self, points_mm: Array) -> Array:
        """Template world mm of the subject's ``points_mm`` [3, N]."""
        moved = points_mm + self.displacement_mm(points_mm)
        return np.asarray(self.affine[:3, :3] @ moved + self.affine[:3, 3:])


def random_warp(rng: np.random.Generator, centre_mm: Array) -> Warp:
    """A random pose, size and shape.

    centre_mm : template point [3] near which the subject's origin lies (subjects are centred, as in a scanner).
    The template is an average brain, larger than most: heads are 2 to 14 % smaller, independently along each axis.
    """
    turn = rotation(rng.uniform(-7, 7, 3))
    size = np.diag(rng.uniform(1.02, 1.14) * rng.uniform(0.97, 1.03, 3))
    shear = np.eye(3) + np.triu(rng.uniform(-0.03, 0.03, (3, 3)), 1)
    affine = np.eye(4)
    affine[:3, :3] = size @ shear @ turn
    affine[:3, 3] = centre_mm + rng.uniform(-5, 5, 3)
    steps = int(2 * CONTROL_REACH_MM / CONTROL_SPACING_MM) + 1
    warp = Warp(affine, rng.standard_normal((steps,) * 3 + (3,)))
    axis = np.arange(-80.0, 81.0, 8.0)
    points = np.stack(np.meshgrid(axis, axis, axis, indexing="ij")).reshape(3, -1)
    factor = WARP_RMS_MM / np.sqrt((warp.displacement_mm(points) ** 2).mean())
    warp = Warp(affine, warp.control_mm * factor)
    while smallest_jacobian(warp) < SMALLEST_JACOBIAN:
        warp = Warp(affine, warp.control_mm * 0.9)
    return warp


def rotation(degrees: Array) -> Array:
    """3x3 rotation: about x, then y, then z."""
    from scipy.spatial.transform import Rotation

    return np.asarray(Rotation.from_euler("xyz", degrees, degrees=True).as_matrix())


def smallest_jacobian(warp: Warp) -> float:
    """Smallest determinant of d(x + displacement)/dx within the head, by central differences."""
    step_mm = 4.0
    axis = np.arange(-84.0, 85.0, step_mm)
    points = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"))
    field = warp.displacement_mm(points.reshape(3, -1)).reshape(points.shape)
    gradient = np.stack([np.stack(np.gradient(part, step_mm)) for part in field])
    jacobian = np.moveaxis(gradient, (0, 1), (-2, -1)) + np.eye(3)
    return float(np.linalg.det(jacobian).min())


@dataclass(frozen=True)
class Site:
    """A scanner of the cohort.

    spacing_mm, shape : the grid; the WMH challenge has about 1 x 1 x 3 mm, these are coarser so that a laptop copes.
    orientation : direction of increasing index along each axis, as in nibabel's axis codes.
    tilt_degrees : pitch of the slices against the world axes.
    supersampling : points per voxel and axis over which signals are averaged (partial volume).
    """

    name: str
    spacing_mm: tuple[float, float, float]
    shape: tuple[int, int, int]
    orientation: str
    tilt_degrees: float = 0.0
    supersampling: tuple[int, int, int] = (2, 2, 4)

    @property
    def affine(self) -> Array:
        """Voxel index -> world mm."""
        signs = np.array([1.0 if code in "RAS" else -1.0 for code in self.orientation])
        affine = np.eye(4)
        affine[:3, :3] = rotation(np.array([self.tilt_degrees, 0.0, 0.0])) @ np.diag(signs * self.spacing_mm)
        affine[:3, 3] = CENTRE_MM - affine[:3, :3] @ ((np.array(self.shape) - 1) / 2)
        return affine


CENTRE_MM = np.array([0.0, 0.0, -12.0])
"""Centre of every grid; the subject's origin is the centre of its cerebral white matter."""

SITES = (
    Site("SiteA", (4.2, 4.2, 5.0), (42, 50, 32), "LPS", supersampling=(3, 3, 4)),
    Site("SiteB", (4.3, 4.3, 5.0), (42, 50, 32), "RAS", tilt_degrees=6.0, supersampling=(3, 3, 4)),
)
"""Two scanners with different grids, orientations and obliquity."""

COARSE_SITES = (
    Site("SiteA", (5.0, 5.0, 6.0), (34, 42, 27), "LPS", supersampling=(2, 2, 2)),
    Site("SiteB", (5.2, 5.2, 6.0), (34, 40, 27), "RAS", tilt_degrees=6.0, supersampling=(2, 2, 2)),
)
"""The same two scanners, coarse enough for tests."""


FASTAID_RIGHT, FASTAID_LEFT = 44, 45
"""Labels of cerebral white matter in FAST-AID Brain's list."""


@dataclass(frozen=True)
class Phantom:
    """A subject and its truth, all images on one grid.

    t1, flair : int16 intensities, background 0 (skull-stripped).
    lesions : uint8, 1 white-matter lesion, 2 other pathology.
    wm : uint8, cerebral white matter as FAST-AID labels it (44 right, 45 left), lesions included (lesion filling).
    regions : uint8, region labels within ``wm``, by the true warp.
    template_mm : float32 [i, j, k, 3], position of each voxel's centre in the template's world, in mm.
    warp : the same as a function.
    """

    t1: Image
    flair: Image
    lesions: Image
    wm: Image
    regions: Image
    template_mm: NDArray[np.float32]
    warp: Warp
    anatomy: str

    def region_load_ml(self) -> Array:
        """Volume of label-1 lesion in regions 0..36 (0: outside every region), in ml."""
        inside = self.regions.data[self.lesions.data == 1]
        return np.bincount(inside, minlength=37)[:37] * self.lesions.voxel_volume_mm3 / 1000


def simulate(anatomy: Anatomy, site: Site, seed: int | tuple[int, ...], *, infarct: bool = False) -> Phantom:
    """Draw one subject. The same arguments give the same subject, on any machine and in any order."""
    rng = np.random.default_rng(seed)
    grid = Image(np.zeros(site.shape, dtype=np.uint8), site.affine)
    warp = random_warp(rng, anatomy.centre_mm)
    template_mm = warp(_voxel_points(grid, np.argwhere(np.ones(site.shape, dtype=bool)).T))
    head = (_sample(anatomy, anatomy.head, template_mm) > 0.5).reshape(site.shape)
    voxels = np.argwhere(head).T
    points_mm = _points_within(grid, voxels, site.supersampling)
    per_voxel = points_mm.shape[1] // voxels.shape[1]
    at_mm = warp(points_mm)
    gm, wm, t1 = (_sample(anatomy, values, at_mm) for values in (anatomy.gm, anatomy.wm, anatomy.t1))
    tissue = Tissue(
        points_mm=points_mm,
        wm=_sample(anatomy, anatomy.cerebral_wm, at_mm),
        ventricle_distance_mm=_sample(anatomy, anatomy.ventricle_distance_mm, at_mm),
        wm_depth_mm=_sample(anatomy, anatomy.wm_depth_mm, at_mm),
        on_left=at_mm[0] < anatomy.centre_mm[0],
        volume_ml=grid.voxel_volume_mm3 / per_voxel / 1000,
    )
    lesions = grow(rng, tissue, infarct=infarct)

    def volume(values: Array | NDArray[np.bool_]) -> Array:
        full = np.zeros(site.shape)
        full[head] = values.reshape(-1, per_voxel).mean(axis=1)
        return full

    csf = np.clip(1 - gm - wm, 0, 1)
    flair = 0.15 * csf + 1.25 * gm + 1.0 * wm
    t1, flair = _with_lesions(t1, flair, lesions)
    wm_mask = volume(tissue.wm) > 0.5
    wmh, other = volume(lesions.wmh) > 0.5, volume(lesions.other) > 0.5
    left = (template_mm[0] < anatomy.centre_mm[0]).reshape(site.shape)
    labels = _sample(anatomy, anatomy.regions, template_mm, order=0).reshape(site.shape)
    return Phantom(
        t1=grid.with_data(_scan(rng, volume(t1), head, points_mm[:, ::per_voxel], gain=520)),
        flair=grid.with_data(_scan(rng, volume(flair), head, points_mm[:, ::per_voxel], gain=330)),
        lesions=grid.with_data((wmh + 2 * (other & ~wmh)).astype(np.uint8)),
        wm=grid.with_data(np.where(wm_mask, np.where(left, FASTAID_LEFT, FASTAID_RIGHT), 0).astype(np.uint8)),
        regions=grid.with_data(np.where(wm_mask, labels, 0).astype(np.uint8)),
        template_mm=np.moveaxis(template_mm.reshape(3, *site.shape), 0, -1).astype(np.float32),
        warp=warp,
        anatomy=anatomy.name,
    )


def _with_lesions(t1: Array, flair: Array, lesions: Lesions) -> tuple[Array, Array]:
    """T1 and FLAIR signals with lesions: T1 dark; FLAIR bright, the core of an infarct dark."""
    t1 = np.where(lesions.wmh, 0.55, t1)
    flair = np.where(lesions.wmh, 1.85, flair)
    t1 = np.where(lesions.other, np.where(lesions.core, 0.25, 0.5), t1)
    flair = np.where(lesions.other, np.where(lesions.core, 0.25, 1.7), flair)
    return t1, flair


def _scan(
    rng: np.random.Generator, signal: Array, head: NDArray[np.bool_], points_mm: Array, gain: float
) -> NDArray[np.int16]:
    """Scanner intensities: gain, smooth bias field (about +-10 %), Rician noise (4 % of white matter)."""
    bias = np.exp(0.07 * smooth_noise(rng, points_mm, 60.0))
    clean = signal[head] * bias
    noise = 0.04 * rng.standard_normal((2, clean.size))
    magnitude = np.hypot(clean + noise[0], noise[1]) * gain * rng.uniform(0.9, 1.1)
    scan = np.zeros(head.shape, dtype=np.int16)
    scan[head] = np.maximum(np.rint(magnitude), 1)
    return scan


def _voxel_points(grid: Image, index: NDArray[np.int64] | Array) -> Array:
    """World mm [3, N] of voxel ``index`` [3, N]."""
    return np.asarray(grid.affine[:3, :3] @ index + grid.affine[:3, 3:])


def _points_within(grid: Image, voxels: NDArray[np.int64], factors: tuple[int, int, int]) -> Array:
    """World mm of a regular lattice of points inside each voxel, [3, voxels x points]."""
    offsets = np.stack(np.meshgrid(*[(np.arange(n) + 0.5) / n - 0.5 for n in factors], indexing="ij"), axis=0).reshape(
        3, 1, -1
    )
    return _voxel_points(grid, (voxels[:, :, None] + offsets).reshape(3, -1))


def _sample(anatomy: Anatomy, values: NDArray[np.generic], points_mm: Array, order: int = 1) -> Array:
    """``values`` (on the anatomy's grid) at template ``points_mm`` [3, N]; 0 outside."""
    from scipy.ndimage import map_coordinates

    to_index = np.linalg.inv(anatomy.affine)
    index = to_index[:3, :3] @ points_mm + to_index[:3, 3:]
    return np.asarray(map_coordinates(values, index, order=order, mode="constant", cval=0.0), dtype=np.float64)
